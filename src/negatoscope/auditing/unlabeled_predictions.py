"""Images without labels: what a classifier predicts for each, clean and under every transform; no accuracy."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch

from negatoscope.auditing.page_contents import by_kind
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.results import PlannedKind, SuiteSummary, UnreadableImage
from negatoscope.auditing.run import AuditProgress, apply
from negatoscope.data.batches import Batch, batches
from negatoscope.errors import DataError, expect
from negatoscope.models.predict import predict_images, to_images
from negatoscope.provenance import Provenance
from negatoscope.reports.data_uri import data_uri
from negatoscope.reports.formatting import class_name
from negatoscope.statistics.intervals import Rate
from negatoscope.transforms import CLEAN

PICTURED = 8
"""Images whose pictures a page shows at most."""


@dataclass(frozen=True, kw_only=True)
class ImagePrediction:
    """What a classifier predicts for an image under a transform.

    Args:
        spec: The transform, "clean" for none.
        prediction: The class, from 0.
        confidence: Its probability, in [0, 1].
    """

    spec: str
    prediction: int
    confidence: float


@dataclass(frozen=True, kw_only=True)
class UnlabeledImage:
    """An image and its predictions: clean, then under each transform.

    Args:
        name: What its source calls it.
        predictions: Clean, then under each transform.
    """

    name: str
    predictions: tuple[ImagePrediction, ...]

    @property
    def clean(self) -> ImagePrediction:
        """The prediction for the image as it is."""
        return self.predictions[0]

    @property
    def changed(self) -> tuple[str, ...]:
        """The transforms under which the prediction is another one than clean."""
        return tuple(one.spec for one in self.predictions if one.prediction != self.clean.prediction)


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """How many predictions a transform leaves as they are.

    Args:
        spec: The transform.
        kind: Its kind.
        assumed: Whether it is assumed to be label-preserving, since nobody annotated the images.
        n: Images, at least 1.
        consistency: The share of predictions that are the same clean and transformed, in [0, 1].
        low: The lower end of its Wilson 95 % interval, in [0, 1].
        high: The upper end, in [0, 1].
    """

    spec: str
    kind: PlannedKind
    assumed: bool = False
    n: int
    consistency: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class UnlabeledPredictions:
    """What a classifier predicts for images without labels: `predictions.json`.

    Args:
        model: What reports call the classifier.
        sha256: Of its files or weights.
        data: What the images are called.
        suite: The suite's name and version.
        class_names: What the classifier calls its outputs, where that is known.
        images: Each image's predictions.
        transforms: Each transform's consistency.
        unreadable: Images that could not be decoded.
        provenance: Where it comes from.
    """

    schema: Literal[2] = 2
    model: str
    sha256: str
    data: str
    suite: SuiteSummary
    class_names: tuple[str, ...]
    images: tuple[UnlabeledImage, ...]
    transforms: tuple[Consistency, ...]
    unreadable: tuple[UnreadableImage, ...]
    provenance: Provenance

    @property
    def focus(self) -> Consistency | None:
        """What a report names first: the negative, else the lowest consistency; controls and paths come last."""
        candidates = [entry for entry in self.transforms if entry.spec == "negative"]
        candidates = candidates or [entry for entry in self.transforms if entry.kind not in ("control", "path")]
        return min(candidates or self.transforms, key=lambda entry: entry.consistency, default=None)

    @property
    def groups(self) -> dict[str, list[Consistency]]:
        """The transforms under the title of their kind; empty kinds are left out."""
        return by_kind(self.transforms)

    def class_name(self, index: int) -> str:
        """What a class is called, or its number."""
        return class_name(self.class_names, index)

    def __str__(self) -> str:
        from negatoscope.auditing.unlabeled_text import unlabeled_markdown

        return unlabeled_markdown(self)

    def _repr_markdown_(self) -> str:
        return str(self)


@dataclass
class _Found:
    """What is found, batch by batch."""

    images: list[UnlabeledImage] = field(default_factory=list)
    unreadable: list[UnreadableImage] = field(default_factory=list)
    pictures: list[dict[str, str]] = field(default_factory=list)


def predict_unlabeled(
    plan: AuditPlan, *, provenance: Provenance, progress: Callable[[AuditProgress], None] | None = None
) -> tuple[UnlabeledPredictions, list[Mapping[str, str]]]:
    """Classify images that have no labels, clean and under every transform.

    Attacks are made against the clean prediction.

    Returns:
        The predictions, and of the first images by transform what they look like, as data URIs.

    Raises:
        DataError: Not one image can be read.
        InputError: A transform leaves [0, 1] or changes the shape, or the classifier gives NaN.
    """
    classifier, dataset, found = plan.classifier, plan.dataset, _Found()
    done, began = 0, time.monotonic()
    for batch in batches(dataset, classifier.input_spec.resize, batch_size=plan.batch_size):
        found.unreadable += [UnreadableImage(name=image.name, reason=image.reason) for image in batch.unreadable]
        if len(batch.labels):
            _predict_batch(plan, batch, found)
        done += len(batch.labels) + len(batch.unreadable)
        if progress:
            pace = (time.monotonic() - began) / done
            progress(AuditProgress(done, len(dataset), seconds_left=pace * (len(dataset) - done)))
    first = found.unreadable[0].reason if found.unreadable else ""
    expect(found.images, f"an image in {dataset.spec}", f"{len(dataset)} that cannot be read ({first})", DataError)
    result = UnlabeledPredictions(
        model=classifier.name,
        sha256=classifier.sha256,
        data=dataset.spec,
        suite=plan.suite,
        class_names=classifier.labels,
        images=tuple(found.images),
        transforms=_consistencies(plan, found.images),
        unreadable=tuple(found.unreadable),
        provenance=provenance,
    )
    return result, list(found.pictures)


def _predict_batch(plan: AuditPlan, batch: Batch, found: _Found) -> None:
    classifier = plan.classifier
    images = to_images(torch.from_numpy(batch.pixels).to(classifier.device))
    none = torch.zeros(len(batch.labels), dtype=torch.int64, device=classifier.device)  # a label is needed, not used
    clean = predict_images(classifier, images, none)
    judged, labels = replace(batch, labels=clean.predictions), torch.from_numpy(clean.predictions).to(classifier.device)
    pictured = max(0, PICTURED - len(found.pictures))
    pictures = [{CLEAN: picture} for picture in map(data_uri, images[:pictured])]
    results = {CLEAN: clean}
    for step in plan.transforms:
        changed = apply(step, judged, images).images
        results[step.spec] = predict_images(classifier, changed, labels)
        for shown, image in zip(pictures, changed, strict=False):
            shown[step.spec] = data_uri(image)
    found.pictures += pictures
    for row, (name, sample) in enumerate(zip(batch.names, batch.samples, strict=True)):
        predictions = tuple(
            ImagePrediction(
                spec=spec, prediction=int(result.predictions[row]), confidence=float(result.confidences[row])
            )
            for spec, result in results.items()
        )
        found.images.append(UnlabeledImage(name=name or f"image {sample}", predictions=predictions))


def _consistencies(plan: AuditPlan, images: Sequence[UnlabeledImage]) -> tuple[Consistency, ...]:
    consistencies = []
    for place, step in enumerate(plan.transforms, start=1):
        same = [image.predictions[place].prediction == image.clean.prediction for image in images]
        rate = Rate.of(np.array(same))
        consistencies.append(
            Consistency(
                spec=step.spec,
                kind=step.kind,
                assumed=step.assumed,
                n=rate.n,
                consistency=rate.accuracy,
                low=rate.low,
                high=rate.high,
            )
        )
    return tuple(consistencies)
