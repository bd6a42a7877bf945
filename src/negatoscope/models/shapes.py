"""What the shape of a model's input says: layout, size, channels and batch, where it decides them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from negatoscope.errors import InputError
from negatoscope.models.input_spec import Layout

Dims = Sequence[int | None]
"""A shape whose open dimensions are None."""


@dataclass(frozen=True)
class _Reading:
    layout: Layout
    channels: Literal["gray", "rgb"] | None
    height: int | None
    width: int | None


def read_shape(dims: Dims, *, options: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Layout, size, channels and batch of an input.

    A dimension of 1 or 3 in the channels' place decides between NCHW and NHWC. A flat input is a square, gray or RGB,
    unless it is told otherwise.

    Args:
        dims: The input's shape, the batch first.
        options: What the user says, as `told.read_options` gives it; the shape must allow it.
        name: How an error calls the model.

    Raises:
        InputError: The shape allows none of it or more than one reading, or leaves something open.
    """
    shown = f"input {_shown(dims)} of {name}"
    readings = [each for each in _readings(dims[1:], options) if _agrees(each, options)] if dims else []
    certain = [each for each in readings if each.channels] or readings
    if not certain:
        wanted = {key: options[key] for key in ("layout", "size", "channels") if key in options}
        hint = f"it cannot have {wanted}; correct that" if wanted else "give --layout and --size, or wrap it in Python"
        raise InputError(f"expected one image for each of a batch in {shown}, but {hint}")
    unbatched = len(dims) == 3 and dims[0] == 3 and "layout" not in options
    if len({each.layout for each in certain}) > 1 or unbatched:
        raise InputError(f"expected --layout for {shown}, which can be read in more than one way; give it")
    found = certain[0]
    size = (found.height, found.width) if found.height and found.width else options.get("size")
    channels = (found.channels if len(certain) == 1 else None) or options.get("channels")
    if size is None or channels is None:
        raise InputError(f"expected --{'channels' if size else 'size'} for {shown}, which leaves it open; give it")
    return {"layout": found.layout, "size": size, "channels": channels, "batch": _batch(dims[0], options, shown)}


def _batch(fixed: int | None, options: Mapping[str, Any], shown: str) -> int | None:
    wanted: int | None = options.get("batch", fixed)
    if fixed is not None and wanted != fixed:
        raise InputError(f"expected a batch of {fixed} for {shown}, got {wanted}; leave it out")
    return wanted


def _readings(rest: Dims, options: Mapping[str, Any]) -> Iterator[_Reading]:
    if len(rest) == 3:
        first, second, third = rest
        if first in _CHANNELS:
            yield _Reading("NCHW", _CHANNELS[first], second, third)
        if third in _CHANNELS:
            yield _Reading("NHWC", _CHANNELS[third], first, second)
    if len(rest) == 2 and 1 not in rest:
        yield _Reading("NHW", "gray", *rest)
    if sum(length != 1 for length in rest) == 1 or options.get("layout") == "flat":
        yield from _flat(rest, options)


_CHANNELS: Mapping[int | None, Literal["gray", "rgb"] | None] = {1: "gray", 3: "rgb", None: None}


def _flat(rest: Dims, options: Mapping[str, Any]) -> Iterator[_Reading]:
    if None in rest:
        yield _Reading("flat", None, None, None)
        return
    count = math.prod(length for length in rest if length)
    planes: tuple[tuple[Literal["gray", "rgb"], int], ...] = (("gray", 1), ("rgb", 3))
    for channels, depth in planes:
        side = math.isqrt(count // depth)
        height, width = options.get("size", (side, side))
        if depth * height * width == count and count > 0:
            yield _Reading("flat", channels, height, width)


def _agrees(reading: _Reading, options: Mapping[str, Any]) -> bool:
    height, width = options.get("size", (None, None))
    pairs = [
        (reading.layout, options.get("layout")),
        (reading.channels, options.get("channels")),
        (reading.height, height),
        (reading.width, width),
    ]
    return all(ours is None or theirs is None or ours == theirs for ours, theirs in pairs)


def _shown(dims: Dims) -> str:
    return "[" + ", ".join("?" if length is None else str(length) for length in dims) + "]"
