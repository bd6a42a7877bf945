"""What hardening comes to, as typed objects; `harden.json` is a `HardenSummary`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from negatoscope.auditing.compare import RateDifference
from negatoscope.errors import needed
from negatoscope.hardening.cost import InferenceCost
from negatoscope.hardening.drop_in import DropIn
from negatoscope.hardening.proof import Measured
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.provenance import Provenance

AFFORDABLE = 0.05
"""The loss of clean accuracy from which on hardening is not worth it, whatever it gains."""


@dataclass(frozen=True, kw_only=True)
class HardenedMethod(Measured):
    """One method, fitted once and measured on the images that the classifier was measured on before.

    Args:
        method: Its spec.
        seed: The seed of the fit, at least 0.
        folder: Where its audit is, beside `harden.json`.
        sha256: Of the hardened classifier.
        by_construction: Whether all images of an orbit get the same prediction, whatever the classifier and the image.
        seconds_fit: How long the method took to fit, in seconds.
        inference_cost: The time for an image, as a multiple of the time before; above 0.
        cost: In detail; of an ONNX model it is that of the file that takes its place.
        drop_in: What takes the classifier's place, in `folder`.
        no_file: Why nothing does, "" where something does.
    """

    method: str
    seed: int
    folder: str
    sha256: str
    by_construction: bool
    seconds_fit: float
    inference_cost: float
    cost: InferenceCost
    drop_in: DropIn | None
    no_file: str

    @property
    def clean_change(self) -> RateDifference:
        """What it does to clean accuracy."""
        return self.change_under("clean")

    def change_under(self, spec: str) -> RateDifference:
        """What it does to the accuracy under a transform of its audits."""
        return next(change for change in self.changes if change.spec == spec)

    @property
    def orbit_worst_significant(self) -> bool:
        """Whether the share of images that are correct under every element changed by more than chance.

        Its 95 % interval leaves out 0, widened where images are frames of the same objects.
        """
        change = self.orbit_worst_change
        return (change.low or 0.0) > 0 or (change.high or 0.0) < 0

    @property
    def worthwhile(self) -> bool:
        """Whether more images are correct under every element, by more than chance, and clean accuracy is kept.

        It is kept where it falls by no more than 5 points.
        """
        gained = self.orbit_worst_significant and self.orbit_worst_after.correct > self.orbit_worst_before.correct
        return gained and self.clean_before.accuracy - self.clean_after.accuracy <= AFFORDABLE

    @property
    def rank(self) -> tuple[int, int, float]:
        """The higher the better: images correct under every element, then clean, then speed."""
        return self.orbit_worst_after.correct, self.clean_after.correct, -self.inference_cost


@dataclass(frozen=True, kw_only=True)
class HardenSummary:
    """A classifier before and after hardening, method by method: `harden.json`.

    Args:
        model: What reports call the classifier.
        sha256: Of it.
        data: The images that judge, and their split.
        fit: The images that methods are fitted on, and their split.
        n_fit: How many images these are, at least 0.
        invariant: The group.
        elements: The transforms of the group, without the identity.
        focus: The element of `negative_before` and `negative_after`.
        warnings: What a reader must know: classes whose label an element changes.
        methods: What was measured.
        not_run: Methods of "all" that the classifier cannot take, and why.
        verdict: The result in one sentence.
        provenance: Where it comes from.
    """

    schema: Literal[2] = 2
    model: str
    sha256: str
    data: str
    fit: str
    n_fit: int
    invariant: str
    elements: tuple[str, ...]
    focus: str
    warnings: tuple[str, ...]
    methods: tuple[HardenedMethod, ...]
    not_run: Mapping[str, str] = field(default_factory=dict)
    verdict: str = ""
    provenance: Provenance

    @property
    def searched(self) -> tuple[str, ...]:
        """The searches for each image's worst setting among what was audited, by their specs."""
        return tuple(change.spec for change in self.methods[0].changes if change.spec.startswith("search("))

    @property
    def best(self) -> HardenedMethod:
        """Of the methods that are worth it (of all if none is) that with the most images correct under every element.

        Of equals it is the most accurate clean one, then the fastest.
        Of methods that were fitted several times the first fit counts: the images that judge do not choose a seed.
        """
        first = {entry.method: entry for entry in reversed(self.methods)}
        return max(first.values(), key=lambda entry: (entry.worthwhile, entry.rank))


@dataclass(frozen=True)
class HardenResult:
    """A hardened classifier with its proof. It shows itself as text and in a notebook.

    Args:
        summary: Every number, as `harden.json` has it.
        classifiers: What each method made, in the order of `summary.methods`; of an earlier process or another one it
            is fitted again once it is asked for, on a processor of the same kind to the same weights.
        out: The folder with the report and the audits.
    """

    summary: HardenSummary
    classifiers: Sequence[ClassifierAdapter]
    out: Path

    @property
    def classifier(self) -> ClassifierAdapter:
        """What the best method made; audits and `predict` take it."""
        return self.classifiers[self.summary.methods.index(self.summary.best)]

    def to_pandas(self) -> Any:
        """A line for each method, rates in [0, 1].

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from negatoscope.hardening.text import harden_lines

        return needed("pandas", extra="pandas", why="to_pandas()").DataFrame(harden_lines(self.summary))

    def __str__(self) -> str:
        from negatoscope.hardening.text import harden_markdown

        return harden_markdown(self.summary)

    def _repr_markdown_(self) -> str:
        return str(self)
