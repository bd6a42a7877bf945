"""What every transform promises, over the range of its settings; a new one is picked up from the registry."""

import inspect
import math
from contextlib import suppress
from functools import partial
from typing import Any, Literal, get_args, get_origin

import pytest
import torch

from negatoscope.descriptions import literal_type, ranges_of
from negatoscope.errors import InputError
from negatoscope.models.predict import to_images
from negatoscope.registry import Spec
from negatoscope.transforms import TRANSFORMS, ParameterRange, TransformFacts, describe_transform
from negatoscope.types import Images

SHAPES = {
    "no images": (0, 1, 4, 4),
    "one image": (1, 3, 5, 6),
    "one pixel": (2, 1, 1, 1),
    "one pixel in color": (2, 3, 1, 1),
    "one channel": (3, 1, 6, 5),
    "color": (4, 3, 8, 8),
}
LAYOUTS = [torch.contiguous_format, torch.channels_last]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def _values(parameter: inspect.Parameter, range: ParameterRange | None) -> list[Any]:
    """What to try of a setting, an ordinary value first."""
    if range is not None:
        values = [(range.low + range.high) / 2, range.low, range.high]
        return [int(value) for value in values] if literal_type(parameter.annotation) is int else values
    if get_origin(parameter.annotation) is Literal:
        return list(get_args(parameter.annotation))
    assert parameter.default is not parameter.empty, (
        f"{parameter} has neither a ParameterRange, nor choices, nor a default"
    )
    return [parameter.default]


