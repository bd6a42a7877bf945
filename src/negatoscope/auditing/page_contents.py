"""What the reports of an audit show of its summary, and in which order: chosen once for page, figures and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from negatoscope.auditing.results import AuditSummary, Measurement, TransformResult

KINDS: Mapping[str, str] = {
    "label_preserving": "The meaning stays",
    "path": "On the way to the negative",
    "control": "Random controls",
}
"""The kinds of transforms in the order of every report, with what they are called there."""

_CURVES = {"negative_path": "share", "pixel_flips": "probability"}


@dataclass(frozen=True)
class Group:
    """The transforms of one kind, in the order of the audit."""

    kind: str
    title: str
    transforms: tuple[TransformResult, ...]


@dataclass(frozen=True)
class Point:
    """Accuracy and its interval, all in [0, 1], at a share of the way to the negative."""

    share: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """One way to the negative, from the image itself at 0 to the negative at 1."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class ClassRow:
    """One class before and after a transform; accuracies and the interval of the one after are in [0, 1]."""

    name: str
    n: int
    before: float
    after: float
    low: float
    high: float


def groups(summary: AuditSummary) -> list[Group]:
    """The transforms by kind; kinds that do not occur are left out."""
    found = []
    for kind, title in KINDS.items():
        members = tuple(entry for entry in summary.transforms if entry.kind == kind)
        if members:
            found.append(Group(kind, title, members))
    return found


def focus(summary: AuditSummary) -> TransformResult | None:
    """The transform that a report looks at closely: the negative, else the one that leaves fewest images right.

    Transforms that keep the meaning come before others; without any image to count there is none.
    """
    counted = [entry for entry in summary.transforms if entry.n]
    for entry in counted:
        if entry.spec == "negative":
            return entry
    meaning = [entry for entry in counted if entry.kind == "label_preserving"]
    return min(meaning or counted, key=lambda entry: entry.accuracy or 0, default=None)


def curves(summary: AuditSummary) -> list[Curve]:
    """The ways to the negative that were audited: the straight line through gray, and random pixel flips.

    Where its own ends were not audited, a curve starts at the clean images and ends at the negative, if all of these
    are the same images.
    """
    found = []
    for name, parameter in _CURVES.items():
        members = [entry for entry in summary.transforms if entry.name == name and entry.n]
        points = [_point(float(entry.parameters[parameter]), entry) for entry in members]
        if points:
            points += _ends(summary, {point.share for point in points}, n=members[0].n)
            found.append(Curve(name, tuple(sorted(points, key=lambda point: point.share))))
    return found


def class_rows(summary: AuditSummary, entry: TransformResult) -> list[ClassRow]:
    """Every class that has images under a transform, by accuracy from the lowest; of equals what fell most is first."""
    before = {one.label: one.accuracy for one in summary.clean.per_class}
    rows = [
        ClassRow(one.name, one.n, before[one.label], one.accuracy, one.low, one.high)
        for one in entry.per_class
        if one.n
    ]
    return sorted(rows, key=lambda row: (row.after, -row.before))


def class_name(summary: AuditSummary, index: int) -> str:
    """What a class is called, or its number where the model has more classes than the data."""
    names: Sequence[str] = summary.dataset.class_names
    return names[index] if 0 <= index < len(names) else f"class {index}"


def is_significant(entry: TransformResult) -> bool:
    """Whether the accuracy differs from that of the unchanged images after Holm's correction."""
    return entry.p_holm is not None and entry.p_holm < 0.05


def _ends(summary: AuditSummary, known: set[float], *, n: int) -> list[Point]:
    negatives = [entry for entry in summary.transforms if entry.spec == "negative"]
    ends: list[tuple[float, Measurement]] = [(0.0, summary.clean), *((1.0, entry) for entry in negatives)]
    return [_point(share, entry) for share, entry in ends if share not in known and entry.n == n]


def _point(share: float, entry: Measurement) -> Point:
    return Point(share, entry.accuracy or 0, entry.low or 0, entry.high or 0)
