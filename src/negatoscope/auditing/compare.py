"""Two audits side by side: which classifier is better, by how much, and whether that is chance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.families import corrected, find_repeats
from negatoscope.auditing.results import SIGNIFICANT, PlannedKind
from negatoscope.auditing.shared_accuracies import SharedAccuracy, shared_accuracies
from negatoscope.errors import needed
from negatoscope.reports.formatting import p_value, points
from negatoscope.reports.latex import latex_table
from negatoscope.statistics.measured import measure_difference, widened_rate
from negatoscope.statistics.unpaired import fisher, unpaired_difference

if TYPE_CHECKING:
    from negatoscope.auditing.compare_models import ModelComparison

COUNTED = ("label_preserving", "attack")
"""The kinds of what decides which audit is better."""

_PLACES = {"clean": "on clean images", "worst_case": "in the worst case"}


@dataclass(frozen=True, kw_only=True)
class ComparedAudit:
    """Which audit one side of a comparison is: the last part of its folder's path, its model and its data.

    Args:
        folder: The last part of its folder's path.
        model: What its reports call the classifier.
        dataset: The canonical spec of its images.
    """

    folder: str
    model: str
    dataset: str


@dataclass(frozen=True, kw_only=True)
class RateDifference:
    """An accuracy in both audits; rates are None where no image counts in both.

    Args:
        spec: A transform's spec, "clean" or "worst_case".
        kind: The transform's kind, "not_annotated" where the audits differ in it; clean and the worst case count as
            label-preserving.
        repeats: Another rate that is over bit for bit the same predictions, "" for none: both are counted as one.
        n: Images that are compared, at least 0; of two samples, the fewer.
        n_a: Images in A, at least 0.
        n_b: Images in B, at least 0.
        a: The accuracy in A, in [0, 1].
        b: The accuracy in B, in [0, 1].
        difference: The accuracy in B less that in A, in [-1, 1].
        low: The lower end of its 95 % interval, in [-1, 1].
        high: The upper end, in [-1, 1].
        p_value: McNemar's test of the same images, or that of whole objects; Fisher's of two samples; in [0, 1].
        p_holm: `p_value`, corrected by Holm's method for the number of rates of the same kind; in [0, 1].
    """

    spec: str
    kind: PlannedKind = "label_preserving"
    repeats: str = ""
    n: int
    n_a: int
    n_b: int
    a: float | None = None
    b: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float = 1.0
    p_holm: float = 1.0

    @property
    def significant(self) -> bool:
        """Whether the rates differ after Holm's correction."""
        return self.p_holm < SIGNIFICANT


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two audits side by side.

    Args:
        a: The first audit.
        b: The second one.
        paired: Whether most images are the same, so that predictions are compared image by image.
        rates: Clean accuracy, each transform of both audits, and the worst case over those that preserve labels.
        only_a: Transforms that only A has.
        only_b: Transforms that only B has.
        verdict: The result in one sentence.
    """

    schema: Literal[2] = 2
    a: ComparedAudit
    b: ComparedAudit
    paired: bool
    rates: tuple[RateDifference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    verdict: str = ""

    def __str__(self) -> str:
        from negatoscope.auditing.page_markdown import compare_markdown

        return compare_markdown(self)

    def _repr_markdown_(self) -> str:
        return str(self)

    def to_pandas(self) -> Any:
        """The rates as a pandas data frame, in [0, 1].

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from negatoscope.auditing.page_csv import compare_lines

        return needed("pandas", extra="pandas", why="to_pandas()").DataFrame(compare_lines(self))

    def to_latex(self) -> str:
        """The table as LaTeX, for the package booktabs."""
        from negatoscope.auditing.page_markdown import table_of_rates

        return latex_table(*table_of_rates(self))


Audit: TypeAlias = AuditResult | str | Path
"""A finished audit: a result, or the folder of one."""


@overload
def compare(a: Audit, b: Audit) -> Comparison: ...
@overload
def compare(a: Audit, b: Audit, c: Audit, /, *more: Audit) -> "ModelComparison": ...
def compare(a: Audit, b: Audit, *more: Audit) -> "Comparison | ModelComparison":
    """Compare clean accuracy, each transform that all audits have, and the worst case over those that preserve labels.

    Images are the same where their hashes are. Where most are, predictions are compared image by image, by McNemar's
    test or, where several images show one object, that of whole objects, and only images that all have count; else as
    samples, with Fisher's test. P-values are corrected by
    Holm's method for the number of rates of one kind, each once. A difference is that of B less A; of more than two
    audits, each is compared with the first, and the correction is over all of them.

    Args:
        a: The first audit: a result, or the folder of one.
        b: The second one.
        more: More of them.

    Raises:
        DataError: A folder holds no finished audit, or a damaged one, or rows lack images.
    """
    if more:
        from negatoscope.auditing.compare_models import compare_models

        return compare_models(open_audits((a, b, *more)))
    first, second = audits = open_audits((a, b))
    paired, compared = shared_accuracies(audits)
    rates = [measure_two(accuracy, paired=paired) for accuracy in compared]
    kinds, repeats = kinds_and_repeats(compared)
    p_values = {rate.spec: rate.p_value for rate in rates if rate.difference is not None}
    p_holm = corrected(p_values, kinds=kinds, repeats=repeats)
    comparison = Comparison(
        a=describe_audit(first),
        b=describe_audit(second),
        paired=paired,
        rates=tuple(
            replace(rate, p_holm=p_holm.get(rate.spec, 1.0), repeats=repeats.get(rate.spec, "")) for rate in rates
        ),
        only_a=tuple(spec for spec in first.transforms if spec not in second.transforms),
        only_b=tuple(spec for spec in second.transforms if spec not in first.transforms),
    )
    return replace(comparison, verdict=comparison_sentence(comparison))


