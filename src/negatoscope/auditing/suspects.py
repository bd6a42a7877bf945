"""The options that are most often wrong, each with another value, as text to paste behind a command."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from jaxtyping import Float, Int64

from negatoscope.models.class_map import read_class_map
from negatoscope.models.input_spec import WHOLE, InputSpec
from negatoscope.models.layouts import LAYOUTS
from negatoscope.models.options import Range, read_options
from negatoscope.types import LabelArray, PixelArray

_NORMALIZATIONS: Mapping[str, tuple[str, dict[str, str]]] = {
    "gray": ("MNIST's normalization", {"range": "0..1", "mean": "0.1307", "std": "0.3081"}),
    "rgb": ("ImageNet's normalization", {"range": "0..1", "mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}),
}
_CAFFE = {"channel_order": "BGR", "range": "0..255", "mean": "103.939,116.779,123.68", "std": "1"}
_SPANS: Mapping[Range, tuple[float, float]] = {"0..1": (0, 1), "0..255": (0, 255), "-1..1": (-1, 1)}


@dataclass(frozen=True)
class Suspect:
    """Other values of one or a few options.

    Args:
        options: The values by name, as a user writes them.
        input_spec: What a classifier with them expects.
        note: What they stand for, "" where they say it themselves.
    """

    options: Mapping[str, str]
    input_spec: InputSpec
    note: str = ""

    @property
    def text(self) -> str:
        """What is pasted behind the command."""
        words = ((f"--{name.replace('_', '-')}", value) for name, value in self.options.items())
        return " ".join(f"{name}{'=' if value.startswith('-') else ' '}{value}" for name, value in words)

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


def usual_suspects(input_spec: InputSpec, pixels: PixelArray) -> list[Suspect]:
    """Other ranges, normalizations, orders of channels, layouts and orders of classes; usual ones first, none twice.

    Args:
        input_spec: What the classifier was opened with.
        pixels: Images, of which the normalization of the data themselves is taken.
    """
    found: dict[InputSpec, Suspect] = {}
    for options, note in _candidates(input_spec, pixels):
        other = with_options(input_spec, options)
        if other != input_spec:
            found.setdefault(other, Suspect(options, other, note))
    return list(found.values())


def with_options(input_spec: InputSpec, options: Mapping[str, str]) -> InputSpec:
    """What a classifier expects once options stand behind those that it was opened with.

    Raises:
        InputError: They are malformed or do not fit it.
    """
    given = read_options(options).given
    if isinstance(text := given.get("class_map"), str):
        given["class_map"] = read_class_map(text, classes=input_spec.classes, data_classes=input_spec.data_classes)
    return replace(input_spec, **given)


def permuted(
    input_spec: InputSpec, predictions: Int64[np.ndarray, " n"], labels: LabelArray
) -> tuple[Suspect, list[int]] | None:
    """The class map that makes the most of predictions, one output for each class, and the classes that it moves.

    Args:
        input_spec: What the classifier expects now.
        predictions: The likeliest of all outputs, whatever stands in the class map, for each image.
        labels: Their classes.

    Returns:
        None if that is the present one.
    """
    n, total = input_spec.data_classes, input_spec.classes
    now = input_spec.class_map or tuple(range(n))
    counts = np.zeros((n, total))
    np.add.at(counts, (labels, predictions), 1)
    counts[range(n), now] += 0.5  # a class without images, or with as many here as there, stays where it is
    if np.all(counts[range(n), now] == counts.max(axis=1)):
        return None
    from scipy.optimize import linear_sum_assignment  # takes a fifth of a second to load

    best = tuple(map(int, linear_sum_assignment(counts, maximize=True)[1]))
    if best == now:
        return None
    options = {"class_map": ",".join(map(str, best))}
    moved = [label for label in range(n) if best[label] != now[label]]
    return Suspect(options, with_options(input_spec, options)), moved


def _candidates(input_spec: InputSpec, pixels: PixelArray) -> Iterator[tuple[dict[str, str], str]]:
    channels = input_spec.resize.channels
    if channels == "rgb":
        yield {"channel_order": "BGR" if input_spec.channel_order == "RGB" else "RGB"}, ""
    if input_spec.dtype not in WHOLE:
        yield from _of_values(input_spec, pixels)
    for layout, rules in LAYOUTS.items():
        if not (rules.gray_only and channels == "rgb"):
            yield {"layout": layout}, ""
    for text in _class_maps(input_spec):
        yield {"class_map": text}, ""


def _of_values(input_spec: InputSpec, pixels: PixelArray) -> Iterator[tuple[dict[str, str], str]]:
    channels = input_spec.resize.channels
    normalized = bool(input_spec.mean or input_spec.std)
    for other in get_args(Range):
        if normalized:
            yield {"range": other, "mean": "0", "std": "1"}, "no normalization"
        elif other != input_spec.range:
            yield {"range": other}, ""
    whose, normalization = _NORMALIZATIONS[channels]
    yield normalization, whose
    if normalized:
        yield from (({"range": other}, "") for other in get_args(Range) if other != input_spec.range)
    step = -1 if input_spec.channel_order == "BGR" else 1
    mean, std = (statistic[::step].round(4) for statistic in _mean_and_std(pixels))
    if std.all():
        yield {"range": "0..1", "mean": _numbers(mean), "std": _numbers(std)}, "that of these images"
    if channels == "rgb":
        yield _CAFFE, "Caffe's normalization"
    low, high = _SPANS[input_spec.range]
    mean, std = low + high - np.array(input_spec.mean or (0.0,)), -np.array(input_spec.std or (1.0,))
    yield {"range": input_spec.range, "mean": _numbers(mean), "std": _numbers(std)}, "the negative"


def _mean_and_std(pixels: PixelArray) -> Float[np.ndarray, "2 channels"]:
    """Of each channel of images in [0, 1], from counts of its levels: there may be gigabytes of pixels."""
    levels = np.arange(256) / 255
    counts = np.zeros((pixels.shape[1], 256))
    for image in pixels:
        counts += [np.bincount(plane.ravel(), minlength=256) for plane in image]
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    return np.stack([mean, np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(axis=1))])


def _class_maps(input_spec: InputSpec) -> Iterator[str]:
    """Outputs in the order of the classes, counted from another number, backwards, or ordered as text."""
    n, total = input_spec.data_classes, input_spec.classes
    now = input_spec.class_map or tuple(range(n))
    for start in dict.fromkeys((0, 1, now[0] + 1, now[0] - 1, total - n)):
        if 0 <= start <= total - n and now != tuple(range(start, start + n)):
            yield f"{start}..{start + n - 1}"
    if n == total:
        yield from ("+1", "-1")
    yield f"{n - 1}..0"
    if n > 10:
        yield "sorted"


def _numbers(values: np.ndarray) -> str:
    return ",".join(f"{value:.6g}" for value in values)
