"""Two audits side by side: which classifier is better, by how much, and whether that is chance."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, UInt64

from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_hashes, read_predictions
from negatoscope.auditing.summary import SCHEMA, kept_mask
from negatoscope.auditing.verdict import comparison_sentence
from negatoscope.errors import DataError
from negatoscope.rows import OpenRows, open_rows
from negatoscope.statistics import Rate, fisher, holm, mcnemar, paired_difference, unpaired_difference

_PAIRED_SHARE = 0.5  # of the smaller audit's images that the other has, too


Told = tuple[Bool[np.ndarray, " a"], Bool[np.ndarray, " b"], Bool[np.ndarray, " a"], Bool[np.ndarray, " b"]]
"""Which images are right in either audit, and which count."""


@dataclass(frozen=True)
class Audited:
    """A finished audit: what `summary.json` holds, and its rows."""

    summary: Mapping[str, Any]
    rows: Path


def compare(a: Path, b: Path) -> dict[str, Any]:
    """Compare the audits in two folders.

    Raises:
        DataError: A folder holds no finished audit, or a damaged one.
    """
    return compare_audits(read_audit(a), read_audit(b))


def read_audit(folder: Path) -> Audited:
    """The audit that a folder holds.

    Raises:
        DataError: It holds none that is finished, or a damaged one.
    """
    file = folder / "summary.json"
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        found = summary["schema"]
    except FileNotFoundError as error:
        raise DataError(f"expected a finished audit in {folder}, but it has no summary.json; audit into it") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"expected an audit's summary in {file}, got something else; audit again") from error
    if found != SCHEMA:
        raise DataError(f"expected a summary of schema {SCHEMA} in {file}, got {found!r}; audit again")
    return Audited(summary, folder / "rows.parquet")


def compare_audits(a: Audited, b: Audited) -> dict[str, Any]:
    """Compare clean accuracy, each transform that both have, and the worst case over those that keep the meaning.

    Images are the same where their hashes are. Where most are, answers are compared image by image, McNemar's test is
    used, and only images that both have count; else as two samples, with Fisher's test. P-values are corrected for
    their number by Holm's method. A difference is that of B less A.

    Raises:
        DataError: Rows are damaged or lack images.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(open_rows(side.rows)) for side in (a, b)]
        cleans = [read_predictions(rows, CLEAN) for rows in opened]
        pairs = _pairs(*(read_hashes(rows) for rows in opened))
        paired = len(pairs[0]) > _PAIRED_SHARE * min(map(len, cleans))
        chosen = list(pairs) if paired else [np.arange(len(clean)) for clean in cleans]
        entries = [
            {"spec": name, **(_paired(*told) if paired else _unpaired(*told))}
            for name, told in _told((a, b), opened, cleans, chosen)
        ]
    corrected = holm([entry["p_value"] for entry in entries])
    comparison = {
        "schema": SCHEMA,
        "a": _named(a),
        "b": _named(b),
        "paired": paired,
        "transforms": [{**entry, "p_holm": p} for entry, p in zip(entries, corrected, strict=True)],
        "only_a": _lacking(a, b),
        "only_b": _lacking(b, a),
    }
    return {**comparison, "verdict": comparison_sentence(comparison)}


def _told(
    sides: tuple[Audited, Audited],
    opened: list[OpenRows],
    cleans: list[PredictionSet],
    chosen: list[Int[np.ndarray, " _"]],
) -> Iterator[tuple[str, Told]]:
    """Each rate's name, and the chosen images behind it."""
    right = [clean.correct[order] for clean, order in zip(cleans, chosen, strict=True)]
    everything = [np.ones(len(order), dtype=bool) for order in chosen]
    yield "clean", (right[0], right[1], everything[0], everything[1])
    worst, meaning = [each.copy() for each in right], False
    for spec in _shared(sides):
        after = [read_predictions(rows, spec, like=clean) for rows, clean in zip(opened, cleans, strict=True)]
        right = [answers.correct[order] for answers, order in zip(after, chosen, strict=True)]
        kept = [
            _kept(side.summary, spec, clean)[order] for side, clean, order in zip(sides, cleans, chosen, strict=True)
        ]
        if all(_entry(side.summary, spec)["kind"] == "label_preserving" for side in sides):
            worst, meaning = [w & (r | ~k) for w, r, k in zip(worst, right, kept, strict=True)], True
        yield spec, (right[0], right[1], kept[0], kept[1])
    if meaning:
        yield "worst_case", (worst[0], worst[1], everything[0], everything[1])


