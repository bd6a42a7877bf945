"""Pictures for the proof: images, how they look transformed, what the classifier is then shown, and predictions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.predictions import PredictionSet
from negatoscope.auditing.run import apply
from negatoscope.data.batches import batches
from negatoscope.data.dicom import summarize_dicom
from negatoscope.hardening.proof import OrbitPredictions
from negatoscope.hardening.wrapper import WrappedClassifier
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import to_images
from negatoscope.reports.data_uri import GRAIN, data_uri
from negatoscope.types import Images

MENDED, MISREAD, LOST = (
    "Misclassified before, correct after",
    "Misclassified after",
    "Correct when clean before, misclassified after",
)
"""What a group of pictures is called."""

_PICTURED = 6  # images of a group at most


@dataclass(frozen=True)
class Prediction:
    """What is predicted for an image in one form.

    Args:
        name: The class.
        confidence: Its probability, in [0, 1].
        correct: Whether it is the label.
    """

    name: str
    confidence: float
    correct: bool


@dataclass(frozen=True)
class Case:
    """One image.

    Args:
        name: What it is called.
        label: Its class.
        pictures: As it is, transformed, and, where that is one image, what the classifier is shown for it then, as
            data URIs.
        predictions: Of the classifier before and after, for the image as it is and transformed, in that order.
        small: Whether its pixels are to be seen.
    """

    name: str
    label: str
    pictures: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    small: bool


def draw_cases(
    plan: AuditPlan, before: OrbitPredictions, after: OrbitPredictions, hardened: ClassifierAdapter, *, focus: str
) -> dict[str, list[Case]]:
    """A few images of each kind, read again; none where an image is flagged as having text on a person burnt in.

    Args:
        plan: The audit of the classifier as it came.
        before: Its predictions.
        after: Those of the hardened classifier.
        hardened: It.
        focus: The element under which images are drawn.
    """
    dicom = summarize_dicom(plan.dataset)
    if dicom and dicom.burnt_in:
        return {}
    sets = (before.clean, after.clean, before.under(focus), after.under(focus))
    clean_before, clean_after, focus_before, focus_after = (one.correct for one in sets)
    counted = before.clean.is_of(before.audited.transforms[focus].preserved)
    groups = {
        MENDED: ~focus_before & focus_after & counted,
        MISREAD: ~focus_after & counted,
        LOST: clean_before & ~clean_after,
    }
    chosen = {title: _spread(holds, before.clean.labels) for title, holds in groups.items() if holds.any()}
    rows = sorted({row for rows in chosen.values() for row in rows})
    cases = dict(zip(rows, _cases(plan, rows, sets, hardened, focus), strict=False))
    return {title: [cases[row] for row in rows] for title, rows in chosen.items()}


def _spread(holds: Bool[np.ndarray, " n"], labels: Int[np.ndarray, " n"]) -> list[int]:
    """A few of the images for which it holds, of as many classes as may be."""
    rows = np.flatnonzero(holds)
    _, first = np.unique(labels[rows], return_index=True)
    chosen: list[int] = np.concatenate([rows[np.sort(first)], np.delete(rows, first)])[:_PICTURED].tolist()
    return sorted(chosen)


def _cases(
    plan: AuditPlan, rows: Sequence[int], sets: Sequence[PredictionSet], hardened: ClassifierAdapter, focus: str
) -> Iterator[Case]:
    resize, dataset = plan.classifier.input_spec.resize, plan.dataset
    transform = next(step for step in plan.transforms if step.spec == focus)
    names = dict(enumerate(dataset.class_names))
    samples = sets[0].samples[list(rows)]
    lacking = dataset.take(dataset.positions_of(samples), split=dataset.split)
    for batch in batches(lacking, resize, batch_size=plan.batch_size):
        images = to_images(torch.from_numpy(batch.pixels).to(plan.classifier.device))
        changed = apply(transform, batch, images).images
        for index, sample in enumerate(batch.samples):
            row = int(np.flatnonzero(sets[0].samples == sample)[0])
            one = changed[index : index + 1]
            looks = [images[index], one[0], *shown_to_classifier(hardened, one)]
            yield Case(
                name=batch.names[index] or f"image {sample}",
                label=names.get(int(batch.labels[index]), ""),
                pictures=tuple(map(data_uri, looks)),
                predictions=tuple(
                    Prediction(
                        names.get(int(one.predictions[row]), f"class {one.predictions[row]}"),
                        float(one.confidences[row]),
                        bool(one.correct[row]),
                    )
                    for one in sets
                ),
                small=max(resize.height, resize.width) < GRAIN,
            )


def shown_to_classifier(
    hardened: ClassifierAdapter, image: Images
) -> Float[torch.Tensor, "shown channels height width"]:
    """The one image that the classifier behind a wrapper is shown for one; none where it is shown several."""
    shown = hardened.shown(image) if isinstance(hardened, WrappedClassifier) else []
    return shown[0] if len(shown) == 1 and len(shown[0]) == 1 else image[:0]
