"""The numbers of one transform: every rate of an audit is counted here."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from negatoscope.auditing.measurement import ClassAccuracy, Confusion
from negatoscope.auditing.plan import PlannedTransform
from negatoscope.auditing.predictions import PredictionSet
from negatoscope.auditing.results import CleanResult, TransformResult
from negatoscope.reports.formatting import class_name
from negatoscope.statistics.calibration import expected_calibration_error, reliability
from negatoscope.statistics.information import (
    Pairs,
    count_pairs,
    entropy_bits,
    mutual_information_null,
    pairs_information_bits,
)
from negatoscope.statistics.intervals import rates_by_class
from negatoscope.statistics.measured import measure_difference, widened_rate

TOP5_CLASSES = 20
"""With fewer classes than this, five guesses say little, and there is no top-5 accuracy."""

_ERRORS = 10  # the most frequent ones that are reported
_EXAMPLES = 3  # settings of an attack that are reported
_DRAWS = (100, 20)  # random tables behind a null: with few classes, with many
_MANY_CLASSES = 100
_RATES = ("accuracy", "low", "high", "top5_accuracy", "confidence", "ece")  # None where no image counts


def measure_predictions(predictions: PredictionSet, *, names: Sequence[str], classes: int) -> CleanResult:
    """Accuracy, confidence, calibration and classes of predictions, of which there is one at least.

    `names` are those of the data's classes, and `classes` is how many the classifier chooses from.
    """
    rate = widened_rate(predictions.correct, predictions.tracks)
    diagram = reliability(predictions.confidences, predictions.correct)
    return CleanResult(
        n=rate.n,
        correct=rate.correct,
        accuracy=rate.accuracy,
        low=rate.low,
        high=rate.high,
        top5_accuracy=float((predictions.label_ranks < 5).mean()) if classes >= TOP5_CLASSES else None,
        confidence=float(predictions.confidences.mean(dtype=np.float64)),
        ece=expected_calibration_error(diagram),
        reliability=diagram,
        per_class=measure_classes(predictions.labels, predictions.correct, names),
    )


def measure_transform(
    step: PlannedTransform, clean: PredictionSet, after: PredictionSet, *, names: Sequence[str], classes: int
) -> TransformResult:
    """Everything about predictions under a transform, against those about the same images clean; `p_holm` is None yet.

    If no image counts, all rates are None.
    """
    result = partial(
        TransformResult,
        spec=step.spec,
        name=step.name,
        kind=step.kind,
        parameters=step.parameters,
        preserved=step.preserved,
        assumed=step.assumed,
    )
    clean, after = clean.of_classes(step.preserved), after.of_classes(step.preserved)
    if len(after) == 0:
        no_rates: dict[str, Any] = dict.fromkeys(_RATES)
        return result(n=0, correct=0, reliability=(), per_class=(), **no_rates)
    pairs = count_pairs(after.labels, after.predictions)
    attacked = clean.correct
    misclassified = after.confidences[~after.correct]
    drop = measure_difference(clean.correct, after.correct, after.tracks)
    rates: dict[str, Any] = {
        **vars(measure_predictions(after, names=names, classes=classes)),
        **_with_ends("consistency", "consistency", clean.predictions == after.predictions, after.tracks),
        **_with_ends(
            "attack_success_rate",
            "attack_success",
            ~after.correct[attacked],
            None if after.tracks is None else after.tracks[attacked],
        ),
    }
    draws = _DRAWS[int(max(after.labels.max(), after.predictions.max()) >= _MANY_CLASSES)]
    misclassified_mean = float(misclassified.mean(dtype=np.float64)) if len(misclassified) else None
    return result(
        **rates,
        **_attack_facts(clean, after),
        clean_accuracy=float(clean.correct.mean()),
        drop=drop.difference,
        drop_low=drop.low,
        drop_high=drop.high,
        lost=drop.lost,
        gained=drop.gained,
        p_value=drop.p_value,
        misclassified_confidence=misclassified_mean,
        confusion=_confusion(after, pairs),
        entropy_bits=entropy_bits(np.bincount(after.predictions)),
        information_bits=pairs_information_bits(pairs),
        information_null_bits=mutual_information_null(after.labels, after.predictions, draws=draws),
    )


def _attack_facts(clean: PredictionSet, after: PredictionSet) -> dict[str, Any]:
    """What an attack spent on an image, and a few of the settings by which it had the images misclassified."""
    if after.queries is None:
        return {}
    chosen = [] if after.parameters is None else after.parameters[clean.correct & ~after.correct]
    return {
        "mean_queries": float(after.queries.mean()),
        "median_queries": float(np.median(after.queries)),
        "examples": tuple(dict.fromkeys(filter(None, chosen)))[:_EXAMPLES],
    }


def _with_ends(
    name: str, ends: str, holds: Bool[np.ndarray, " n"], tracks: Int[np.ndarray, " n"] | None
) -> dict[str, float]:
    """A rate and its interval under names of their own; nothing over no images."""
    if len(holds) == 0:
        return {}
    rate = widened_rate(holds, tracks)
    return {name: rate.accuracy, f"{ends}_low": rate.low, f"{ends}_high": rate.high}


def measure_classes(
    labels: Int[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], names: Sequence[str]
) -> tuple[ClassAccuracy, ...]:
    """The accuracy of every class that has images."""
    return tuple(
        ClassAccuracy(
            label=label,
            name=class_name(names, label),
            n=rate.n,
            accuracy=rate.accuracy,
            low=rate.low,
            high=rate.high,
        )
        for label, rate in rates_by_class(labels, correct).items()
    )


def _confusion(after: PredictionSet, pairs: Pairs) -> tuple[Confusion, ...]:
    """The most frequent errors, the most frequent first."""
    images = np.bincount(after.labels)
    misclassified = np.flatnonzero(pairs.labels != pairs.predictions)
    most = misclassified[np.argsort(-pairs.counts[misclassified], kind="stable")[:_ERRORS]]
    return tuple(
        Confusion(
            label=int(pairs.labels[cell]),
            prediction=int(pairs.predictions[cell]),
            n=int(pairs.counts[cell]),
            share=float(pairs.counts[cell] / images[pairs.labels[cell]]),
        )
        for cell in most
    )
