"""The sentences and number formats of an audit's report, written from its summary."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.reports.formatting import MISSING, bits, counted, interval, joined, points

METHOD = (
    "One order for every image: decode, resize to the size that the model declares, transform on [0, 1], then the "
    "model's own normalisation.",
    "Each image is decoded once. All transforms start from the same pixels, so every comparison is paired.",
    "Rates have Wilson's 95 % interval, changes Bonett and Price's for pairs. Where images are frames of the same "
    "object, both are widened to what resampling whole objects gives.",
    "A change is tested with McNemar's exact test; p-values are corrected by Holm's method for the number of "
    "transforms.",
    "Calibration: 15 bins of confidence, equally wide. Random controls depend on the image and a seed alone.",
    "Every number can be counted again from rows.parquet, which has a row for each image under each transform.",
)

LIMITS = (
    "An interval covers the draw of images. It says nothing about another training run of the model.",
    "That a person would still name the class is a judgement about whole classes, not about each picture.",
    "Under a transform that keeps the meaning of some classes only, the images of the others are not counted.",
    "The mean and the worst case depend on which transforms are in the suite: compare audits of one suite version.",
    "A confidence is the largest softmax probability; models that end in something else have none to speak of.",
    "It is about classification with one label for each image, not about detection, segmentation or several labels.",
)


def title(summary: AuditSummary) -> str:
    """What was audited on what."""
    return f"{summary.model.name} on {summary.dataset.spec}, {summary.dataset.split}"


def notes(summary: AuditSummary) -> list[str]:
    """What a reader must know before believing a number."""
    dataset, found = summary.dataset, []
    if summary.n < dataset.available - summary.unreadable:
        found.append(
            f"A stratified sample: {summary.n:,} of {counted(dataset.available, 'image')}, each class in proportion."
        )
    if dataset.prepared:
        found.append(
            f"The images were prepared before the audit ({dataset.prepared}); transforms came after that, and the "
            "negative of a prepared image is not the prepared negative."
        )
    if dataset.files and dataset.official is False:
        found.append("The data files are not the published ones byte for byte; differences may come from the data.")
    if summary.unreadable:
        found.append(f"{_unreadable(summary)}.")
    if summary.model.runs_code:
        found.append("The model is code of the user's own, which this audit ran.")
    if summary.self_check.suggestion:
        found.append(f"Self-check: {summary.self_check.suggestion}")
    return found


def change(drop: float | None) -> str:
    """A drop as what happened to the accuracy: a drop of 0.25 is −25.0 points."""
    return MISSING if drop is None else points(-drop)


def change_interval(low: float | None, high: float | None) -> str:
    """The interval of a drop, as that of the change."""
    return MISSING if low is None or high is None else interval(-high, -low, decimals=1, signed=True)


def destinations(entry: TransformResult, *, classes: int) -> str:
    """How predictions under a transform spread over the classes, and what they say about the label."""
    carried, null = (bits(value, decimals=3) for value in (entry.information_bits, entry.information_null_bits))
    more = "more" if (entry.information_bits or 0) > (entry.information_null_bits or 0) else "no more"
    return (
        f"Predictions spread over {bits(entry.entropy_bits)} bits; {classes} classes evenly would be "
        f"{bits(math.log2(classes))}. They carry {carried} bits about the label, {more} than chance would: with "
        f"permuted labels 95 % of draws stay under {null}."
    )


def kept_note(entry: TransformResult, *, classes: int) -> str:
    """Of how many classes a transform keeps the meaning, or nothing where it keeps all."""
    return "" if entry.preserved is None else f"{len(entry.preserved)} of {classes} classes"


def left_out(entry: TransformResult, names: Sequence[str]) -> str:
    """The classes that lose their meaning under a transform."""
    kept = set(entry.preserved if entry.preserved is not None else range(len(names)))
    return joined([name for index, name in enumerate(names) if index not in kept])


def facts(mapping: Mapping[str, Any], *, prefix: str = "", without: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Nested plain data as lines of a name and a text; what is empty is left out, and so are the keys in `without`."""
    found: list[tuple[str, str]] = []
    for key, value in mapping.items():
        name = f"{prefix}{key}".replace("_", " ")
        if key in without:
            continue
        if isinstance(value, Mapping):
            found += facts(value, prefix=f"{name}: ", without=without)
        elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
            for one in value:
                found += facts(one, prefix=f"{name}: ", without=without)
        elif value not in (None, "", [], ()):
            found.append((name, _text(value)))
    return found


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _unreadable(summary: AuditSummary) -> str:
    n = summary.unreadable
    named = [f"{one.name or 'unnamed'} ({one.reason})" for one in summary.unreadable_named[:3]]
    more = [f"{n - len(named):,} more"] if n > len(named) else []
    listed = f": {joined([*named, *more])}" if named else ""
    return f"{counted(n, 'image')} could not be read and {'is' if n == 1 else 'are'} left out{listed}"
