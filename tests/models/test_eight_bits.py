"""Images that come from 8 bits and are changed exactly reach a model as the 8-bit images that they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from negatoscope.levels import on_levels
from negatoscope.models.adapter import preprocess
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.predict import to_images
from negatoscope.pixels import ResizeSpec
from negatoscope.transforms import describe_transform
from negatoscope.types import Images

ALL = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
MEANS: list[dict[str, Any]] = [{}, {"mean": (0.1307,), "std": (0.3081,)}, {"mean": (127.5,), "std": (127.5,)}]
EXACT: dict[str, Callable[[Tensor], Tensor]] = {
    "negative": lambda pixels: 255 - pixels,
    "negative_path(share=1.0)": lambda pixels: 255 - pixels,
    "solarize(threshold=0.5)": lambda pixels: torch.where(pixels < 128, pixels, 255 - pixels),
    "posterize(bits=3)": lambda pixels: pixels // 32 * 32,
    "flip": lambda pixels: pixels.flip(3),
    "gamma(exponent=1.0)": lambda pixels: pixels,
}
IN_COLOR: dict[str, Callable[[Tensor], Tensor]] = {
    "channel_negative(channels='R')": lambda pixels: torch.cat([255 - pixels[:, :1], pixels[:, 1:]], dim=1),
    "channel_permutation(order='BGR')": lambda pixels: pixels.flip(1),
    "hue_shift(degrees=180.0)": lambda pixels: pixels.amin(1, keepdim=True) + pixels.amax(1, keepdim=True) - pixels,
}


def _colors() -> Tensor:
    """Images whose channels hold all values, each in an order of its own."""
    generator = torch.Generator().manual_seed(0)
    planes = [torch.randperm(256, generator=generator).to(torch.uint8).reshape(1, 1, 16, 16) for _ in range(9)]
    return torch.cat(planes).reshape(3, 3, 16, 16)


def _changed(images: Images, spec: str) -> Images:
    changed: Images = describe_transform(spec).function(images)
    return changed


@pytest.mark.parametrize("spec", EXACT)
@pytest.mark.parametrize("numbers", MEANS)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "NHW", "flat"])
@pytest.mark.parametrize("span", ["0..1", "0..255", "-1..1"])
def test_every_value_arrives_as_that_of_the_changed_8_bit_image(
    span: Any, layout: Any, numbers: dict[str, Any], spec: str
) -> None:
    input_spec = InputSpec(ResizeSpec(16, 16, "gray"), classes=10, layout=layout, range=span, **numbers)
    found = preprocess(_changed(to_images(ALL), spec), input_spec=input_spec)
    assert torch.equal(found, preprocess(to_images(EXACT[spec](ALL)), input_spec=input_spec))


@pytest.mark.parametrize("spec", [*EXACT, *IN_COLOR])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "flat"])
def test_a_model_of_0_to_255_gets_whole_numbers(layout: Any, order: Any, spec: str) -> None:
    pixels = _colors()
    changed = {**EXACT, **IN_COLOR}[spec](pixels)
    changed = changed.flip(1) if order == "BGR" else changed
    expected = {"NCHW": changed, "NHWC": changed.permute(0, 2, 3, 1), "flat": changed.flatten(1)}[layout]
    for dtype in ("float32", "float16", "float64", "uint8", "int32"):
        input_spec = InputSpec(
            ResizeSpec(16, 16, "rgb"), classes=10, layout=layout, range="0..255", channel_order=order, dtype=dtype
        )
        found = preprocess(_changed(to_images(pixels), spec), input_spec=input_spec)
        np.testing.assert_array_equal(found.double().numpy(), expected.double().numpy())


@pytest.mark.parametrize("spec", ["gamma(exponent=2.0)", "contrast(factor=0.5)", "negative_path(share=0.5)"])
def test_an_image_between_the_levels_arrives_as_it_is_whatever_stands_beside_it(spec: str) -> None:
    input_spec = InputSpec(ResizeSpec(16, 16, "gray"), classes=10)
    between = _changed(to_images(ALL), spec)
    both = torch.cat([_changed(to_images(ALL), "negative"), between])
    found = preprocess(both, input_spec=input_spec)
    assert torch.equal(found[1:], between)
    assert torch.equal(found[:1], to_images(255 - ALL))


def test_an_attack_still_finds_its_gradient() -> None:
    input_spec = InputSpec(ResizeSpec(16, 16, "gray"), classes=10, range="0..255", mean=(10.0,), std=(2.0,))
    images = (1 - to_images(ALL)).requires_grad_()
    (gradient,) = torch.autograd.grad(preprocess(images, input_spec=input_spec).sum(), images)
    np.testing.assert_allclose(gradient.numpy(), 127.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_keep_their_layout_in_memory(channels: int) -> None:
    pixels = torch.randint(0, 256, (4, channels, 9, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for images in (1 - to_images(pixels), 1 - pixels / 255):
        assert on_levels(images).stride() == images.stride()
