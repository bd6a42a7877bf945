"""One pass over the images: each is read once, goes through every transform, and leaves rows."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch

from negatoscope.auditing.arguments import Named
from negatoscope.auditing.folder import expect_free_for, expect_same, remove_other
from negatoscope.auditing.parts import DONE, ROWS, UNREADABLE_NAMED, L2Total, PartJob, RunTotals, run_parts
from negatoscope.auditing.plan import (
    BATCHES_AT_ONCE,
    PLAN,
    AuditConfig,
    AuditIdentity,
    AuditPlan,
    PlannedTransform,
    make_plan,
)
from negatoscope.auditing.results import SUMMARY, UnreadableImage
from negatoscope.auditing.steps import Changed
from negatoscope.data import Dataset
from negatoscope.data.batches import Batch, batches
from negatoscope.documents import write_document
from negatoscope.errors import expect
from negatoscope.executors import LOCAL, Execution, Tell
from negatoscope.executors.jobs import run_jobs
from negatoscope.executors.threads import in_threads
from negatoscope.files import remove_all, remove_leftovers, writing_folder
from negatoscope.levels import in_memory_order
from negatoscope.models.predict import predict_images, row_columns, to_images
from negatoscope.rows import Column, RowKey, joined, make_rows, write_rows
from negatoscope.transforms import CLEAN
from negatoscope.types import Images

Stage = Literal["self_check", "images", "summary", "gallery", "report"]
"""What an audit does, one after the other."""

_SLACK = 1e-5  # float rounding beyond [0, 1] that is no fault


@dataclass(frozen=True)
class AuditProgress:
    """Where an audit stands.

    Args:
        images: Images done, those of an earlier run included.
        total: Images in all.
        seconds_left: An estimate from this run's own pace, None before there is one.
        size_bytes: How large all rows will be, from those that this run has written; None before there are some.
        stage: What is being done.
    """

    images: int
    total: int
    seconds_left: float | None = None
    size_bytes: int | None = None
    stage: Stage = "images"


@dataclass(frozen=True)
class AuditWork:
    """What the parts of an audit have in common, as plain data.

    Args:
        named: The model and the data; None only where this process has them open.
        config: The user's settings.
        identity: What an audit of these must be, on every machine.
    """

    named: Named | None
    config: AuditConfig
    identity: AuditIdentity

    def open(self) -> AuditPlan:
        """The audit's plan.

        Raises:
            InputError: Something cannot be opened, or is another one on this machine.
        """
        assert self.named, "expect_named refused what has no text"
        plan = make_plan(*self.named.open(), self.config, self.named)
        expect_same(self.identity, plan.identity)
        return plan

    def run(self, plan: AuditPlan, job: PartJob, tell: Tell) -> None:
        """Leave the rows of a part in its folder."""
        part = plan.dataset.take(np.asarray(plan.parts[job.part]), split=plan.dataset.split)
        done = 0

        def tick(images: int) -> None:
            nonlocal done
            done += images
            tell(done)

        job.leave(lambda: _run_part(plan, part, job.folder, tick=tick))


def run_pass(
    plan: AuditPlan,
    *,
    out: Path,
    progress: Callable[[AuditProgress], None] | None = None,
    execution: Execution = LOCAL,
) -> RunTotals:
    """Classify every image clean and under every transform, and write `rows.parquet` to `out`.

    Rows are a folder of parts, each written whole; a stopped run resumes after the last one and ends with the same
    rows.

    Returns:
        How many images were read, which were unreadable, the L2 sizes that noise reached.

    Raises:
        OutputError: `out` cannot be written or holds something else.
        InputError: A transform leaves [0, 1] or changes the shape, or the classifier gives NaN.
        DataError: Not one image can be read.
        JobsError: Parts failed three times; all others are done.
    """
    remove_leftovers([out, out / "figures"])
    expect_free_for(out, plan)
    remove_other(out, plan)
    remove_all([out / SUMMARY])  # of an earlier run, which may have had other rules
    write_document(out / PLAN, plan.identity)
    pace = _Pace(plan, progress)
    work = AuditWork(plan.named, plan.config, plan.identity)

    def run(jobs: Sequence[PartJob]) -> Iterator[PartJob]:
        for job in run_jobs(work, jobs, execution=execution, opened=plan, moved=pace.moved):
            pace.ended(job)
            yield job

    return run_parts(out, plan.dataset, plan.parts, run=run, skip=pace.skip)


def apply(step: PlannedTransform, batch: Batch, images: Images) -> Changed:
    """A batch after a step, which is held to its promises.

    Raises:
        InputError: The result has another shape or leaves [0, 1].
    """
    labels, keys = (torch.from_numpy(array).to(images.device) for array in (batch.labels, batch.hashes.view(np.int64)))
    result = step.function(images, labels, keys)
    changed = result.images
    expect(
        changed.shape == images.shape and changed.dtype == images.dtype,
        f"{step.spec} to keep shape and dtype",
        f"{tuple(changed.shape)} {changed.dtype} from {tuple(images.shape)} {images.dtype}",
    )
    values = in_memory_order(changed)
    low, high = float(values.amin()), float(values.amax())  # a third of the time of aminmax
    inside = low >= -_SLACK and high <= 1 + _SLACK  # NaN is not
    expect(inside, f"{step.spec} to stay in [0, 1]", f"values from {low:.4g} to {high:.4g}; clip it")
    return result


def _run_part(plan: AuditPlan, dataset: Dataset, folder: Path, *, tick: Callable[[int], None]) -> None:
    made, totals = classify(plan, dataset, tick=tick)
    with writing_folder(folder) as temporary:
        write_rows(temporary / ROWS, (_rows(plan, spec, columns) for spec, columns in made.items() if columns))
        write_document(temporary / DONE, totals)


def classify(
    plan: AuditPlan, dataset: Dataset, *, tick: Callable[[int], None] = lambda images: None
) -> tuple[Mapping[str, Sequence[Mapping[str, Column]]], RunTotals]:
    """What a plan's classifier predicts for images, clean and under every transform.

    Returns:
        By transform the columns of rows, batch after batch; and what is counted besides.

    Raises:
        InputError: As `run_pass` says.
    """
    made: dict[str, list[dict[str, Column]]] = {spec: [] for spec in (CLEAN, *(step.spec for step in plan.transforms))}
    distances: dict[str, list[float]] = {step.spec: [] for step in plan.transforms if step.kind == "control"}
    unreadable: list[UnreadableImage] = []
    read = 0
    given = batches(dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size)
    for batch, columns, sizes in in_threads(partial(_run_batch, plan), given, count=batches_at_once(plan)):
        unreadable += [UnreadableImage(name=image.name, reason=image.reason) for image in batch.unreadable]
        read += len(batch.labels)
        for spec, each in columns.items():
            made[spec].append(each)
        for spec, each_size in sizes.items():
            distances[spec] += each_size
        tick(len(batch.labels) + len(batch.unreadable))
    return made, RunTotals(
        read=read,
        unreadable=len(unreadable),
        unreadable_named=tuple(unreadable[:UNREADABLE_NAMED]),
        reached_l2={
            spec: L2Total(sum=sum(sizes), n=len(sizes), max=max(sizes, default=0.0))
            for spec, sizes in distances.items()
        },
    )


def batches_at_once(plan: AuditPlan) -> int:
    """How many batches go through the transforms side by side, where nothing that they share keeps a state."""
    attacks = any(step.kind == "attack" for step in plan.transforms)
    alone = plan.classifier.device.type != "cpu" or attacks or not plan.classifier.stateless
    return 1 if alone else min(BATCHES_AT_ONCE, torch.get_num_threads())


def _run_batch(plan: AuditPlan, batch: Batch) -> tuple[Batch, dict[str, dict[str, Column]], dict[str, list[float]]]:
    """A batch with its columns under each transform, and how far controls moved its images."""
    if len(batch.labels) == 0:
        return batch, {}, {}
    images = to_images(torch.from_numpy(batch.pixels).to(plan.classifier.device))
    columns = {CLEAN: _columns(plan, Changed(images), batch)}
    distances = {}
    for step in plan.transforms:
        changed = apply(step, batch, images)
        columns[step.spec] = _columns(plan, changed, batch)
        if step.kind == "control":
            distances[step.spec] = (changed.images - images).flatten(1).norm(dim=1).tolist()
    return batch, columns, distances


def _columns(plan: AuditPlan, changed: Changed, batch: Batch) -> dict[str, Column]:
    """The columns of rows of a batch under one transform."""
    labels = torch.from_numpy(batch.labels).to(changed.images.device)
    predictions = predict_images(plan.classifier, changed.images, labels)
    columns = row_columns(
        predictions, labels=batch.labels, samples=batch.samples, hashes=batch.hashes, tracks=batch.tracks
    )
    return {**columns, **changed.columns}


def _rows(plan: AuditPlan, transform: str, columns: Sequence[Mapping[str, Column]]) -> pa.Table:
    """The rows of all batches under one transform."""
    key = RowKey(plan.dataset.spec, plan.dataset.split, plan.classifier.name, transform, plan.config.seed)
    return make_rows(key, {name: joined([each[name] for each in columns]) for name in columns[0]})


class _Pace:
    """Reports where the audit stands, and by this run's own pace how long and how large it will be."""

    def __init__(self, plan: AuditPlan, progress: Callable[[AuditProgress], None] | None) -> None:
        self.total, self.progress = len(plan.dataset), progress
        self.sizes = [len(part) for part in plan.parts]
        self.ended_images = self.earlier = self.written = 0
        self.running: dict[int, int] = {}
        self.size_bytes: int | None = None
        self.began = time.monotonic()

    def skip(self, images: int) -> None:
        """Count images of an earlier run."""
        self.earlier += images
        self.ended_images += images
        self._report()

    def moved(self, job: PartJob, images: int) -> None:
        """Count the images of a part that have gone through all transforms so far."""
        self.running[job.part] = images
        self._report()

    def ended(self, job: PartJob) -> None:
        """Count a part, and its rows as written."""
        self.running.pop(job.part, None)
        self.ended_images += self.sizes[job.part]
        self.written += (job.folder / ROWS).stat().st_size
        self.size_bytes = self.written * self.total // max(1, self.ended_images - self.earlier)
        self._report()

    def _report(self) -> None:
        if self.progress:
            done = self.ended_images + sum(self.running.values())
            now = done - self.earlier
            left = (time.monotonic() - self.began) / now * (self.total - done) if now else None
            self.progress(AuditProgress(done, self.total, left, self.size_bytes))
