"""Transforms of place. What comes in from outside repeats the border, so that no new color comes with it."""

import math
from functools import lru_cache
from typing import Annotated, Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from negatoscope.errors import expect
from negatoscope.transforms import ParameterRange, register_transform
from negatoscope.transforms.parts import by_parts
from negatoscope.transforms.per_image import PerImage, checked
from negatoscope.types import Images

Axis = Literal["left_right", "top_bottom"]


@register_transform
def flip(images: Images, *, axis: Axis = "left_right") -> Images:
    """The mirror image.

    Args:
        images: Images in [0, 1].
        axis: "left_right" swaps left and right, "top_bottom" top and bottom.

    Raises:
        InputError: `axis` is another word.

    Source: Pillow's ``Image.transpose``, FLIP_LEFT_RIGHT and FLIP_TOP_BOTTOM.
    """
    expect(axis in get_args(Axis), "axis of flip to be 'left_right' or 'top_bottom'", repr(axis))
    return images.flip(3 if axis == "left_right" else 2)


@register_transform
def rotation(
    images: Images, *, degrees: Annotated[float | PerImage, ParameterRange(-180.0, 180.0, identity=0.0, circular=True)]
) -> Images:
    """Rotate the image about its center, with bilinear interpolation; the frame stays as it is.

    Args:
        images: Images in [0, 1].
        degrees: From -180 to 180, counterclockwise.

    Raises:
        InputError: `degrees` is outside its range.

    Source: scikit-image's ``rotate`` with mode "edge".
    """
    what, hint = "degrees of rotation from -180 to 180", "0.0 changes nothing"
    checked(degrees, images, low=-180, high=180, what=what, hint=hint)
    return by_parts(images, _turned, degrees=degrees)


@register_transform
def translation(
    images: Images,
    *,
    right: Annotated[float | PerImage, ParameterRange(-0.25, 0.25, identity=0.0)] = 0.0,
    down: Annotated[float | PerImage, ParameterRange(-0.25, 0.25, identity=0.0)] = 0.0,
) -> Images:
    """Move the image by whole pixels.

    Args:
        images: Images in [0, 1].
        right: A share of the width, rounded to pixels; below 0 to the left.
        down: A share of the height, rounded to pixels; below 0 upwards.

    Raises:
        InputError: A share is not from -1 to 1.

    Source: SciPy's ``ndimage.shift`` with mode "nearest".
    """
    for name, share in (("right", right), ("down", down)):
        what, hint = f"{name} of translation from -1 to 1", "it is a share of the image"
        checked(share, images, low=-1, high=1, what=what, hint=hint)
    if isinstance(right, Tensor) or isinstance(down, Tensor):
        return by_parts(images, _each_moved, right=right, down=down)
    height, width = images.shape[2:]
    moved = _moved(images, 3, round(right * width)) if right else images
    return _moved(moved, 2, round(down * height)) if down or not right else moved


def _moved(images: Images, dim: int, by: int) -> Images:
    """A copy in which everything stands `by` pixels further along `dim`, and the border that it left is repeated."""
    size = images.shape[dim]
    by = max(1 - size, min(size - 1, by))
    result, moved = torch.empty_like(images), size - abs(by)
    result.narrow(dim, max(by, 0), moved).copy_(images.narrow(dim, max(-by, 0), moved))
    border = images.narrow(dim, 0 if by > 0 else size - 1, 1)
    result.narrow(dim, 0 if by > 0 else moved, abs(by)).copy_(border)
    return result


def _each_moved(images: Images, *, right: float | PerImage, down: float | PerImage) -> Images:
    """Each image moved by its own number of pixels."""
    height, width = images.shape[2:]
    columns, rows = _origins(right, width, images), _origins(down, height, images)
    origins = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)[:, None]
    return images.flatten(2).gather(2, origins.expand(len(images), images.shape[1], -1)).reshape(images.shape)


def _origins(share: float | PerImage, size: int, images: Images) -> Int64[Tensor, "batch size"]:
    """Where each place along a side of the image comes from; in float64, as Python rounds a number to pixels."""
    by = torch.as_tensor(share, dtype=torch.float64, device=images.device).detach().mul(size).round().long()
    places = torch.arange(size, device=images.device)
    return (places - by.expand(len(images))[:, None]).clamp_(0, size - 1)


def _turned(images: Images, *, degrees: float | PerImage) -> Images:
    exact = images.to(torch.promote_types(images.dtype, torch.float32))
    n, _, height, width = images.shape
    if isinstance(degrees, Tensor):
        radians = degrees.double().deg2rad().reshape(-1, 1, 1)  # as exact as a number is
        grid = _places(height, width, radians.cos().to(exact), radians.sin().to(exact), exact.dtype, exact.device)
    else:
        grid = _grid(height, width, degrees, exact.dtype, exact.device).expand(n, height, width, 2)
    turned = functional.grid_sample(exact, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return turned.clamp_(0, 1)


@lru_cache(maxsize=8)
def _grid(
    height: int, width: int, degrees: float, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "height width 2"]:
    """Where each pixel comes from, as grid_sample counts: from -1 to 1 over the whole frame."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    with torch.inference_mode(False):  # who comes next may want slopes
        return _places(height, width, cosine, sine, dtype, device)


def _places(
    height: int, width: int, cosine: float | Tensor, sine: float | Tensor, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "... height width 2"]:
    across = torch.arange(width, dtype=dtype, device=device) - (width - 1) / 2
    down = (torch.arange(height, dtype=dtype, device=device) - (height - 1) / 2)[:, None]
    columns, rows = cosine * across - sine * down, sine * across + cosine * down
    return torch.view_as_real(torch.complex(columns * (2 / width), rows * (2 / height)))  # faster than a stack of both
