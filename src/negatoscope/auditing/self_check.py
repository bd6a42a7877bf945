"""Before an audit: does the classifier know clean images at all, and if not, which option is probably wrong?"""

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np

from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.results import SelfCheck
from negatoscope.data.batches import Batch, batches
from negatoscope.data.split import stratified_sample
from negatoscope.errors import InputError, expect
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.class_map import read_class_map
from negatoscope.models.input_spec import WHOLE, InputSpec
from negatoscope.models.layouts import LAYOUTS
from negatoscope.models.options import ChannelOrder, Range
from negatoscope.models.predict import predict
from negatoscope.reports.formatting import percent
from negatoscope.statistics.intervals import Rate
from negatoscope.types import LabelArray, PixelArray

_CHECKED = 512  # images of the self-check
_HELD_BYTES = 128_000_000
_TRIED = 200  # images for each suspect
_NORMALISATIONS: dict[str, tuple[str, tuple[float, ...], tuple[float, ...]]] = {
    "gray": ("MNIST's", (0.1307,), (0.3081,)),
    "rgb": ("ImageNet's", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def check_clean(plan: AuditPlan) -> tuple[SelfCheck, list[Batch]]:
    """Whether a classifier knows clean images, on a few hundred of an audit's; and these images, decoded.

    Of large images no more are handed on than fit into 128 MB.

    Raises:
        InputError: It is at chance or below the expected accuracy; the sentence says what probably is wrong.
    """
    chosen = stratified_sample(plan.dataset.labels, limit=min(_CHECKED, len(plan.dataset)), seed=0)
    dataset = plan.dataset.take(chosen, split=plan.dataset.split)
    parts = list(batches(dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size))
    pixels = np.concatenate([part.pixels for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    expect(len(labels), f"images in {plan.dataset.spec}", f"{len(chosen)} of which none can be read")
    checked = self_check(plan.classifier, pixels, labels, expected=plan.config.expect_accuracy)
    if not checked.passed:
        raise InputError(f"expected {plan.classifier.name} to read clean images, but {checked.suggestion}")
    sizes = np.cumsum([part.pixels.nbytes for part in parts])
    return checked, parts[: int(np.searchsorted(sizes, _HELD_BYTES, side="right"))]


def self_check(
    classifier: ClassifierAdapter, pixels: PixelArray, labels: LabelArray, *, expected: float | None = None
) -> SelfCheck:
    """Classify clean images; where that goes badly, try the usual suspects and name the one that helps most.

    It suggests, and changes nothing. Where an accuracy is expected, the check fails if the Wilson 95 % interval lies
    under it, and else passes. Where none is, it fails at chance (the interval reaches down to one in as many as there
    are classes, or all predictions are the same) and where fewer than half are correct and a suspect helps. A suspect
    helps when its interval lies above the classifier's own. An expected accuracy of 0 asks for no suspects.

    Args:
        classifier: As it was opened.
        pixels: Images at the size that it expects.
        labels: Their classes.
        expected: The accuracy that it is known to have, in [0, 1].

    Raises:
        InputError: There are no images, or `expected` is outside [0, 1].
    """
    expect(len(labels), "images for the self-check", "none")
    expect(expected is None or 0 <= expected <= 1, "--expect-accuracy in [0, 1]", expected)
    predictions = predict(classifier, pixels, labels, device=classifier.device).predictions
    correct = predictions == labels
    rate = Rate.of(correct)
    if expected is None:
        same = len(np.unique(predictions)) == 1 < len(np.unique(labels))
        failed = same or rate.low <= 1 / classifier.input_spec.data_classes
    else:
        failed = rate.high < expected
    if expected == 0 or (not failed and rate.accuracy >= 0.5):
        return SelfCheck(n=rate.n, accuracy=rate.accuracy, passed=True, suggestion="")
    few = np.linspace(0, rate.n - 1, min(rate.n, _TRIED)).astype(int)
    suggestion = _helpful(classifier, pixels[few], labels[few], Rate.of(correct[few]))
    passed = not failed and (expected is not None or not suggestion)
    if failed and not suggestion:
        suggestion = (
            f"{percent(rate.accuracy, decimals=1, unit=True)} of {rate.n} images are classified correctly, and none of "
            "the usual suspects clearly helps (range, normalisation, channels, layout, order of classes); are these "
            "the images and classes that it was trained for?"
        )
    return SelfCheck(n=rate.n, accuracy=rate.accuracy, passed=passed, suggestion=suggestion)


def suspects(input_spec: InputSpec) -> Iterator[tuple[str, InputSpec]]:
    """The options that are most often wrong: another value of each, and the input spec with it."""
    if input_spec.dtype not in WHOLE:
        yield from _of_values(input_spec)
    if input_spec.resize.channels == "rgb":
        other: ChannelOrder = "BGR" if input_spec.channel_order == "RGB" else "RGB"
        yield f"--channel-order {other}", replace(input_spec, channel_order=other)
    for layout, rules in LAYOUTS.items():
        if layout != input_spec.layout and not (rules.gray_only and input_spec.resize.channels == "rgb"):
            yield f"--layout {layout}", replace(input_spec, layout=layout)
    yield from _of_classes(input_spec)


def _of_values(input_spec: InputSpec) -> Iterator[tuple[str, InputSpec]]:
    """Other ranges and normalisations, and the negative, for classifiers of dark ink on white."""
    for other in get_args(Range):
        if other != input_spec.range:
            yield f"--range {other}", replace(input_spec, range=other)
        if input_spec.mean or input_spec.std:
            yield f"--range {other} without --mean and --std", replace(input_spec, range=other, mean=(), std=())
    whose, mean, std = _NORMALISATIONS[input_spec.resize.channels]
    option = f"--mean {','.join(map(str, mean))} --std {','.join(map(str, std))} ({whose})"
    yield option, replace(input_spec, range="0..1", mean=mean, std=std)
    yield "--range 0..1 --mean 1 --std=-1 (the negative)", replace(input_spec, range="0..1", mean=(1.0,), std=(-1.0,))


def _of_classes(input_spec: InputSpec) -> Iterator[tuple[str, InputSpec]]:
    """Outputs that are counted from another number, or ordered as text."""
    n, total = input_spec.data_classes, input_spec.classes
    now = input_spec.class_map or tuple(range(n))
    for step in (1, -1):
        moved = tuple((index + step) % total for index in now)
        span = moved == tuple(range(moved[0], moved[0] + n))
        if span or n == total:
            option = f" {moved[0]}..{moved[-1]}" if span else f"={step:+}"
            yield f"--class-map{option}", replace(input_spec, class_map=moved)
    if n > 10:
        yield "--class-map sorted", replace(input_spec, class_map=read_class_map("sorted", data_classes=n))


def _helpful(classifier: ClassifierAdapter, pixels: PixelArray, labels: LabelArray, before: Rate) -> str:
    """A sentence on the suspect that helps most, "" where none clearly does."""
    best, option = before, ""
    for name, input_spec in suspects(classifier.input_spec):
        other = replace(classifier, input_spec=input_spec)
        try:
            predictions = predict(other, pixels, labels, device=classifier.device).predictions
        except Exception:  # the user's own code, given what it does not take, may fail in any way: no suspect then
            continue
        rate = Rate.of(predictions == labels)
        if rate.accuracy > best.accuracy:
            best, option = rate, name
    if best.low <= before.high:
        return ""
    return (
        f"with {option} the accuracy is {percent(best.accuracy, decimals=1, unit=True)} on {best.n} images, "
        f"instead of {percent(before.accuracy, decimals=1, unit=True)}"
    )
