"""The layouts of a batch, images along its first axis: another one is an entry of `LAYOUTS`, and a name in `Layout`."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Shaped
from torch import Tensor

Channels = Literal["gray", "rgb"]
Layout = Literal["NCHW", "NHWC", "NHW", "flat", "flat-NHWC"]

FLAT: tuple[Layout, ...] = ("flat", "flat-NHWC")
"""A row of numbers for each image: channel by channel, or pixel by pixel."""

Dims = Sequence[int | None]
"""A shape whose open dimensions are None."""

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True)
class Reading:
    """What a shape says of an image, if it has some layout; what it leaves open is None."""

    layout: Layout
    channels: Channels | None
    height: int | None
    width: int | None


@dataclass(frozen=True)
class LayoutRules:
    """One layout.

    Args:
        arrange: Makes it of a batch of channels, height and width.
        readings: What the dimensions after the batch's say under it, nothing where they cannot have it; called with the
            size that the user gives, if any, and with whether the user asks for this layout, too.
        gray_only: Whether it has no place for three channels.
    """

    arrange: Callable[[Shaped[Tensor, "batch channels height width"]], Shaped[Tensor, "batch ..."]]
    readings: Callable[[Dims, Size | None, bool], Iterable[Reading]]
    gray_only: bool = False


_CHANNELS: Mapping[int | None, Channels | None] = {1: "gray", 3: "rgb", None: None}


def _channels_first(dims: Dims, size: Size | None, asked: bool) -> Iterator[Reading]:
    if len(dims) == 3 and dims[0] in _CHANNELS:
        yield Reading("NCHW", _CHANNELS[dims[0]], dims[1], dims[2])


def _channels_last(dims: Dims, size: Size | None, asked: bool) -> Iterator[Reading]:
    if len(dims) == 3 and dims[2] in _CHANNELS:
        yield Reading("NHWC", _CHANNELS[dims[2]], dims[0], dims[1])


def _without_channels(dims: Dims, size: Size | None, asked: bool) -> Iterator[Reading]:
    if len(dims) == 2 and 1 not in dims:
        yield Reading("NHW", "gray", dims[0], dims[1])


def _flat(dims: Dims, size: Size | None, asked: bool) -> Iterator[Reading]:
    """A square, gray or RGB, unless a size is given; of several dimensions only if the user asks for it."""
    if not asked and sum(length != 1 for length in dims) != 1:
        return
    if None in dims:
        yield Reading("flat", None, None, None)
        return
    count = math.prod(length for length in dims if length)
    planes: tuple[tuple[Channels, int], ...] = (("gray", 1), ("rgb", 3))
    for channels, depth in planes:
        side = math.isqrt(count // depth)
        height, width = size or (side, side)
        if depth * height * width == count and count > 0:
            yield Reading("flat", channels, height, width)


def _flat_channels_last(dims: Dims, size: Size | None, asked: bool) -> Iterator[Reading]:
    """Never guessed: its numbers are those of a flat image with its channels first."""
    if asked:
        yield from (replace(reading, layout="flat-NHWC") for reading in _flat(dims, size, asked))


def in_shape(images: Shaped[Tensor, "batch ..."], dims: Dims) -> Shaped[Tensor, "batch ..."]:
    """A flat batch in the shape that a model declares, of which at most one dimension of an image is open."""
    return images.reshape(len(images), *(length or -1 for length in dims[1:])) if dims else images


LAYOUTS: Mapping[Layout, LayoutRules] = {
    "NCHW": LayoutRules(lambda images: images, _channels_first),
    "NHWC": LayoutRules(lambda images: images.permute(0, 2, 3, 1).contiguous(), _channels_last),
    "NHW": LayoutRules(lambda images: images.squeeze(1).contiguous(), _without_channels, gray_only=True),
    "flat": LayoutRules(lambda images: images.flatten(1), _flat),
    "flat-NHWC": LayoutRules(lambda images: images.permute(0, 2, 3, 1).flatten(1), _flat_channels_last),
}
