"""What the reports of an audit show of its summary, and in which order: chosen once for page, figures and tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from negatoscope.auditing.page_gallery import Pair
from negatoscope.auditing.results import AuditSummary, PlannedKind, TransformResult

KINDS: Mapping[PlannedKind, str] = {
    "label_preserving": "Label-preserving transforms",
    "not_annotated": "Not annotated: unknown which classes keep their label",
    "path": "The path to the negative",
    "control": "Random controls",
    "attack": "Attacks",
}
"""The kinds of transforms in the order of every report, with what they are called there."""

ASSUMED = "Assumed to be label-preserving"
"""What label-preserving transforms are called where nobody annotated the data."""


@runtime_checkable
class _OfKind(Protocol):
    @property
    def kind(self) -> PlannedKind: ...
    @property
    def assumed(self) -> bool: ...


Entry = TypeVar("Entry", bound=_OfKind)


def by_kind(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """What there is of each transform under the title of its kind; empty kinds are left out."""
    known, *others = KINDS.values()
    by_title: dict[str, list[Entry]] = {title: [] for title in (known, ASSUMED, *others)}
    for entry in entries:
        by_title[ASSUMED if entry.assumed else KINDS[entry.kind]].append(entry)
    return {title: of_kind for title, of_kind in by_title.items() if of_kind}


@dataclass(frozen=True)
class Report:
    """What a section may show.

    Args:
        summary: What the audit found.
        pairs: Pictures of images that a transform made the classifier misclassify.
    """

    summary: AuditSummary
    pairs: tuple[Pair, ...] = ()

    @property
    def groups(self) -> dict[str, list[TransformResult]]:
        """The transforms under the title of their kind, in the order of the audit; empty kinds are left out.

        What is assumed to be label-preserving is called that, after what is known to be.
        """
        return by_kind(self.summary.transforms)

    @property
    def focus(self) -> TransformResult | None:
        """The transform that the page looks at closely: the negative, else the one with the lowest accuracy.

        Label-preserving transforms come before others; without any image to count there is none.
        """
        counted = [entry for entry in self.summary.transforms if entry.n]
        negative = [entry for entry in counted if entry.spec == "negative"]
        candidates = negative or self.summary.label_preserving or counted
        return min(candidates, key=lambda entry: entry.accuracy or 0, default=None)
