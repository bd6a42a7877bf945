"""What the shape of a model's input says: layout, size, channels and batch, where it decides them."""

from dataclasses import replace

from negatoscope.errors import InputError, expect
from negatoscope.models.layouts import LAYOUTS, Dims, Reading
from negatoscope.models.options import ModelOptions

_OF_SHAPE = ("layout", "size", "channels")


def read_shape(dims: Dims, *, options: ModelOptions, name: str) -> ModelOptions:
    """Layout, size, channels and batch of an input.

    A dimension of 1 or 3 in the channels' place decides between NCHW and NHWC. A flat input is a square, gray or RGB,
    unless the options say otherwise.

    Args:
        dims: The input's shape, the batch first.
        options: What the user says; the shape must allow it.
        name: How an error calls the model.

    Raises:
        InputError: The shape allows none of it or more than one reading, or leaves something open.
    """
    shown = f"input [{', '.join('?' if length is None else str(length) for length in dims)}] of {name}"
    readings = _readings(dims, options)
    certain = [reading for reading in readings if reading.channels] or readings
    if not certain:
        raise InputError(_mismatch(dims, options, shown))
    unbatched = len(dims) == 3 and dims[0] == 3 and options.layout is None
    if len({reading.layout for reading in certain}) > 1 or unbatched:
        raise InputError(f"expected --layout for {shown}, which can be read in more than one way; give it")
    reading = certain[0]
    size = (reading.height, reading.width) if reading.height and reading.width else options.size
    channels = (reading.channels if len(certain) == 1 else None) or options.channels
    if size is None or channels is None:
        raise InputError(f"expected --{'channels' if size else 'size'} for {shown}, which leaves it open; give it")
    fits = dims[0] is None or options.batch in (None, dims[0])
    expect(fits, f"a batch of {dims[0]} for {shown}", f"{options.batch}; leave it out")
    return ModelOptions(layout=reading.layout, size=size, channels=channels, batch=dims[0] or options.batch)


def _readings(dims: Dims, options: ModelOptions) -> list[Reading]:
    return [
        reading
        for layout, rules in LAYOUTS.items()
        for reading in rules.readings(dims[1:], options.size, options.layout == layout)
        if dims and _agrees(reading, options)
    ]


def _mismatch(dims: Dims, options: ModelOptions, shown: str) -> str:
    """Which one option contradicts the shape, and what stands there; or what else may be wrong."""
    for key in _OF_SHAPE:
        given, others = getattr(options, key), replace(options, **{key: None})
        if given and (readings := _readings(dims, others)):
            reading = readings[0]
            fixed = (reading.height, reading.width) if key == "size" else getattr(reading, key)
            return f"expected --{key} {_written(fixed)} for {shown}, got {_written(given)}; leave it out"
    given = [f"--{key} {_written(options.given[key])}" for key in _OF_SHAPE if key in options.given]
    hint = f"correct {' '.join(given)}" if given else "give --layout and --size"
    return f"expected one image for each of a batch, got {shown}; {hint}, or wrap it in Python"


def _written(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _agrees(reading: Reading, options: ModelOptions) -> bool:
    read = (reading.layout, reading.channels, reading.height, reading.width)
    given = (options.layout, options.channels, *(options.size or (None, None)))
    return all(ours is None or theirs is None or ours == theirs for ours, theirs in zip(read, given, strict=True))
