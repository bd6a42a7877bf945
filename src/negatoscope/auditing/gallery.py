"""Pictures of what went wrong: images that were read right before a transform and wrong after it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from negatoscope.auditing.answers import CLEAN, Answers, read_answers
from negatoscope.auditing.plan import Plan, Step
from negatoscope.auditing.run import apply
from negatoscope.data.batches import batches
from negatoscope.files import writing_folder
from negatoscope.models.predict import to_images
from negatoscope.rows import open_rows
from negatoscope.types import IndexArray, LabelArray

PICTURES = 6
"""Failures shown of each transform."""

_SIDE = 192  # pixels of a thumbnail at most


def save_gallery(plan: Plan, *, out: Path) -> None:
    """Write `gallery/` to `out`: for each transform the most confident failures, before and after, and what was said.

    Rows say which; only these images are read again.

    Raises:
        OutputError: `out` cannot be written.
    """
    if (out / "gallery").is_dir():
        return
    entries = []
    with open_rows(out / "rows.parquet") as rows, writing_folder(out / "gallery") as folder:
        clean = read_answers(rows, CLEAN)
        for number, step in enumerate(plan.steps):
            after = read_answers(rows, step.spec, like=clean)
            chosen = _worst(step, clean, after)
            if len(chosen):
                entries += _entries(step, clean, after, chosen, _save(plan, step, after, chosen, folder, number))
        (folder / "gallery.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


def _worst(step: Step, clean: Answers, after: Answers) -> IndexArray:
    """Rows of the failures to show, in their order in the data: the most confident, of as many classes as may be."""
    failed = clean.correct & ~after.correct & np.array(step.kept)[after.labels]
    order = np.flatnonzero(failed)[np.argsort(-after.confidences[failed], kind="stable")]
    return np.sort(_spread(order, after.labels[order])[:PICTURES])


def _save(
    plan: Plan, step: Step, after: Answers, chosen: IndexArray, folder: Path, number: int
) -> list[tuple[str, str, str]]:
    """Write the pictures before and after; their files' names, and what each image is called."""
    positions = np.searchsorted(plan.dataset.samples, after.samples[chosen])
    dataset = plan.dataset.take(positions, split=plan.dataset.split)
    (batch,) = batches(dataset, plan.classifier.wants.fit, batch_size=len(positions))
    images = to_images(torch.from_numpy(batch.pixels))
    changed = (apply(step, images).clamp(0, 1) * 255).round().byte().numpy()
    saved = []
    for place, (before, later) in enumerate(zip(batch.pixels, changed, strict=True)):
        names = [f"{number:03d}-{place}-{when}.png" for when in ("before", "after")]
        for name, pixels in zip(names, (before, later), strict=True):
            _thumbnail(pixels).save(folder / name)
        saved.append((names[0], names[1], batch.names[place]))
    return saved


def _entries(
    step: Step, clean: Answers, after: Answers, chosen: IndexArray, saved: list[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    entries = [
        {
            "spec": step.spec,
            "sample": int(after.samples[row]),
            "name": name,
            "label": int(after.labels[row]),
            "before_prediction": int(clean.predictions[row]),
            "before_confidence": float(clean.confidences[row]),
            "after_prediction": int(after.predictions[row]),
            "after_confidence": float(after.confidences[row]),
            "before": before,
            "after": later,
        }
        for row, (before, later, name) in zip(chosen, saved, strict=True)
    ]
    return sorted(entries, key=lambda entry: -entry["after_confidence"])


def _spread(order: IndexArray, labels: LabelArray) -> IndexArray:
    """`order` with the first of every class before the second of any: a gallery of one class tells little."""
    seen: Counter[int] = Counter()
    rounds = np.zeros(len(order), dtype=np.int64)
    for place, label in enumerate(labels.tolist()):
        rounds[place] = seen[label]
        seen[label] += 1
    return order[np.argsort(rounds, kind="stable")]


def _thumbnail(pixels: UInt8[np.ndarray, "channels height width"]) -> Image.Image:
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    image.thumbnail((_SIDE, _SIDE))
    return image
