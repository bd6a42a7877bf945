"""Pictures of failures: images that are classified correctly when clean and misclassified under a transform."""

import shutil
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
from PIL import Image

from negatoscope.auditing.plan import AuditPlan, PlannedTransform
from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_predictions
from negatoscope.auditing.run import apply
from negatoscope.data.batches import Batch, batches
from negatoscope.data.dicom import summarize_dicom
from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError
from negatoscope.files import writing_folder
from negatoscope.models.predict import to_images
from negatoscope.rows import RowReader
from negatoscope.types import IndexArray

PICTURES = 6
"""Failures shown of each transform."""

_SIDE = 192  # pixels of a thumbnail at most


@dataclass(frozen=True, kw_only=True)
class GalleryEntry:
    """An image that is classified correctly when clean and misclassified under a transform.

    Args:
        spec: The transform.
        sample: Which image it is.
        name: What its source calls it, "" for nothing.
        before_prediction: The correct class.
        before_confidence: In [0, 1].
        after_prediction: The wrong class.
        after_confidence: In [0, 1].
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
        preserved: For each transform the classes that keep their label, which decided the choice; None is all.
    """

    schema: Literal[2] = 2
    preserved: Mapping[str, tuple[int, ...] | None]
    entries: tuple[GalleryEntry, ...]


def save_gallery(plan: AuditPlan, *, out: Path, decoded: Sequence[Batch] = ()) -> None:
    """Write `gallery/` to `out`: for each transform the most confident failures, before and after.

    Rows say which; only these images are decoded again, each once, and those of `decoded` not at all. A gallery that is
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
        shutil.rmtree(folder)
    rows = RowReader(out / "rows.parquet")
    clean = read_predictions(rows, CLEAN)
    dicom = summarize_dicom(plan.dataset)
    shown = () if dicom and dicom.burnt_in else plan.transforms
    failures = [
        (transform, entry)
        for number, transform in enumerate(shown)
        for entry in _failures(number, transform, clean, read_predictions(rows, transform.spec, like=clean))
    ]
    entries = []
    with writing_folder(folder) as temporary:
        for batch in _images(plan, {entry.sample for _, entry in failures}, decoded):
            for transform, entry in failures:
                if entry.sample == batch.samples[0]:
                    _draw(plan, transform, entry, batch, temporary)
                    entries.append(replace(entry, name=batch.names[0]))
        entries.sort(key=lambda entry: (list(preserved).index(entry.spec), -entry.after_confidence, entry.sample))
        write_document(temporary / "gallery.json", Gallery(preserved=preserved, entries=tuple(entries)))


def _failures(
    number: int, transform: PlannedTransform, clean: PredictionSet, after: PredictionSet
) -> list[GalleryEntry]:
    """The failures to show, in their order in the data: the most confident, of as many classes as may be."""
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
    changed = (apply(transform, batch, image).images[0].clamp(0, 1) * 255).round().byte().cpu().numpy()
    for file, shown in ((entry.before, batch.pixels[0]), (entry.after, changed)):
        picture = Image.fromarray(shown[0] if len(shown) == 1 else np.ascontiguousarray(shown.transpose(1, 2, 0)))
        picture.thumbnail((_SIDE, _SIDE))
        picture.save(folder / file)


def _images(plan: AuditPlan, samples: set[int], decoded: Sequence[Batch]) -> Iterator[Batch]:
    """Each image as a batch of its own, decoded only where it is not in `decoded`."""
    resize, size = plan.classifier.input_spec.resize, plan.batch_size
    at_hand = {int(sample) for batch in decoded for sample in batch.samples}
    positions = np.searchsorted(plan.dataset.samples, sorted(samples - at_hand))
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