def kinds_and_repeats(compared: Sequence[SharedAccuracy]) -> tuple[dict[str, PlannedKind], dict[str, str]]:
    """The kind of each accuracy that is over an image, by its spec, and those of them that repeat another."""
    counted = [one for one in compared if any(map(len, one.correct))]
    kinds = {one.spec: one.kind for one in counted}
    return kinds, find_repeats({one.spec: one.fingerprint for one in counted}, kinds)


def measure_two(accuracy: SharedAccuracy, *, paired: bool, sides: tuple[int, int] = (0, 1)) -> RateDifference:
    """An accuracy in two of the audits that share it, uncorrected."""
    spec, kind = accuracy.spec, accuracy.kind
    correct, tracks = [accuracy.correct[side] for side in sides], [accuracy.tracks[side] for side in sides]
    n_a, n_b = map(len, correct)
    if 0 in (n_a, n_b):
        return RateDifference(spec=spec, kind=kind, n=0, n_a=n_a, n_b=n_b)
    a, b = map(widened_rate, correct, tracks)
    if paired:
        objects = next((each for each in tracks if each is not None), None)  # one audit may know them alone
        gain = measure_difference(correct[1], correct[0], objects)  # of B less A: what B gained is lost to A
        difference, low, high, p = gain.difference, gain.low, gain.high, gain.p_value
    else:
        interval = unpaired_difference(b, a)
        difference, low, high, p = b.accuracy - a.accuracy, interval.low, interval.high, fisher(a, b)
    return RateDifference(
        spec=spec,
        kind=kind,
        n=min(n_a, n_b),
        n_a=n_a,
        n_b=n_b,
        a=a.accuracy,
        b=b.accuracy,
        difference=difference,
        low=low,
        high=high,
        p_value=p,
    )


def open_audits(audits: Sequence[Audit]) -> list[AuditResult]:
    """Audits that are given as results or by their folders.

    Raises:
        DataError: A folder holds no finished audit, or a damaged one.
    """
    return [audit if isinstance(audit, AuditResult) else read_audit(audit) for audit in audits]


def describe_audit(audit: AuditResult) -> ComparedAudit:
    """How a comparison names an audit."""
    model, dataset = audit.summary.model, audit.summary.dataset
    return ComparedAudit(folder=audit.out.name, model=model.name, dataset=f"{dataset.spec}, {dataset.split}")


def comparison_sentence(comparison: Comparison) -> str:
    """Which of two audits is better, by how much, and whether that is significant.

    What counts is accuracy clean, under label-preserving transforms and attacks, each once; not controls and paths.
    """
    counted = [entry for entry in comparison.rates if entry.kind in COUNTED and not entry.repeats]
    differences = [(entry, entry.difference) for entry in counted if entry.difference is not None]
    significant = [(entry, difference) for entry, difference in differences if entry.significant]
    for_a = [entry for entry, difference in significant if difference < 0]
    for_b = [entry for entry, difference in significant if difference > 0]
    if not for_a and not for_b:
        which = "the one accuracy" if len(differences) == 1 else f"any of the {len(differences)} accuracies"
        return f"A and B do not differ significantly in {which} that both have."
    a, b = f"A ({comparison.a.model})", f"B ({comparison.b.model})"
    winner, loser, better, worse = (a, b, for_a, for_b) if len(for_a) >= len(for_b) else (b, a, for_b, for_a)
    which = "the one accuracy" if len(differences) == 1 else f"{len(better)} of {len(differences)} accuracies"
    but = f" and worse in {len(worse)}" if worse else ""
    largest = max(better, key=lambda entry: abs(entry.difference or 0))
    return (
        f"{winner} is significantly better than {loser} in {which}{but}; its largest lead is "
        f"{_PLACES.get(largest.spec, f'under {largest.spec}')}, {difference_words(largest)}."
    )


def difference_words(entry: RateDifference) -> str:
    """By how many points two rates differ, with the interval and the corrected p-value."""
    difference, low, high = entry.difference or 0, entry.low or 0, entry.high or 0
    if difference < 0:
        low, high = -high, -low
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return f"by {points(difference, signed=False)} points ({interval}, {p_value(entry.p_holm, named=True)})"
