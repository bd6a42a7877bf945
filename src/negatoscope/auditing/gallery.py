"""Pictures of failures: images that are classified correctly when clean and misclassified under a transform."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int

from negatoscope.auditing.plan import AuditPlan, PlannedTransform
from negatoscope.auditing.predictions import PredictionSet
from negatoscope.auditing.run import apply
from negatoscope.data.batches import Batch, batches
from negatoscope.data.dicom import summarize_dicom
from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError
from negatoscope.files import remove_all, writing_folder
from negatoscope.levels import to_pixels
from negatoscope.models.predict import to_images
from negatoscope.reports.data_uri import thumbnail
from negatoscope.types import IndexArray

PICTURES = 6
"""Failures shown of each transform."""


@dataclass(frozen=True, kw_only=True)
class GalleryEntry:
    """An image that is classified correctly when clean and misclassified under a transform.

    Args:
        spec: The transform.
        sample: The position of the image in its dataset, from 0.
        name: What its source calls it, "" for nothing.
        before_prediction: The correct class, from 0.
        before_confidence: The classifier's confidence in it, in [0, 1].
        after_prediction: The wrong class, from 0.
        after_confidence: The confidence in that one, in [0, 1].
        before: The file of the clean image in the gallery's folder.
        after: The file of the transformed image there.
        parameters: The spec that made it, where an attack chose one for each image; else "".
    """

    spec: str
    sample: int
    name: str
    before_prediction: int
    before_confidence: float
    after_prediction: int
    after_confidence: float
    before: str
    after: str
    parameters: str = ""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The pictures of an audit, those of one transform after those of another: `gallery/gallery.json`.

    Args:
        preserved: For each transform the classes that keep their label, from 0, which decided the choice; None is all.
        entries: The pictures, in their order.
    """

    schema: Literal[2] = 2
    preserved: Mapping[str, tuple[int, ...] | None]
    entries: tuple[GalleryEntry, ...]


def save_gallery(
    plan: AuditPlan, failures: Sequence[GalleryEntry], *, out: Path, decoded: Sequence[Batch] = ()
) -> None:
    """Write `gallery/` to `out`: of each transform the `failures`, as `choose_failures` has them, before and after.

    Only these images are decoded again, each once, and those of `decoded` not at all. A gallery that is
    there stays if it was drawn for the same classes. Where an image is flagged as having text on a person burnt in, no
    picture is drawn at all.

    Raises:
        OutputError: `out` cannot be written.
    """
    preserved = {transform.spec: transform.preserved for transform in plan.transforms}
    folder = out / "gallery"
    if folder.is_dir():
        with suppress(DataError):  # damaged ones are drawn again
            if read_document(folder / "gallery.json", Gallery, what="a gallery", make="").preserved == preserved:
                return
        remove_all([folder])
    dicom, steps = summarize_dicom(plan.dataset), {step.spec: step for step in plan.transforms}
    of_sample: dict[int, list[GalleryEntry]] = {}
    for entry in () if dicom and dicom.burnt_in else failures:
        of_sample.setdefault(entry.sample, []).append(entry)
    entries = []
    with writing_folder(folder) as temporary:
        for batch in _images(plan, set(of_sample), decoded):
            for entry in of_sample[int(batch.samples[0])]:
                _draw(plan, steps[entry.spec], entry, batch, temporary)
                entries.append(replace(entry, name=batch.names[0]))
        entries.sort(key=lambda entry: (list(preserved).index(entry.spec), -entry.after_confidence, entry.sample))
        write_document(temporary / "gallery.json", Gallery(preserved=preserved, entries=tuple(entries)))


def choose_failures(
    number: int, transform: PlannedTransform, clean: PredictionSet, after: PredictionSet
) -> list[GalleryEntry]:
    """The failures of a transform to show, in the order of the data: the most confident, of as many classes as can be.

    `number`, the place of the transform in the plan, begins the names of their files.
    """
    failed = clean.correct & ~after.correct & after.is_of(transform.preserved)
    order = np.flatnonzero(failed)[np.argsort(-after.confidences[failed], kind="stable")]
    rows = np.sort(_spread(order, after.labels[order])[:PICTURES])
    return [
        GalleryEntry(
            spec=transform.spec,
            sample=int(after.samples[row]),
            name="",
            before_prediction=int(clean.predictions[row]),
            before_confidence=float(clean.confidences[row]),
            after_prediction=int(after.predictions[row]),
            after_confidence=float(after.confidences[row]),
            before=f"{number:03d}-{after.samples[row]}-before.png",
            after=f"{number:03d}-{after.samples[row]}-after.png",
            parameters=after.parameters[row] if after.parameters is not None else "",
        )
        for row in rows
    ]


def _draw(plan: AuditPlan, transform: PlannedTransform, entry: GalleryEntry, batch: Batch, folder: Path) -> None:
    image = to_images(torch.from_numpy(batch.pixels).to(plan.classifier.device))
    changed = to_pixels(apply(transform, batch, image).images[0])
    for file, shown in ((entry.before, batch.pixels[0]), (entry.after, changed)):
        thumbnail(shown).save(folder / file)


def _images(plan: AuditPlan, samples: set[int], decoded: Sequence[Batch]) -> Iterator[Batch]:
    """Each image as a batch of its own, decoded only where it is not in `decoded`."""
    resize, size = plan.classifier.input_spec.resize, plan.batch_size
    at_hand = {int(sample) for batch in decoded for sample in batch.samples}
    positions = plan.dataset.positions_of(np.array(sorted(samples - at_hand), dtype=np.int64))
    lacking = plan.dataset.take(positions, split=plan.dataset.split)
    for batch in chain(decoded, batches(lacking, resize, batch_size=size)):
        yield from (batch.one(index) for index, sample in enumerate(batch.samples.tolist()) if sample in samples)


def _spread(order: IndexArray, labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " chosen"]:
    """`order` with the first of every class before the second of any: a gallery of one class tells little."""
    seen: Counter[int] = Counter()
    rounds: list[int] = []
    for label in labels:
        rounds.append(seen[label])
        seen[label] += 1
        if len(seen) == PICTURES:  # the first of that many classes are all that is shown
            break
    return order[np.argsort(rounds, kind="stable")]
