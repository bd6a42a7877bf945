"""From rows to `summary.json`: every number that a report of an audit shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from negatoscope.auditing.measure import measure_predictions, measure_transform
from negatoscope.auditing.plan import AuditPlan, PlannedTransform
from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_predictions
from negatoscope.auditing.results import (
    AuditSummary,
    DatasetSummary,
    MeanAccuracy,
    ModelSummary,
    SelfCheck,
    SuiteSummary,
    TransformResult,
)
from negatoscope.auditing.run import RunTotals
from negatoscope.auditing.verdict import verdict_sentence
from negatoscope.data import DATASETS
from negatoscope.provenance import Provenance
from negatoscope.rows import RowReader
from negatoscope.statistics.intervals import Rate
from negatoscope.statistics.measured import measure_rate
from negatoscope.statistics.paired import holm


@dataclass(frozen=True, kw_only=True)
class AuditFacts:
    """What a summary holds besides what is counted from rows; `totals` is what the run counted besides rows."""

    model: ModelSummary
    dataset: DatasetSummary
    suite: SuiteSummary
    self_check: SelfCheck
    transforms: Sequence[PlannedTransform]
    totals: RunTotals
    provenance: Provenance

    @classmethod
    def of(cls, plan: AuditPlan, checked: SelfCheck, totals: RunTotals, provenance: Provenance) -> "AuditFacts":
        """Those of an audit that has run."""
        classifier, dataset = plan.classifier, plan.dataset
        published = dataset.name in DATASETS.names()
        return cls(
            model=ModelSummary(
                name=classifier.name,
                kind=classifier.kind,
                sha256=classifier.sha256,
                classes=classifier.input_spec.classes,
                input_spec=classifier.input_spec,
                runs_code=classifier.runs_code,
            ),
            dataset=DatasetSummary(
                spec=dataset.spec,
                split=dataset.split,
                available=plan.available,
                limit=plan.config.limit,
                prepared=dataset.prepared,
                official=dataset.official if published else None,  # of a user's own files nothing is published
                files={file.name: file.sha256 for file in dataset.files},
                class_names=dataset.class_names,
            ),
            suite=plan.suite,
            self_check=checked,
            transforms=plan.transforms,
            totals=totals,
            provenance=provenance,
        )


def summarize(rows: Path, facts: AuditFacts) -> AuditSummary:
    """Count everything that `summary.json` holds but for the gate; memory is bounded by the rows of two transforms.

    Args:
        rows: The rows of one audit, with those of clean images under "clean".
        facts: What rows do not say.

    Raises:
        DataError: The rows cannot be read, or lack images of a transform.
    """
    classes = len(facts.model.input_spec.class_map) or facts.model.classes
    reader = RowReader(rows)
    clean = read_predictions(reader, CLEAN)
    correct, transforms = _measure(reader, clean, facts, classes=classes)
    preserving = [entry for entry in transforms if entry.kind == "label_preserving" and entry.n]
    summary = AuditSummary(
        model=facts.model,
        dataset=facts.dataset,
        suite=facts.suite,
        n=len(clean),
        unreadable=facts.totals.unreadable,
        unreadable_named=facts.totals.unreadable_named,
        self_check=facts.self_check,
        clean=measure_predictions(clean, names=facts.dataset.class_names, classes=classes),
        chance=1 / classes,
        majority=float(np.bincount(clean.labels).max() / len(clean)),
        transforms=transforms,
        mean=_mean(preserving) if preserving else None,
        worst_case=_worst_case(correct, clean) if preserving else None,
        provenance=facts.provenance,
    )
    return replace(summary, verdict=verdict_sentence(summary))


def _measure(
    reader: RowReader, clean: PredictionSet, facts: AuditFacts, *, classes: int
) -> tuple[Bool[np.ndarray, " n"], tuple[TransformResult, ...]]:
    """Whether each image is correct clean and under all label-preserving transforms, and each transform's numbers."""
    correct = clean.correct.copy()
    results = []
    for step in facts.transforms:
        after = read_predictions(reader, step.spec, like=clean)
        if step.kind == "label_preserving":
            correct &= after.correct | ~clean.is_of(step.preserved)
        result = measure_transform(step, clean, after, names=facts.dataset.class_names, classes=classes)
        reached = facts.totals.reached_l2.get(step.spec)
        results.append(replace(result, reached_l2=reached.reached if reached else None))
    corrected = iter(holm([result.p_value for result in results if result.p_value is not None]))
    return correct, tuple(replace(result, p_holm=next(corrected)) if result.n else result for result in results)


def _mean(transforms: Sequence[TransformResult]) -> MeanAccuracy:
    """The mean of the intervals' ends is an interval of the mean that holds at least as often, however they depend."""
    rates = np.array([(entry.accuracy, entry.low, entry.high) for entry in transforms], dtype=np.float64)
    accuracy, low, high = (float(np.mean(column)) for column in rates.T)
    return MeanAccuracy(transforms=len(transforms), accuracy=accuracy, low=low, high=high)


def _worst_case(correct: Bool[np.ndarray, " n"], clean: PredictionSet) -> Rate:
    rate = measure_rate(correct, clean.tracks)
    return Rate(rate.n, rate.correct, rate.accuracy, rate.interval.low, rate.interval.high)
