"""What several audits share: the same images, where there are enough, and the accuracies that all of them have."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt64

from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.predictions import PredictionSet, fingerprint_under, read_hashes, read_predictions
from negatoscope.auditing.results import PlannedKind
from negatoscope.rows import RowReader
from negatoscope.statistics.worst_case import WorstCase
from negatoscope.transforms import CLEAN
from negatoscope.types import TrackArray

_PAIRED_SHARE = 0.5  # of the smallest audit's images that all others have, too


@dataclass(frozen=True)
class SharedAccuracy:
    """What is compared.

    Args:
        spec: A transform's spec, "clean" or "worst_case".
        kind: The transform's kind, "not_annotated" where the audits differ in it.
        fingerprint: A mark of all audits' predictions.
        correct: Of each audit, which of the images that count are correct.
        tracks: Of each audit, of which object each of these images is a frame, where that is known.
    """

    spec: str
    kind: PlannedKind
    fingerprint: Hashable
    correct: list[Bool[np.ndarray, " _"]]
    tracks: list[TrackArray | None]


def shared_accuracies(audits: Sequence[AuditResult]) -> tuple[bool, list[SharedAccuracy]]:
    """Whether most images are the same, and each accuracy that all audits have: of the same images if so.

    Images are the same where their hashes are.

    Raises:
        DataError: Rows are gone, damaged or lack images.
    """
    readers = [RowReader(audit.rows_path) for audit in audits]
    cleans = [read_predictions(rows, CLEAN) for rows in readers]
    chosen = _same_images([read_hashes(rows) for rows in readers])
    paired = len(chosen[0]) > _PAIRED_SHARE * min(map(len, cleans))
    if not paired:
        chosen = [np.arange(len(clean)) for clean in cleans]
    return paired, list(_accuracies(audits, readers, cleans, chosen, paired=paired))


def _accuracies(
    audits: Sequence[AuditResult],
    readers: Sequence[RowReader],
    cleans: Sequence[PredictionSet],
    chosen: Sequence[Int[np.ndarray, " _"]],
    *,
    paired: bool,
) -> Iterator[SharedAccuracy]:
    """Each accuracy that all audits have, on those of the chosen images that count."""
    sides = list(zip(readers, cleans, chosen, strict=True))
    right = [clean.correct[order] for _, clean, order in sides]
    tracks = [None if clean.tracks is None else clean.tracks[order] for _, clean, order in sides]
    yield SharedAccuracy(CLEAN, "label_preserving", tuple(clean.fingerprint for clean in cleans), right, tracks)
    worst = [WorstCase(correct) for correct in right]
    for spec in audits[0].transforms:
        if not all(spec in audit.transforms for audit in audits):
            continue
        entries = [audit.transforms[spec] for audit in audits]
        kind = entries[0].kind if len({entry.kind for entry in entries}) == 1 else "not_annotated"
        after = [read_predictions(rows, spec, like=clean) for rows, clean, _ in sides]
        correct = [one.correct[order] for one, order in zip(after, chosen, strict=True)]
        counted = [clean.is_of(one.preserved)[order] for one, (_, clean, order) in zip(entries, sides, strict=True)]
        if paired:
            counted = [np.logical_and.reduce(counted)] * len(audits)
        if kind == "label_preserving":
            for one, *under in zip(worst, correct, counted, strict=True):
                one.add(*under)
        each = zip(after, cleans, entries, strict=True)
        marks = tuple(fingerprint_under(one, clean, entry.preserved) for one, clean, entry in each)
        of_these = [c[n] for c, n in zip(correct, counted, strict=True)]
        yield SharedAccuracy(spec, kind, marks, of_these, _only(tracks, counted))
    if all(one.counted.any() for one in worst):
        under_all, of_some = [one.correct for one in worst], _only(tracks, [one.counted for one in worst])
        yield SharedAccuracy("worst_case", "label_preserving", ("worst_case",), under_all, of_some)


def _only(tracks: Sequence[TrackArray | None], counted: Sequence[Bool[np.ndarray, " _"]]) -> list[TrackArray | None]:
    return [None if each is None else each[these] for each, these in zip(tracks, counted, strict=True)]


def _same_images(hashes: Sequence[UInt64[np.ndarray, " _"]]) -> list[Int[np.ndarray, " n"]]:
    """Of each audit the positions of the images that all of them have, in the same order."""
    chosen: list[Int[np.ndarray, " n"]] = [np.arange(len(hashes[0]))]
    for other in hashes[1:]:
        kept, positions = _pairs(hashes[0][chosen[0]], other)
        chosen = [*(positions_before[kept] for positions_before in chosen), positions]
    return chosen


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
