"""What every transform promises; a new one is picked up from the registry."""

from collections.abc import Callable

import pytest
import torch

from negatoscope.transforms import TRANSFORMS
from negatoscope.types import Images

Transform = Callable[[Images], Images]

pytestmark = pytest.mark.parametrize(
    "transform", [TRANSFORMS.resolve(name)[1] for name in TRANSFORMS.names()], ids=TRANSFORMS.names()
)

SHAPES = {
    "no images": (0, 1, 4, 4),
    "one image": (1, 3, 5, 6),
    "one pixel": (2, 1, 1, 1),
    "one channel": (3, 1, 6, 5),
    "colour": (4, 3, 8, 8),
}
LAYOUTS = [torch.contiguous_format, torch.channels_last]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def _images(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Images:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shape_dtype_device_and_range_are_kept(
    transform: Transform, shape: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format, device: str
) -> None:
    images = _images(shape, dtype).to(device).contiguous(memory_format=layout)
    found = transform(images)
    assert (found.shape, found.dtype, found.device) == (images.shape, images.dtype, images.device)
    assert bool(((found >= 0) & (found <= 1)).all())


@pytest.mark.parametrize("level", [0.0, 1.0, 5e-324, 1e-8, 1 - 2**-24])
def test_the_ends_of_the_range_stay_in_it(transform: Transform, level: float) -> None:
    found = transform(torch.full((2, 1, 3, 3), level))
    assert bool(((found >= 0) & (found <= 1)).all())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_input_is_untouched_and_not_shared(transform: Transform, shape: tuple[int, ...]) -> None:
    images = _images(shape)
    before = images.clone()
    transform(images).zero_()
    assert torch.equal(images, before)


def test_the_same_call_gives_the_same_bits_whatever_the_global_generator(transform: Transform) -> None:
    images = _images((4, 3, 8, 8))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = transform(images)
        torch.manual_seed(2)
        state = torch.get_rng_state()
        second = transform(images)
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second)


def test_an_image_does_not_depend_on_its_batch(transform: Transform) -> None:
    images = _images((4, 3, 8, 8))
    torch.testing.assert_close(transform(images), torch.cat([transform(image[None]) for image in images]))


def test_layout_in_memory_changes_nothing(transform: Transform) -> None:
    images = _images((4, 3, 8, 8))
    torch.testing.assert_close(transform(images), transform(images.contiguous(memory_format=torch.channels_last)))
