"""Pictures of what went wrong: images that were read right before a transform and wrong after it."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from PIL import Image

from negatoscope.auditing.plan import AuditPlan, PlannedTransform
from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_predictions
from negatoscope.auditing.run import apply
from negatoscope.data.batches import batches
from negatoscope.files import writing_folder
from negatoscope.models.predict import to_images
from negatoscope.rows import RowReader
from negatoscope.types import IndexArray

PICTURES = 6
"""Failures shown of each transform."""

_SIDE = 192  # pixels of a thumbnail at most


def save_gallery(plan: AuditPlan, *, out: Path) -> None:
    """Write `gallery/` to `out`: for each transform the most confident failures, before and after, and what was said.

    Rows say which; only these images are read again, each once.

    Raises:
        OutputError: `out` cannot be written.
    """
    if (out / "gallery").is_dir():
        return
    shown: list[_Shown] = []
    rows = RowReader(out / "rows.parquet")
    clean = read_predictions(rows, CLEAN)
    for step in plan.transforms:
        after = read_predictions(rows, step.spec, like=clean)
        shown.append(_Shown(step, _entries(step, clean, after, _worst(step, clean, after))))
    with writing_folder(out / "gallery") as folder:
        _draw(plan, shown, folder)
        entries = [
            entry
            for each in shown
            for entry in sorted(each.entries.values(), key=lambda entry: -entry["after_confidence"])
            if "before" in entry
        ]
        (folder / "gallery.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class _Shown:
    """What is shown of a transform: by sample, what `gallery.json` says, pictures and name once they are drawn."""

    step: PlannedTransform
    entries: dict[int, dict[str, Any]]


def _worst(step: PlannedTransform, clean: PredictionSet, after: PredictionSet) -> IndexArray:
    """Rows of the failures to show, in their order in the data: the most confident, of as many classes as may be."""
    failed = clean.correct & ~after.correct & after.is_of(step.preserved)
    order = np.flatnonzero(failed)[np.argsort(-after.confidences[failed], kind="stable")]
    return np.sort(_spread(order, after.labels[order])[:PICTURES])


def _entries(
    step: PlannedTransform, clean: PredictionSet, after: PredictionSet, chosen: IndexArray
) -> dict[int, dict[str, Any]]:
    return {
        int(after.samples[row]): {
            "spec": step.spec,
            "sample": int(after.samples[row]),
            "name": "",
            "label": int(after.labels[row]),
            "before_prediction": int(clean.predictions[row]),
            "before_confidence": float(clean.confidences[row]),
            "after_prediction": int(after.predictions[row]),
            "after_confidence": float(after.confidences[row]),
        }
        for row in chosen
    }


def _draw(plan: AuditPlan, shown: Sequence[_Shown], folder: Path) -> None:
    """Write the pictures of all transforms in one pass over their images; entries learn the pictures' names."""
    samples = sorted({sample for each in shown for sample in each.entries})
    positions = np.searchsorted(plan.dataset.samples, samples)
    dataset = plan.dataset.take(positions, split=plan.dataset.split)
    for batch in batches(dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size):
        images = to_images(torch.from_numpy(batch.pixels))
        for number, each in enumerate(shown):
            here = [place for place, sample in enumerate(batch.samples.tolist()) if sample in each.entries]
            if not here:
                continue
            changed = (apply(each.step, images[here]).clamp(0, 1) * 255).round().byte().numpy()
            for place, after in zip(here, changed, strict=True):
                entry = each.entries[int(batch.samples[place])]
                names = [f"{number:03d}-{entry['sample']}-{when}.png" for when in ("before", "after")]
                for name, pixels in zip(names, (batch.pixels[place], after), strict=True):
                    _thumbnail(pixels).save(folder / name)
                entry.update(name=batch.names[place], before=names[0], after=names[1])


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
