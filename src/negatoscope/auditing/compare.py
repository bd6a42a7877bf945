"""Two audits side by side: which classifier is better, by how much, and whether that is chance."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, UInt64

from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_hashes, read_predictions
from negatoscope.auditing.results import AuditSummary, ComparedAudit, Comparison, RateDifference
from negatoscope.auditing.verdict import comparison_sentence
from negatoscope.rows import RowReader
from negatoscope.statistics.intervals import Rate
from negatoscope.statistics.paired import holm, mcnemar, paired_difference
from negatoscope.statistics.unpaired import fisher, unpaired_difference

_PAIRED_SHARE = 0.5  # of the smaller audit's images that the other has, too


@dataclass(frozen=True)
class _Sides:
    """Of an accuracy in both audits, which images are correct and which count; the same images where `paired`."""

    spec: str
    correct: tuple[Bool[np.ndarray, " a"], Bool[np.ndarray, " b"]]
    counted: tuple[Bool[np.ndarray, " a"], Bool[np.ndarray, " b"]]


def compare(a: AuditResult | str | Path, b: AuditResult | str | Path) -> Comparison:
    """Compare clean accuracy, each transform of both audits, and the worst case over those that preserve labels.

    Images are the same where their hashes are. Where most are, predictions are compared image by image, McNemar's test
    is used, and only images that both have count; else as two samples, with Fisher's test. P-values are corrected for
    their number by Holm's method. A difference is that of B less A.

    Args:
        a: The first audit: a result, or the folder of one.
        b: The second one.

    Raises:
        DataError: A folder holds no finished audit, or a damaged one, or rows lack images.
    """
    first, second = (audit if isinstance(audit, AuditResult) else read_audit(audit) for audit in (a, b))
    readers = [RowReader(audit.rows_path) for audit in (first, second)]
    cleans = [read_predictions(rows, CLEAN) for rows in readers]
    pairs = _pairs(*(read_hashes(rows) for rows in readers))
    paired = len(pairs[0]) > _PAIRED_SHARE * min(map(len, cleans))
    chosen = list(pairs) if paired else [np.arange(len(clean)) for clean in cleans]
    rates = [(_paired if paired else _unpaired)(sides) for sides in _sides((first, second), readers, cleans, chosen)]
    corrected = holm([rate.p_value for rate in rates])
    comparison = Comparison(
        a=_compared(first.summary),
        b=_compared(second.summary),
        paired=paired,
        rates=tuple(replace(rate, p_holm=p) for rate, p in zip(rates, corrected, strict=True)),
        only_a=_lacking(first.summary, second.summary),
        only_b=_lacking(second.summary, first.summary),
    )
    return replace(comparison, verdict=comparison_sentence(comparison))


def _sides(
    audits: tuple[AuditResult, AuditResult],
    readers: list[RowReader],
    cleans: list[PredictionSet],
    chosen: list[Int[np.ndarray, " _"]],
) -> Iterator[_Sides]:
    """Each accuracy that both audits have, on the chosen images."""
    correct = [clean.correct[order] for clean, order in zip(cleans, chosen, strict=True)]
    everything = [np.ones(len(order), dtype=bool) for order in chosen]
    yield _Sides("clean", (correct[0], correct[1]), (everything[0], everything[1]))
    worst, preserving = correct, False
    of_b = {entry.spec: entry for entry in audits[1].summary.transforms}
    for entry in audits[0].summary.transforms:
        if entry.spec not in of_b:
            continue
        entries = (entry, of_b[entry.spec])
        after = [read_predictions(rows, entry.spec, like=clean) for rows, clean in zip(readers, cleans, strict=True)]
        correct = [predictions.correct[order] for predictions, order in zip(after, chosen, strict=True)]
        counted = [
            clean.is_of(entry.preserved)[order] for entry, clean, order in zip(entries, cleans, chosen, strict=True)
        ]
        if all(entry.kind == "label_preserving" for entry in entries):
            worst, preserving = [w & (c | ~n) for w, c, n in zip(worst, correct, counted, strict=True)], True
        yield _Sides(entry.spec, (correct[0], correct[1]), (counted[0], counted[1]))
    if preserving:
        yield _Sides("worst_case", (worst[0], worst[1]), (everything[0], everything[1]))


def _paired(sides: _Sides) -> RateDifference:
    counted = sides.counted[0] & sides.counted[1]
    a, b = (correct[counted] for correct in sides.correct)
    n, gained, lost = len(a), int(np.count_nonzero(~a & b)), int(np.count_nonzero(a & ~b))
    if n == 0:
        return RateDifference(spec=sides.spec, n=0, n_a=0, n_b=0)
    interval = paired_difference(gained, lost, n)  # of B less A, so what B gained counts as lost to A
    return RateDifference(
        spec=sides.spec,
        n=n,
        n_a=n,
        n_b=n,
        a=float(a.mean()),
        b=float(b.mean()),
        difference=(gained - lost) / n,
        low=interval.low,
        high=interval.high,
        p_value=mcnemar(lost, gained),
    )


def _unpaired(sides: _Sides) -> RateDifference:
    n_a, n_b = (int(counted.sum()) for counted in sides.counted)
    if 0 in (n_a, n_b):
        return RateDifference(spec=sides.spec, n=0, n_a=n_a, n_b=n_b)
    a, b = (Rate.of(correct[counted]) for correct, counted in zip(sides.correct, sides.counted, strict=True))
    interval = unpaired_difference(b, a)
    return RateDifference(
        spec=sides.spec,
        n=min(n_a, n_b),
        n_a=n_a,
        n_b=n_b,
        a=a.accuracy,
        b=b.accuracy,
        difference=b.accuracy - a.accuracy,
        low=interval.low,
        high=interval.high,
        p_value=fisher(a, b),
    )


def _pairs(
    first: UInt64[np.ndarray, " _"], second: UInt64[np.ndarray, " _"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Positions of the images that both have; one that occurs twice is paired with its first occurrence first."""
    order, other = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
    sorted_first, sorted_second = first[order], second[other]
    occurrence = np.arange(len(order)) - np.searchsorted(sorted_first, sorted_first)
    start, end = (np.searchsorted(sorted_second, sorted_first, side=side) for side in ("left", "right"))
    both = occurrence < end - start
    return order[both], other[(start + occurrence)[both]]


def _compared(summary: AuditSummary) -> ComparedAudit:
    return ComparedAudit(model=summary.model.name, dataset=f"{summary.dataset.spec}, {summary.dataset.split}")


def _lacking(audit: AuditSummary, other: AuditSummary) -> tuple[str, ...]:
    of_other = {entry.spec for entry in other.transforms}
    return tuple(entry.spec for entry in audit.transforms if entry.spec not in of_other)
