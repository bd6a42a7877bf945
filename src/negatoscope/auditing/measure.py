"""The numbers of one transform: every rate of an audit is counted here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from negatoscope.auditing.predictions import PredictionSet
from negatoscope.statistics import (
    Interval,
    Pairs,
    Rate,
    cluster_bootstrap,
    cluster_bootstrap_difference,
    count_pairs,
    entropy_bits,
    expected_calibration_error,
    information_by_chance,
    mcnemar,
    paired_difference,
    pairs_information_bits,
    rates_by_class,
    reliability,
)

TOP5_CLASSES = 20
"""With fewer classes than this, five guesses say little, and there is no top-5 accuracy."""

_ERRORS = 10  # the most frequent ones that are told
_DRAWS = (100, 20)  # random tables behind a null: with few classes, with many
_MANY_CLASSES = 100
_RESAMPLED = 100_000_000  # draws of tracks for one interval at most
_NO_IMAGE = (
    *("accuracy", "low", "high", "clean_accuracy", "drop", "drop_low", "drop_high", "p_value", "p_holm"),
    *("consistency", "consistency_low", "consistency_high"),
    *("attack_success_rate", "attack_success_low", "attack_success_high"),
    *("top5_accuracy", "confidence", "confidence_wrong", "ece", "worst_class", "best_class"),
    *("entropy_bits", "information_bits", "information_null_bits"),
)


def measure_answers(answers: PredictionSet, *, names: Sequence[str], classes: int) -> dict[str, Any]:
    """Accuracy, confidence, calibration and the classes of answers, with or without a transform.

    Args:
        answers: At least one.
        names: What the classes of the data are called.
        classes: How many the classifier chooses from.
    """
    diagram = reliability(answers.confidences, answers.correct)
    return {
        **_rate(answers.correct, answers.tracks),
        "top5_accuracy": float((answers.label_ranks < 5).mean()) if classes >= TOP5_CLASSES else None,
        "confidence": float(answers.confidences.mean(dtype=np.float64)),
        "ece": expected_calibration_error(diagram),
        "reliability": [one.to_dict() for one in diagram],
        **_classes(answers, names),
    }


def measure_change(clean: PredictionSet, after: PredictionSet, *, names: Sequence[str], classes: int) -> dict[str, Any]:
    """Everything about answers under a transform, against those about the same images unchanged.

    Args:
        clean: Before.
        after: About the same images; if there are none, all rates are None.
        names: What the classes of the data are called.
        classes: How many the classifier chooses from.
    """
    if len(after) == 0:
        nothing = {"n": 0, "correct": 0, "lost": 0, "gained": 0, "reliability": [], "per_class": [], "confusion": []}
        return {**nothing, **dict.fromkeys(_NO_IMAGE)}
    wrong = after.confidences[~after.correct]
    return {
        **measure_answers(after, names=names, classes=classes),
        **_drop(clean, after),
        **_named("consistency", "consistency", clean.predictions == after.predictions, after.tracks),
        **_success(clean, after),
        "confidence_wrong": float(wrong.mean(dtype=np.float64)) if len(wrong) else None,
        **_destinations(after),
    }


def rate_interval(correct: Bool[np.ndarray, " n"], tracks: Int[np.ndarray, " n"] | None) -> Interval:
    """Wilson's interval, widened to that of whole tracks where images are frames of the same objects."""
    rate = Rate.of(correct)
    interval = Interval(rate.low, rate.high)
    resamples = _resamples(tracks)
    if tracks is None or not resamples:
        return interval
    return _wider(interval, cluster_bootstrap(correct, tracks, resamples=resamples))


def class_name(names: Sequence[str], index: int) -> str:
    """What a class is called, or its number where the classifier has more classes than the data."""
    return names[index] if index < len(names) else f"class {index}"


def _rate(correct: Bool[np.ndarray, " n"], tracks: Int[np.ndarray, " n"] | None) -> dict[str, Any]:
    interval = rate_interval(correct, tracks)
    return {**Rate.of(correct).to_dict(), "low": interval.low, "high": interval.high}


