"""What a method does to predictions: two audits of the same images, before and after, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import and_

import numpy as np
from jaxtyping import Bool

from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.compare import RateDifference, compare, measure_two
from negatoscope.auditing.plan import AuditConfig, AuditPlan, PlannedTransform, make_plan, plan_transform
from negatoscope.auditing.predictions import PredictionSet, read_predictions
from negatoscope.auditing.shared_accuracies import SharedAccuracy
from negatoscope.auditing.steps import transform_step
from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.rows import RowReader
from negatoscope.statistics.intervals import Rate
from negatoscope.statistics.measured import widened_rate
from negatoscope.statistics.worst_case import WorstCase
from negatoscope.transforms import CLEAN
from negatoscope.transforms.groups import Element, Group

ORBIT_WORST = "orbit_worst"
"""What the accuracy over all elements of a group is called among those of an audit."""


def plan_proof(classifier: ClassifierAdapter, dataset: Dataset, group: Group, config: AuditConfig) -> AuditPlan:
    """An audit under every element of a group, then under all else that `config` says.

    Raises:
        InputError: As `make_plan` says.
    """
    plan = make_plan(classifier, dataset, config)
    elements = [plan_element(element, classifier, plan.dataset, config) for element in group.elements[1:]]
    steps = {step.spec: step for step in (*elements, *plan.transforms)}
    return replace(plan, transforms=tuple(steps.values()))


def plan_element(
    element: Element, classifier: ClassifierAdapter, dataset: Dataset, config: AuditConfig
) -> PlannedTransform:
    """An element of a group as a transform of an audit: it keeps the labels that each of its parts keeps."""
    parts = [plan_transform(text, classifier, dataset, config) for text in str(element).split(" | ")]
    known = [set(part.preserved) for part in parts if part.preserved is not None]
    kinds = [part.kind for part in parts]

    return PlannedTransform(
        spec=str(element),
        kind="not_annotated" if "not_annotated" in kinds else kinds[0],
        function=transform_step(element),
        parameters=parts[0].parameters if len(parts) == 1 else {},
        preserved=tuple(sorted(reduce(and_, known))) if known else None,
        assumed=any(part.assumed for part in parts),
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Predictions before and after hardening, of the same images.

    Args:
        n: How many images, at least 1.
        clean_before: Accuracy on clean images.
        clean_after: Likewise.
        negative_before: Accuracy under the negative, or else the element of the group with the lowest accuracy.
        negative_after: Likewise.
        orbit_worst_before: The share of images that are correct clean and under every element that keeps their label.
        orbit_worst_after: Likewise.
        consistency_before: The share of images with the same prediction clean and under every element.
        consistency_after: Likewise.
        orbit_worst_change: The difference of `orbit_worst`, paired.
        changes: Those of clean accuracy, of the accuracy under every element and every other transform, and of the
            worst case over all that preserve labels: paired, p-values corrected by Holm's method.
    """

    n: int
    clean_before: Rate
    clean_after: Rate
    negative_before: Rate
    negative_after: Rate
    orbit_worst_before: Rate
    orbit_worst_after: Rate
    consistency_before: Rate
    consistency_after: Rate
    orbit_worst_change: RateDifference
    changes: tuple[RateDifference, ...]


@dataclass(frozen=True)
class OrbitPredictions:
    """A classifier's predictions for images, clean and under each element of a group, as an audit wrote them.

    Args:
        audited: The audit.
        elements: Their specs, without the identity.
    """

    audited: AuditResult
    elements: Sequence[str]

    @cached_property
    def clean(self) -> PredictionSet:
        """Of clean images."""
        return read_predictions(self._rows, CLEAN)

    def under(self, spec: str) -> PredictionSet:
        """Under one element."""
        return read_predictions(self._rows, spec, like=self.clean)

    @cached_property
    def worst(self) -> WorstCase:
        """Which images are correct clean and under every element that keeps their label."""
        worst = WorstCase(self.clean.correct)
        for spec in self.elements:
            worst.add(self.under(spec).correct, self.clean.is_of(self.audited.transforms[spec].preserved))
        return worst

    @property
    def consistency(self) -> Rate:
        """The share of images with the same prediction clean and under every element."""
        same = np.ones(len(self.clean), dtype=np.bool_)
        for spec in self.elements:
            same &= self.under(spec).predictions == self.clean.predictions
        return rate_of(same, self.clean)

    @property
    def orbit_worst(self) -> Rate:
        """The share of images that are correct clean and under every element."""
        return rate_of(self.worst.correct, self.counted)

    @property
    def counted(self) -> PredictionSet:
        """The images that `orbit_worst` is over, clean."""
        return self.clean[self.worst.counted]

    @property
    def _rows(self) -> RowReader:
        return RowReader(self.audited.rows_path)


def rate_of(holds: Bool[np.ndarray, " n"], images: PredictionSet) -> Rate:
    """A rate with its interval, widened where images are frames of the same objects."""
    return widened_rate(holds, images.tracks)


def measure_method(before: OrbitPredictions, after: OrbitPredictions, *, focus: str) -> Measured:
    """What a method does to predictions.

    Args:
        before: Predictions of the classifier.
        after: Those of what the method made of it, for the same images.
        focus: The element whose accuracy stands beside the clean one.
    """
    compared = compare(before.audited, after.audited)
    correct, tracks = [before.worst.correct, after.worst.correct], [before.counted.tracks, after.counted.tracks]
    shared = SharedAccuracy(ORBIT_WORST, "label_preserving", (), correct, tracks)
    clean, negative = ([_rate(side.audited, spec) for side in (before, after)] for spec in (CLEAN, focus))
    return Measured(
        n=len(before.clean),
        clean_before=clean[0],
        clean_after=clean[1],
        negative_before=negative[0],
        negative_after=negative[1],
        orbit_worst_before=before.orbit_worst,
        orbit_worst_after=after.orbit_worst,
        consistency_before=before.consistency,
        consistency_after=after.consistency,
        orbit_worst_change=measure_two(shared, paired=True),
        changes=compared.rates,
    )


def _rate(audited: AuditResult, spec: str) -> Rate:
    """The accuracy of an audit's images, clean or under a transform that at least one of them counts for."""
    entry = audited.clean if spec == CLEAN else audited.transforms[spec]
    accuracy, low, high = (value or 0.0 for value in (entry.accuracy, entry.low, entry.high))
    return Rate(n=entry.n, correct=entry.correct, accuracy=accuracy, low=low, high=high)
