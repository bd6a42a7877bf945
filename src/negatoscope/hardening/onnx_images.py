"""Images inside an ONNX graph: from what a classifier takes to whole numbers 0..255 and back, and their orbits."""

import math
from itertools import groupby

import numpy as np

from negatoscope.hardening.onnx_nodes import Nodes
from negatoscope.models.adapter import RANGES
from negatoscope.models.input_spec import WHOLE, InputSpec
from negatoscope.models.layouts import FLAT, Dims
from negatoscope.transforms.groups import Element, Group

_ROUNDING = 255e-6  # as levels.py has it, in units of a level
_MOST_ROUNDING = 0.25
_ONNX_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "float16": 10, "float64": 11}  # of TensorProto


def pixels_of(nodes: Nodes, native: str, spec: InputSpec) -> str:
    """A batch as the classifier takes it, as pixels in 0..255, of shape (batch, channels, height, width).

    Images whose values are those of 8-bit pixels but for rounding become whole numbers; others stay as they are.
    """
    channels, height, width = spec.resize.shape
    value = native if spec.dtype == "float32" else nodes.add("Cast", native, to=_ONNX_TYPES["float32"])
    if spec.layout in ("NHW", "flat"):
        value = nodes.reshape(value, 0, channels, height, width)
    elif spec.layout == "flat-NHWC":
        value = nodes.reshape(value, 0, height, width, channels)
    if spec.layout in ("NHWC", "flat-NHWC"):
        value = nodes.add("Transpose", value, perm=[0, 3, 1, 2])
    factor, offset = _to_levels(spec)
    value = value if (factor == 1).all() else nodes.apply("Mul", value, factor)
    value = value if (offset == 0).all() else nodes.apply("Add", value, offset)
    value = nodes.gather(value, [2, 1, 0], axis=1) if spec.channel_order == "BGR" else value
    return value if spec.dtype in WHOLE else _on_levels(nodes, value, spec, count=channels * height * width)


def native_of(nodes: Nodes, pixels: str, spec: InputSpec, dims: Dims, *, name: str) -> str:
    """Pixels in 0..255 as the classifier takes them: the steps of `preprocess`, in its order, so that bits are its own.

    Args:
        nodes: Where nodes go.
        pixels: The value.
        spec: What the classifier takes.
        dims: The shape that its input declares.
        name: What the result is called.
    """
    scale, shift = RANGES[spec.range]
    value = pixels
    if spec.range != "0..255":
        value = nodes.apply("Div", value, 255)
        value = value if scale == 1 else nodes.apply("Add", nodes.apply("Mul", value, scale), shift)
    value = nodes.gather(value, [2, 1, 0], axis=1) if spec.channel_order == "BGR" else value
    value = nodes.apply("Sub", value, _of_channels(spec.mean)) if spec.mean else value
    value = nodes.apply("Div", value, _of_channels(spec.std)) if spec.std else value
    value = value if spec.dtype == "float32" else nodes.add("Cast", value, to=_ONNX_TYPES[spec.dtype])
    if spec.layout in ("NHWC", "flat-NHWC"):
        value = nodes.add("Transpose", value, perm=[0, 2, 3, 1])
    if spec.layout == "NHW":
        value = nodes.reshape(value, 0, spec.resize.height, spec.resize.width)
    elif spec.layout in FLAT:
        value = nodes.reshape(value, 0, *(length or -1 for length in dims[1:]))
    return nodes.add("Identity", value, name=name)


def orbit_of(nodes: Nodes, pixels: str, group: Group, spec: InputSpec) -> str:
    """All transforms of pixels, of shape (batch, elements, channels, height, width), in the group's order."""
    numbered = sorted(enumerate(group.elements), key=lambda entry: (entry[1].flipped, entry[1].turns, entry[0]))
    parts: list[str] = []
    order: list[int] = []
    for _, entries in groupby(numbered, key=lambda entry: (entry[1].flipped, entry[1].turns)):
        positions, elements = zip(*entries, strict=True)
        order += positions
        parts.append(_colored(nodes, _moved(nodes, pixels, elements[0]), elements, spec))
    value = parts[0] if len(parts) == 1 else nodes.add("Concat", *parts, axis=1)
    places = np.argsort(order)
    return value if (places == np.arange(len(order))).all() else nodes.gather(value, places, axis=1)


def ordered_orbit_of(nodes: Nodes, pixels: str, group: Group, spec: InputSpec) -> str:
    """All transforms of the lexicographically smallest one, the same bits for all members of an orbit.

    A group is closed, so they are those of the image itself in another order, which is looked up.

    Returns:
        Of shape (batch * elements, channels, height, width).
    """
    shape, size = spec.resize.shape, len(group)
    members = nodes.reshape(orbit_of(nodes, pixels, group, spec), -1, *shape)
    flat = nodes.reshape(pixels, 0, math.prod(shape))
    number = nodes.rows(nodes.add("Cast", nodes.gather(flat, [0], axis=1), to=_ONNX_TYPES["int64"]))
    first = nodes.add("Mul", number, nodes.constant(size, np.int64))
    smallest = nodes.add("Sub", _smallest(nodes, members, first, group, width=shape[2]), first)
    places = {element: place for place, element in enumerate(group.elements)}
    table = [[places[later.after(earlier)] for later in group.elements] for earlier in group.elements]
    order = nodes.add("Gather", nodes.constant(table, np.int64), nodes.reshape(smallest, -1), axis=0)
    return nodes.add("Gather", members, nodes.reshape(nodes.add("Add", order, first), -1), axis=0)