def _named(
    name: str, ends: str, holds: Bool[np.ndarray, " n"], tracks: Int[np.ndarray, " n"] | None
) -> dict[str, float | None]:
    """A rate and its interval under names of their own; None over no images."""
    if len(holds) == 0:
        return {name: None, f"{ends}_low": None, f"{ends}_high": None}
    interval = rate_interval(holds, tracks)
    return {name: float(holds.mean()), f"{ends}_low": interval.low, f"{ends}_high": interval.high}


def _drop(clean: PredictionSet, after: PredictionSet) -> dict[str, Any]:
    before = float(clean.correct.mean())
    lost = int(np.count_nonzero(clean.correct & ~after.correct))
    gained = int(np.count_nonzero(~clean.correct & after.correct))
    interval = paired_difference(lost, gained, len(after))
    resamples = _resamples(after.tracks)
    if after.tracks is not None and resamples:
        by_track = cluster_bootstrap_difference(clean.correct, after.correct, after.tracks, resamples=resamples)
        interval = _wider(interval, by_track)
    return {
        "clean_accuracy": before,
        "drop": (lost - gained) / len(after),
        "drop_low": interval.low,
        "drop_high": interval.high,
        "lost": lost,
        "gained": gained,
        "p_value": mcnemar(lost, gained),
    }


def _success(clean: PredictionSet, after: PredictionSet) -> dict[str, float | None]:
    """The share of images that a transform turns wrong, among those right before."""
    tracks = None if after.tracks is None else after.tracks[clean.correct]
    return _named("attack_success_rate", "attack_success", ~after.correct[clean.correct], tracks)


def _classes(answers: PredictionSet, names: Sequence[str]) -> dict[str, Any]:
    rates = rates_by_class(answers.labels, answers.correct, classes=int(answers.labels.max()) + 1)
    entries = [
        {
            "class": int(index),
            "name": class_name(names, int(index)),
            "n": int(rates.n[index]),
            "accuracy": float(rates.accuracy[index]),
            "low": float(rates.low[index]),
            "high": float(rates.high[index]),
        }
        for index in np.flatnonzero(rates.n)
    ]
    worst = min(entries, key=lambda entry: (entry["accuracy"], entry["high"]))
    best = max(entries, key=lambda entry: (entry["accuracy"], entry["low"]))
    return {"per_class": entries, "worst_class": _short(worst), "best_class": _short(best)}


def _short(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("class", "name", "n", "accuracy")}


def _destinations(after: PredictionSet) -> dict[str, Any]:
    """Where predictions go, and whether they still say anything of the label."""
    pairs = count_pairs(after.labels, after.predictions)
    draws = _DRAWS[int(max(after.labels.max(), after.predictions.max()) >= _MANY_CLASSES)]
    return {
        "confusion": _errors(pairs, np.bincount(after.labels)),
        "entropy_bits": entropy_bits(np.bincount(after.predictions)),
        "information_bits": pairs_information_bits(pairs),
        "information_null_bits": information_by_chance(after.labels, after.predictions, draws=draws),
    }


def _errors(pairs: Pairs, images: Int[np.ndarray, " classes"]) -> list[dict[str, Any]]:
    """The most frequent errors, the first of them the most frequent."""
    wrong = np.flatnonzero(pairs.labels != pairs.predictions)
    most = wrong[np.argsort(-pairs.counts[wrong], kind="stable")[:_ERRORS]]
    return [
        {
            "label": int(pairs.labels[cell]),
            "prediction": int(pairs.predictions[cell]),
            "n": int(pairs.counts[cell]),
            "share": float(pairs.counts[cell] / images[pairs.labels[cell]]),
        }
        for cell in most
    ]


def _resamples(tracks: Int[np.ndarray, " n"] | None) -> int:
    """How often tracks are resampled: not at all where there is one or none, less often where there are very many."""
    count = 0 if tracks is None else len(np.unique(tracks))
    return 0 if count < 2 else max(200, min(2000, _RESAMPLED // count))


def _wider(first: Interval, second: Interval) -> Interval:
    return Interval(min(first.low, second.low), max(first.high, second.high))
