"""From rows to `summary.json`: every number that a report of an audit shows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from negatoscope.auditing.families import corrected, find_repeats
from negatoscope.auditing.measure import measure_predictions, measure_transform
from negatoscope.auditing.parts import RunTotals
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.predictions import PredictionSet, fingerprint_under, read_predictions
from negatoscope.auditing.results import (
    AuditSummary,
    DatasetSummary,
    MeanAccuracy,
    ModelSummary,
    SelfCheck,
    TransformResult,
)
from negatoscope.auditing.verdict import verdict_sentence
from negatoscope.data import DATASETS
from negatoscope.data.dicom import summarize_dicom
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.provenance import Provenance
from negatoscope.rows import RowReader
from negatoscope.statistics.measured import widened_rate
from negatoscope.statistics.worst_case import WorstCase
from negatoscope.transforms import CLEAN


def summarize(
    rows: Path, plan: AuditPlan, *, self_check: SelfCheck, totals: RunTotals, provenance: Provenance
) -> AuditSummary:
    """Count everything that `summary.json` holds but for the gate; memory is bounded by the rows of two transforms.

    Raises:
        DataError: The rows cannot be read, or lack images of a transform.
    """
    dataset, classes = plan.dataset, plan.classifier.input_spec.data_classes
    reader = RowReader(rows)
    clean = read_predictions(reader, CLEAN)
    worst, transforms, distinct = _measure(reader, clean, plan, totals)
    tracks = None if clean.tracks is None else clean.tracks[worst.counted]
    preserving = [entry for entry in transforms if entry.kind == "label_preserving" and entry.n]
    summary = AuditSummary(
        model=describe_model(plan.classifier),
        dataset=describe_dataset(plan),
        suite=plan.suite,
        n=len(clean),
        unreadable=totals.unreadable,
        unreadable_named=totals.unreadable_named,
        self_check=self_check,
        clean=measure_predictions(clean, names=dataset.class_names, classes=classes),
        chance=1 / classes,
        majority=float(np.bincount(clean.labels).max() / len(clean)),
        transforms=transforms,
        mean=_mean([entry for entry in preserving if entry.spec in distinct] or preserving) if preserving else None,
        worst_case=widened_rate(worst.correct, tracks) if preserving else None,
        provenance=provenance,
    )
    return replace(summary, verdict=verdict_sentence(summary))


def describe_model(classifier: ClassifierAdapter) -> ModelSummary:
    """A classifier as documents have it."""
    return ModelSummary(
        name=classifier.name,
        kind=classifier.kind,
        sha256=classifier.sha256,
        classes=classifier.input_spec.classes,
        input_spec=classifier.input_spec,
        runs_code=classifier.runs_code,
    )


def describe_dataset(plan: AuditPlan) -> DatasetSummary:
    """The images of an audit as documents have them."""
    dataset = plan.dataset
    published = dataset.name in DATASETS.names() and all(file.official is not None for file in dataset.files)
    objects = len(dataset) if dataset.tracks is None else len(np.unique(dataset.tracks))
    return DatasetSummary(
        spec=dataset.spec,
        split=dataset.split,
        available=plan.available,
        limit=plan.config.limit,
        prepared=dataset.prepared,
        official=dataset.official if published else None,
        files={file.name: file.sha256 for file in dataset.files},
        class_names=dataset.class_names,
        decoding=dataset.decoding,
        left_out=dataset.left_out,
        dicom=summarize_dicom(dataset),
        objects=objects if objects < len(dataset) else None,
    )


def _measure(
    reader: RowReader, clean: PredictionSet, plan: AuditPlan, totals: RunTotals
) -> tuple[WorstCase, tuple[TransformResult, ...], set[str]]:
    """The worst case, each transform's numbers, and the transforms that repeat neither clean images nor another one."""
    names, classes = plan.dataset.class_names, plan.classifier.input_spec.data_classes
    worst, results, fingerprints = WorstCase(clean.correct), [], {}
    for step in plan.transforms:
        after = read_predictions(reader, step.spec, like=clean)
        if step.kind == "label_preserving":
            worst.add(after.correct, clean.is_of(step.preserved))
        result = measure_transform(step, clean, after, names=names, classes=classes)
        reached = totals.reached_l2.get(step.spec)
        results.append(replace(result, reached_l2=reached.reached if reached else None))
        if result.n:
            fingerprints[step.spec] = fingerprint_under(after, clean, step.preserved)
    kinds = {step.spec: step.kind for step in plan.transforms}
    repeats = find_repeats(fingerprints, kinds)
    p_values = {result.spec: result.p_value for result in results if result.p_value is not None}
    p_holm = corrected(p_values, kinds=kinds, repeats=repeats)
    transforms = tuple(
        replace(result, p_holm=p_holm.get(result.spec), repeats=repeats.get(result.spec, "")) for result in results
    )
    changed = {spec for spec, mark in fingerprints.items() if mark != clean.fingerprint}
    return worst, transforms, changed - set(repeats)


def _mean(transforms: Sequence[TransformResult]) -> MeanAccuracy:
    """The mean of the intervals' ends is an interval of the mean that holds at least as often, however they depend."""
    rates = np.array([(entry.accuracy, entry.low, entry.high) for entry in transforms], dtype=np.float64)
    accuracy, low, high = (float(np.mean(column)) for column in rates.T)
    return MeanAccuracy(transforms=len(transforms), accuracy=accuracy, low=low, high=high)