def _smallest(nodes: Nodes, members: str, first: str, group: Group, *, width: int) -> str:
    """Which of the members of all orbits is the smallest of each, of shape (batch, 1); `first` is where each begins."""
    count = len(group)
    places = nodes.add("Add", first, nodes.constant(range(count), np.int64))
    while count > 1:
        pairs = count // 2
        early = nodes.gather(places, range(0, 2 * pairs, 2), axis=1)
        late = nodes.gather(places, range(1, 2 * pairs, 2), axis=1)
        images = [nodes.add("Gather", members, nodes.reshape(side, -1), axis=0) for side in (late, early)]
        precedes = _negative_first(nodes, nodes.add("Sub", *images), width=width)
        chosen = nodes.add("Where", nodes.reshape(precedes, -1, pairs), late, early)
        odd = [nodes.gather(places, [count - 1], axis=1)] if count % 2 else []
        places = nodes.add("Concat", chosen, *odd, axis=1) if odd else chosen
        count = pairs + count % 2
    return places


def _negative_first(nodes: Nodes, difference: str, *, width: int) -> str:
    """Whether each image's first value that is not zero is negative: its row is looked for, then its place there."""
    lines = nodes.add("Reshape", difference, nodes.constant((0, -1, width), np.int64))
    largest = nodes.add("GlobalMaxPool", nodes.add("Abs", lines))
    line = nodes.add("ArgMax", nodes.add("Sign", largest), axis=1, keepdims=1)  # the first of equal ones
    spread = nodes.add("Expand", line, nodes.constant((1, 1, width), np.int64))
    values = nodes.add("GatherElements", lines, spread, axis=1)
    place = nodes.add("ArgMax", nodes.add("Abs", nodes.add("Sign", values)), axis=2, keepdims=1)
    return nodes.apply("Less", nodes.add("GatherElements", values, place, axis=2), 0)


def _to_levels(spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    """By what values are multiplied, and what is then added, to have pixels in 0..255; a number for each channel."""
    scale, shift = RANGES[spec.range]
    std, mean = _of_channels(spec.std or (1.0,)), _of_channels(spec.mean or (0.0,))
    return std * 255 / scale, (mean - shift) * 255 / scale


def _on_levels(nodes: Nodes, value: str, spec: InputSpec, *, count: int) -> str:
    _, offset = _to_levels(spec)
    largest = float(max(np.abs(offset).max(), np.abs(255 - offset).max()))
    precision = float(np.finfo(spec.dtype if spec.dtype == "float16" else "float32").eps)
    rounding = min(_MOST_ROUNDING, _ROUNDING + precision * largest)
    difference = nodes.add("Sub", value, nodes.add("Round", value))
    apart = nodes.reshape(nodes.add("Abs", difference), 0, count)
    near = nodes.add("Not", nodes.apply("Greater", nodes.largest(apart, count=count), rounding))
    share = nodes.reshape(nodes.add("Cast", near, to=_ONNX_TYPES["float32"]), 0, 1, 1, 1)
    return nodes.add("Sub", value, nodes.add("Mul", difference, share))  # exact: what is near is half as far from 0


def _moved(nodes: Nodes, pixels: str, element: Element) -> str:
    """Pixels mirrored and turned."""
    value = nodes.add("Slice", pixels, *_reversed(nodes, 3)) if element.flipped else pixels
    if element.turns in (1, 2):
        value = nodes.add("Slice", value, *_reversed(nodes, 3))
    if element.turns in (2, 3):
        value = nodes.add("Slice", value, *_reversed(nodes, 2))
    return nodes.add("Transpose", value, perm=[0, 1, 3, 2]) if element.turns % 2 else value


def _reversed(nodes: Nodes, axis: int) -> tuple[str, ...]:
    """Start, end, axis and step of a slice that reverses an axis."""
    return tuple(nodes.constant([number], np.int64) for number in (-1, np.iinfo(np.int64).min, axis, -1))


def _colored(nodes: Nodes, pixels: str, elements: tuple[Element, ...], spec: InputSpec) -> str:
    """Pixels with the channels of several elements, of shape (batch, elements, channels, height, width)."""
    orders = [element.order for element in elements]
    if set(orders) == {tuple(range(len(orders[0])))}:
        value = nodes.reshape(pixels, 0, 1, *spec.resize.shape)
    else:
        value = nodes.gather(pixels, orders, axis=1)
    negated = np.array([element.negated for element in elements])[:, :, None, None]
    if not negated.any() and len(set(orders)) == 1:
        return value
    return nodes.apply("Add", nodes.apply("Mul", value, 1 - 2.0 * negated), 255.0 * negated)


def _of_channels(values: tuple[float, ...]) -> np.ndarray:
    return np.array(values, np.float64).reshape(1, -1, 1, 1)
