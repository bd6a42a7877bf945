"""What an audit would run: its parts that are not there yet, timed on one batch of its images."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negatoscope.auditing.audit import expect_usable
from negatoscope.auditing.folder import is_held
from negatoscope.auditing.parts import PartJob, jobs_left, part_jobs
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.run import batches_at_once, classify
from negatoscope.data import Dataset
from negatoscope.executors import LOCAL, Execution
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import counted
from negatoscope.rows import Column, estimate_size


@dataclass(frozen=True)
class ImagePace:
    """What an image costs in an audit, clean and under all transforms.

    Args:
        images: How many were timed.
        seconds: For each.
        passes: Through the classifier, for each.
    """

    images: int
    seconds: float
    passes: float


def dry_run_audit(plan: AuditPlan, *, out: Path, execution: Execution = LOCAL) -> DryRun:
    """What `run_audit` would do, without writing anything.

    Raises:
        InputError: What `run_audit` would refuse before it classifies an image, or what the classifier or a transform
            gives for one batch.
    """
    expect_usable(plan, out=out)
    left = parts_left(out, plan.parts, is_held=is_held(out, plan))
    images = sum(len(plan.parts[job.part]) for job in left)
    workers = execution.count(len(left))
    pace = time_images(plan) if images else None
    steps = 1 + len(plan.transforms)
    return DryRun(
        title=f"Audit of {plan.classifier.name}, clean and under {counted(steps - 1, 'transform')}",
        noun="part",
        jobs=len(plan.parts),
        done=len(plan.parts) - len(left),
        images=images,
        passes=round(images * pace.passes) if pace else 0,
        size_bytes=estimate_size(images * steps, groups=len(left) * steps),
        seconds=images * pace.seconds / workers if pace else 0.0,
        basis=f"{counted(pace.images, 'image')} timed here, clean and under each transform" if pace else "",
        workers=workers,
    )


def parts_left(out: Path, parts: Sequence[range], *, is_held: bool) -> list[PartJob]:
    """The parts that would be run: all where the folder does not hold what is planned."""
    return jobs_left(out, parts) if is_held else part_jobs(out, parts)


def some_images(dataset: Dataset, count: int) -> Dataset:
    """So many of a dataset's images, at most, spread over it."""
    positions = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(np.int64)
    return dataset.take(positions, split=dataset.split)


def time_images(plan: AuditPlan) -> ImagePace:
    """Classify some batches of an audit's images, clean and under all transforms, after one image that warms up."""
    few = some_images(plan.dataset, plan.batch_size * batches_at_once(plan))
    classify(plan, some_images(few, 1))
    began = time.perf_counter()
    made, _ = classify(plan, few)
    seconds = time.perf_counter() - began
    passes = sum(_passes(columns) for batches in made.values() for columns in batches)
    return ImagePace(len(few), seconds / len(few), passes / len(few))


def _passes(columns: Mapping[str, Column]) -> int:
    """How many images the classifier was shown for the rows of a batch."""
    queries = columns.get("queries")
    return len(np.asarray(columns["label"])) if queries is None else int(np.sum(np.asarray(queries)))