def _specs(name: str) -> list[str]:
    """Specs in which one setting at a time takes each of its values, and the others an ordinary one."""
    function = TRANSFORMS.get(name)
    ranges, parameters = ranges_of(function), inspect.signature(function).parameters
    values = {key: _values(each, ranges.get(key)) for key, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    usual = {key: each[0] for key, each in values.items()}
    tried = [usual, *({**usual, key: value} for key, each in values.items() for value in each[1:])]
    return [str(TRANSFORMS.resolve(str(Spec(name, arguments)))[0]) for arguments in tried]


SPECS = list(dict.fromkeys(spec for name in TRANSFORMS.names() for spec in _specs(name)))

over_settings = pytest.mark.parametrize("facts", [describe_transform(spec) for spec in SPECS], ids=SPECS)
over_names = pytest.mark.parametrize("name", TRANSFORMS.names())


def _images(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Images:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def _refused(facts: TransformFacts, images: Images) -> bool:
    """Whether it is one of color that refuses gray images, which is its right, in one sentence."""
    if not facts.color or images.shape[1] != 1:
        return False
    sentence = _refusal(facts, images)
    assert not sentence or sentence.startswith("expected RGB images for ")
    return sentence != ""


def _refusal(facts: TransformFacts, images: Images) -> str:
    """The sentence of a refusal, empty where there is none."""
    try:
        assert facts.function(images).shape == images.shape
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
@over_settings
def test_shape_dtype_device_and_range_are_kept(facts: TransformFacts, dtype: torch.dtype, device: str) -> None:
    for shape in SHAPES.values():
        for layout in LAYOUTS:
            images = _images(shape, dtype).to(device).contiguous(memory_format=layout)
            if _refused(facts, images):
                continue
            found = facts.function(images)
            assert (found.shape, found.dtype, found.device) == (images.shape, images.dtype, images.device)
            assert bool(((found >= 0) & (found <= 1)).all())


@over_settings
def test_the_ends_of_the_range_stay_in_it(facts: TransformFacts) -> None:
    for level in (0.0, 1.0, 5e-324, 1e-8, 0.1, 1 - 2**-24):
        for other in (level, 0.0, 1.0):
            images = torch.tensor([level, other, level]).reshape(1, 3, 1, 1).expand(2, 3, 3, 3)
            found = facts.function(images)
            assert bool(((found >= 0) & (found <= 1)).all()), (level, other)


@over_settings
def test_the_input_is_untouched_and_not_shared(facts: TransformFacts) -> None:
    for shape in SHAPES.values():
        images = _images(shape)
        before = images.clone()
        if not _refused(facts, images):
            facts.function(images).zero_()
        assert torch.equal(images, before)


@over_settings
def test_the_same_call_gives_the_same_bits_whatever_the_global_generator(facts: TransformFacts) -> None:
    images = _images((4, 3, 8, 8))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = facts.function(images)
        torch.manual_seed(2)
        state = torch.get_rng_state()
        second = facts.function(images)
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second)


@over_settings
def test_an_image_depends_neither_on_its_batch_nor_on_its_place_in_it(facts: TransformFacts) -> None:
    images = _images((4, 3, 8, 8))
    together = facts.function(images)
    torch.testing.assert_close(together, torch.cat([facts.function(image[None]) for image in images]))
    torch.testing.assert_close(together.flip(0), facts.function(images.flip(0)))


@over_settings
def test_layout_in_memory_changes_nothing(facts: TransformFacts) -> None:
    images = _images((4, 3, 8, 8))
    torch.testing.assert_close(
        facts.function(images), facts.function(images.contiguous(memory_format=torch.channels_last))
    )


@over_names
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_identity_changes_nothing_in_stored_images(name: str, shape: tuple[int, ...]) -> None:
    facts = describe_transform(_specs(name)[0])
    if not facts.identity:
        assert all(range.identity is None for range in facts.ranges.values())
        return
    images = to_images((_images(shape) * 255).round().to(torch.uint8))
    if _refused(facts, images):
        return
    function = partial(TRANSFORMS.get(name), **{**facts.spec.arguments, **facts.identity})
    torch.testing.assert_close(function(images), images, rtol=0, atol=1e-5)


@over_names
def test_numbers_that_are_none_are_refused_in_one_sentence(name: str) -> None:
    facts = describe_transform(_specs(name)[0])
    images = _images((1, 3, 4, 4))
    for setting in facts.ranges:
        whole = literal_type(TRANSFORMS.settings(name)[setting].annotation) is int
        for value in (-1000, 10**9) if whole else (math.nan, math.inf, -math.inf):
            with pytest.raises(InputError, match=rf"^expected {setting} of "):
                TRANSFORMS.get(name)(images, **{**facts.spec.arguments, setting: value})


EXTREME = (1e308, 3.5e38, 3.4e38, 1e20, 1e6, 65505.0, 1000.0, 1e-45, 5e-324, -5e-324, -0.0, -1e308)
HUGE = (2**63 - 1, 2**63, 2**64, -1, -(2**63) - 1, 10**300)


@over_names
def test_no_number_but_a_refused_one_leads_out_of_the_range(name: str) -> None:
    facts = describe_transform(_specs(name)[0])
    levels = torch.tensor([0.0, 0.25, 0.5, 1.0]).expand(1, 3, 4, 4)
    for setting, parameter in TRANSFORMS.settings(name).items():
        for value in {float: EXTREME, int: HUGE}.get(literal_type(parameter.annotation), ()):
            for images in (levels.to(dtype) for dtype in (torch.float16, torch.float32, torch.float64)):
                with suppress(InputError):
                    found = TRANSFORMS.get(name)(images, **{**facts.spec.arguments, setting: value})
                    assert bool(((found >= 0) & (found <= 1)).all()), (setting, value, images.dtype)


@over_names
def test_other_numbers_of_channels_are_kept_or_refused_in_one_sentence(name: str) -> None:
    facts = describe_transform(_specs(name)[0])
    sentence = _refusal(facts, _images((2, 4, 5, 5)))
    assert not sentence or sentence.startswith("expected images of 1 channel (gray) or 3 (RGB), got 4; ")


@over_names
def test_a_transform_of_color_leaves_gray_alone_or_is_another_or_refuses_it(name: str) -> None:
    facts = describe_transform(_specs(name)[0])
    gray = _images((3, 1, 6, 5))
    if facts.color and not _refused(facts, gray):
        found = facts.function(gray)
        assert torch.equal(found, gray) or torch.equal(found, 1 - gray)
        in_color = facts.function(gray.expand(3, 3, 6, 5))
        torch.testing.assert_close(in_color, found.expand(3, 3, 6, 5))
