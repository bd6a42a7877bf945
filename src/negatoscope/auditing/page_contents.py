"""What the reports of an audit show of its summary, and in which order: chosen once for page, figures and tables."""

from collections.abc import Mapping
from dataclasses import dataclass

from negatoscope.auditing.results import AuditSummary, PlannedKind, TransformResult
from negatoscope.auditing.verdict import SIGNIFICANT

KINDS: Mapping[PlannedKind, str] = {
    "label_preserving": "Label-preserving transforms",
    "path": "The path to the negative",
    "control": "Random controls",
    "attack": "Attacks",
}
"""The kinds of transforms in the order of every report, with what they are called there."""


@dataclass(frozen=True)
class Group:
    """The transforms of one kind, in the order of the audit."""

    kind: PlannedKind
    title: str
    transforms: tuple[TransformResult, ...]


def groups(summary: AuditSummary) -> list[Group]:
    """The transforms by kind; kinds that do not occur are left out."""
    by_kind = [
        Group(kind, title, tuple(entry for entry in summary.transforms if entry.kind == kind))
        for kind, title in KINDS.items()
    ]
    return [group for group in by_kind if group.transforms]


def focus(summary: AuditSummary) -> TransformResult | None:
    """The transform that a report looks at closely: the negative, else the one with the lowest accuracy.

    Label-preserving transforms come before others; without any image to count there is none.
    """
    counted = [entry for entry in summary.transforms if entry.n]
    negative = [entry for entry in counted if entry.spec == "negative"]
    candidates = negative or summary.label_preserving or counted
    return min(candidates, key=lambda entry: entry.accuracy or 0, default=None)


def class_name(summary: AuditSummary, index: int) -> str:
    """What a class is called, or its number where the model has more classes than the data."""
    names = summary.dataset.class_names
    return names[index] if 0 <= index < len(names) else f"class {index}"


def is_significant(entry: TransformResult) -> bool:
    """Whether the accuracy differs from that of the clean images after Holm's correction."""
    return entry.p_holm is not None and entry.p_holm < SIGNIFICANT
