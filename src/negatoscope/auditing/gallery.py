"""Pictures of errors: images that are classified correctly when clean and misclassified under a transform."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image

from negatoscope.auditing.plan import AuditPlan, PlannedTransform
from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_predictions
from negatoscope.auditing.results import Gallery, GalleryEntry
from negatoscope.auditing.run import apply
from negatoscope.data.batches import batches
from negatoscope.documents import write_document
from negatoscope.files import writing_folder
from negatoscope.models.predict import to_images
from negatoscope.rows import RowReader
from negatoscope.types import IndexArray

PICTURES = 6
"""Errors shown of each transform."""

_SIDE = 192  # pixels of a thumbnail at most


def save_gallery(plan: AuditPlan, *, out: Path) -> None:
    """Write `gallery/` to `out`: for each transform the most confident errors, clean and transformed, with predictions.

    Rows say which; only these images are read again, each once.

    Raises:
        OutputError: `out` cannot be written.
    """
    if (out / "gallery").is_dir():
        return
    rows = RowReader(out / "rows.parquet")
    clean = read_predictions(rows, CLEAN)
    shown = [_errors(step, clean, read_predictions(rows, step.spec, like=clean)) for step in plan.transforms]
    with writing_folder(out / "gallery") as folder:
        entries = _draw(plan, shown, folder)
        write_document(folder / "gallery.json", Gallery(entries=tuple(entries)))


@dataclass(frozen=True)
class _Shown:
    """What is shown of a transform: by sample, the row in either set of predictions."""

    step: PlannedTransform
    clean: PredictionSet
    after: PredictionSet
    rows: Mapping[int, int]

    def entry(self, sample: int, name: str, before: str, after: str) -> GalleryEntry:
        """What the gallery says of a sample."""
        row = self.rows[sample]
        return GalleryEntry(
            spec=self.step.spec,
            sample=sample,
            name=name,
            before_prediction=int(self.clean.predictions[row]),
            before_confidence=float(self.clean.confidences[row]),
            after_prediction=int(self.after.predictions[row]),
            after_confidence=float(self.after.confidences[row]),
            before=before,
            after=after,
        )


def _errors(step: PlannedTransform, clean: PredictionSet, after: PredictionSet) -> _Shown:
    return _Shown(step, clean, after, {int(after.samples[row]): int(row) for row in _worst(step, clean, after)})


def _worst(step: PlannedTransform, clean: PredictionSet, after: PredictionSet) -> IndexArray:
    """Rows of the errors to show, in their order in the data: the most confident, of as many classes as may be."""
    failed = clean.correct & ~after.correct & after.is_of(step.preserved)
    order = np.flatnonzero(failed)[np.argsort(-after.confidences[failed], kind="stable")]
    return np.sort(_spread(order, after.labels[order])[:PICTURES])


def _draw(plan: AuditPlan, shown: Sequence[_Shown], folder: Path) -> list[GalleryEntry]:
    """Write the pictures of all transforms in one pass over their images; the most confident errors come first."""
    samples = sorted({sample for each in shown for sample in each.rows})
    positions = np.searchsorted(plan.dataset.samples, samples)
    dataset = plan.dataset.take(positions, split=plan.dataset.split)
    entries: list[list[GalleryEntry]] = [[] for _ in shown]
    for batch in batches(dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size):
        images = to_images(torch.from_numpy(batch.pixels))
        for number, each in enumerate(shown):
            here = [place for place, sample in enumerate(batch.samples.tolist()) if sample in each.rows]
            if not here:
                continue
            changed = (apply(each.step, images[here]).clamp(0, 1) * 255).round().byte().numpy()
            for place, after in zip(here, changed, strict=True):
                sample = int(batch.samples[place])
                names = [f"{number:03d}-{sample}-{when}.png" for when in ("before", "after")]
                for name, pixels in zip(names, (batch.pixels[place], after), strict=True):
                    _thumbnail(pixels).save(folder / name)
                entries[number].append(each.entry(sample, batch.names[place], *names))
    return [entry for of_one in entries for entry in sorted(of_one, key=lambda entry: -entry.after_confidence)]


def _spread(order: IndexArray, labels: Int[np.ndarray, " n"]) -> IndexArray:
    """`order` with the first of every class before the second of any: a gallery of one class tells little."""
    seen: Counter[int] = Counter()
    rounds: list[int] = []
    for label in labels:
        rounds.append(seen[label])
        seen[label] += 1
        if len(seen) == PICTURES:  # the first of that many classes are all that is shown
            break
    return order[np.argsort(rounds, kind="stable")]


def _thumbnail(pixels: UInt8[np.ndarray, "channels height width"]) -> Image.Image:
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    image.thumbnail((_SIDE, _SIDE))
    return image
