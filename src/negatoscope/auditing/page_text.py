"""The sentences of an audit's report, written from its summary."""

import math
from collections.abc import Mapping

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
    "Every number can be recomputed from rows.parquet, which has a row for each image under each transform.",
)

LIMITS = (
    "An interval covers the draw of images. It says nothing about another training run of the model.",
    "Whether a transform preserves labels is judged for whole classes, not for each image.",
    "Under a transform that preserves the labels of some classes only, images of other classes are not counted.",
    "The mean and the worst case depend on which transforms are in the suite: compare audits of one suite version.",
    "Confidence is the largest softmax probability; it means nothing for models with another output.",
    "This is about classification with one label for each image, not about detection, segmentation or several labels.",
)


def title(summary: AuditSummary) -> str:
    """What was audited on what."""
    return f"{summary.model.name} on {summary.dataset.spec}, {summary.dataset.split}"


def notes(summary: AuditSummary) -> list[str]:
    """What a reader must know before believing a number."""
    dataset, sentences = summary.dataset, []
    if summary.n < dataset.available - summary.unreadable:
        sentences.append(
            f"A stratified sample: {summary.n:,} of {counted(dataset.available, 'image')}, each class in proportion."
        )
    if dataset.prepared:
        sentences.append(
            f"The images were prepared before the audit ({dataset.prepared}); transforms came after that, and the "
            "negative of a prepared image is not the prepared negative."
        )
    if dataset.files and dataset.official is False:
        sentences.append("The data files are not the published ones byte for byte; differences may come from the data.")
    if summary.unreadable:
        sentences.append(_unreadable(summary))
    if summary.model.runs_code:
        sentences.append("The model is the user's own code, which this audit ran.")
    if summary.self_check.suggestion:
        sentences.append(f"Self-check: {summary.self_check.suggestion}")
    return sentences


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
        f"Predictions have an entropy of {bits(entry.entropy_bits)} bits; spread evenly over {classes} classes it "
        f"would be {bits(math.log2(classes))}. They carry {carried} bits about the label, {more} than chance: with "
        f"permuted labels, 95 % of draws stay below {null}."
    )


def preserved_note(entry: TransformResult, summary: AuditSummary) -> str:
    """For how many classes a transform preserves the label, or nothing where it does for all."""
    classes = len(summary.dataset.class_names)
    return "" if entry.preserved is None else f"{len(entry.preserved)} of {classes} classes"


def not_preserved(entry: TransformResult, summary: AuditSummary) -> str:
    """The classes whose label a transform does not preserve."""
    names = summary.dataset.class_names
    preserved = range(len(names)) if entry.preserved is None else entry.preserved
    return joined([name for index, name in enumerate(names) if index not in preserved])


def facts(values: Mapping[str, object], *, prefix: str = "") -> list[tuple[str, str]]:
    """Nested plain data as lines of a name and a text; what is empty is left out."""
    lines: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        tables = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Mapping)]
        for table in tables:
            lines += facts(table, prefix=f"{name}: ")
        if isinstance(value, bool):
            lines.append((name, "yes" if value else "no"))
        elif not tables and value not in (None, "", [], {}):
            lines.append((name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return lines


def _unreadable(summary: AuditSummary) -> str:
    n = summary.unreadable
    named = [f"{image.name or 'unnamed'} ({image.reason})" for image in summary.unreadable_named[:3]]
    more = [f"{n - len(named):,} more"] if n > len(named) else []
    listed = f": {joined([*named, *more])}" if named else ""
    return f"{counted(n, 'image')} could not be read and {'is' if n == 1 else 'are'} left out{listed}."