def _paired(
    right_a: Bool[np.ndarray, " n"],
    right_b: Bool[np.ndarray, " n"],
    kept_a: Bool[np.ndarray, " n"],
    kept_b: Bool[np.ndarray, " n"],
) -> dict[str, Any]:
    kept = kept_a & kept_b
    a, b = right_a[kept], right_b[kept]
    n, gained, lost = len(a), int(np.count_nonzero(~a & b)), int(np.count_nonzero(a & ~b))
    if n == 0:
        return _nothing(n, n)
    interval = paired_difference(gained, lost, n)  # of B less A, so what B gained counts as lost to A
    return {
        "n": n,
        "n_a": n,
        "n_b": n,
        "a": float(a.mean()),
        "b": float(b.mean()),
        "difference": (gained - lost) / n,
        "low": interval.low,
        "high": interval.high,
        "p_value": mcnemar(lost, gained),
    }


def _unpaired(
    right_a: Bool[np.ndarray, " a"],
    right_b: Bool[np.ndarray, " b"],
    kept_a: Bool[np.ndarray, " a"],
    kept_b: Bool[np.ndarray, " b"],
) -> dict[str, Any]:
    counts = int(kept_a.sum()), int(kept_b.sum())
    if 0 in counts:
        return _nothing(*counts)
    a, b = Rate.of(right_a[kept_a]), Rate.of(right_b[kept_b])
    interval = unpaired_difference(b, a)
    return {
        "n": min(counts),
        "n_a": a.n,
        "n_b": b.n,
        "a": a.accuracy,
        "b": b.accuracy,
        "difference": b.accuracy - a.accuracy,
        "low": interval.low,
        "high": interval.high,
        "p_value": fisher(a, b),
    }


def _nothing(n_a: int, n_b: int) -> dict[str, Any]:
    """A rate over no images that both have: it differs in nothing that could be seen."""
    return {
        **{"n": 0, "n_a": n_a, "n_b": n_b, "p_value": 1.0},
        **dict.fromkeys(("a", "b", "difference", "low", "high")),
    }


def _pairs(
    first: UInt64[np.ndarray, " _"], second: UInt64[np.ndarray, " _"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Positions of the images that both have; where one has an image twice, the first meets the other's first."""
    order, other = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
    sorted_first, sorted_second = first[order], second[other]
    occurrence = np.arange(len(order)) - np.searchsorted(sorted_first, sorted_first)
    start, end = (np.searchsorted(sorted_second, sorted_first, side=side) for side in ("left", "right"))
    both = occurrence < end - start
    return order[both], other[(start + occurrence)[both]]


def _named(side: Audited) -> dict[str, str]:
    dataset = side.summary["dataset"]
    return {"model": side.summary["model"]["name"], "dataset": f"{dataset['spec']}, {dataset['split']}"}


def _shared(sides: tuple[Audited, Audited]) -> list[str]:
    of_b = {entry["spec"] for entry in sides[1].summary["transforms"]}
    return [entry["spec"] for entry in sides[0].summary["transforms"] if entry["spec"] in of_b]


def _lacking(one: Audited, other: Audited) -> list[str]:
    shared = _shared((one, other))
    return [entry["spec"] for entry in one.summary["transforms"] if entry["spec"] not in shared]


def _entry(summary: Mapping[str, Any], spec: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = next(entry for entry in summary["transforms"] if entry["spec"] == spec)
    return entry


def _kept(summary: Mapping[str, Any], spec: str, clean: PredictionSet) -> Bool[np.ndarray, " _"]:
    classes = max(int(clean.labels.max()) + 1, len(summary["dataset"]["class_names"]))
    kept: Bool[np.ndarray, " _"] = kept_mask(_entry(summary, spec)["kept"], classes=classes)[clean.labels]
    return kept
