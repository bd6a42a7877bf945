"""One pass over the images: each is read once, goes through every transform, and leaves rows."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from negatoscope.auditing.plan import AuditPlan, PlannedTransform, reserve_output
from negatoscope.auditing.predictions import CLEAN
from negatoscope.auditing.results import UnreadableImage
from negatoscope.auditing.totals import UNREADABLE_NAMED, L2Total, RunTotals
from negatoscope.data.batches import Batch, batches
from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError, InputError
from negatoscope.files import locked, remove_leftovers, write_errors, writing_folder
from negatoscope.models.predict import predict_images, row_columns, to_images
from negatoscope.rows import RowKey, make_rows, write_rows
from negatoscope.types import Images, IndexArray, Labels

_Columns: TypeAlias = dict[str, Shaped[np.ndarray, " _"] | None]
_DONE = "done.json"  # written last: its presence means complete
_SLACK = 1e-5  # float rounding beyond [0, 1] that is no fault


@dataclass(frozen=True)
class AuditProgress:
    """Where an audit stands.

    Args:
        images: Images done, those of an earlier run included.
        total: Images in all.
        seconds_left: An estimate from this run's own pace, None before there is one.
        size_bytes: How large all rows will be, from those that this run has written; None before there are some.
    """

    images: int
    total: int
    seconds_left: float | None = None
    size_bytes: int | None = None


def run_pass(plan: AuditPlan, *, out: Path, progress: Callable[[AuditProgress], None] | None = None) -> RunTotals:
    """Classify every image clean and under every transform, and write `rows.parquet` to `out`.

    Rows are a folder of parts, each written whole; a stopped run resumes after the last one and ends with the same
    rows.

    Returns:
        How many images were read, which were unreadable, the L2 sizes that noise reached.

    Raises:
        OutputError: `out` cannot be written, holds something else, or another run writes to it.
        InputError: A transform leaves [0, 1] or changes the shape, or the classifier gives NaN.
        DataError: Not one image can be read.
    """
    with locked(out):
        remove_leftovers([out])
        reserve_output(out, plan)
        if (out / _DONE).is_file():
            return _read_totals(out)
        pace = _Pace(len(plan.dataset), progress)
        folders = [out / "parts" / f"{part:06d}" for part in range(plan.parts)]
        for part, folder in enumerate(folders):
            if (folder / _DONE).is_file():
                pace.skip(len(_indices(plan, part)))
            else:
                _run_part(plan, _indices(plan, part), folder, tick=pace.tick)
                pace.wrote((folder / "rows.parquet").stat().st_size)
        totals = sum(map(_read_totals, folders), start=RunTotals())
        if totals.read == 0:
            raise DataError(f"expected images in {plan.dataset.spec}, but none of its {totals.unreadable} can be read")
        _move_rows(folders, out / "rows.parquet")
        write_document(out / _DONE, totals)
        shutil.rmtree(out / "parts")
        return totals


def apply(step: PlannedTransform, images: Images, labels: Labels) -> Images:
    """The step's transform or attack, held to its promises.

    Raises:
        InputError: The result has another shape or leaves [0, 1].
    """
    changed = step.function(images, labels)
    if changed.shape != images.shape or changed.dtype != images.dtype:
        raise InputError(
            f"expected {step.spec} to keep shape and dtype, got {tuple(changed.shape)} {changed.dtype}"
            f" from {tuple(images.shape)} {images.dtype}"
        )
    low, high = (float(value) for value in torch.aminmax(changed))
    if not (low >= -_SLACK and high <= 1 + _SLACK):  # NaN too
        raise InputError(f"expected {step.spec} to stay in [0, 1], got values from {low:.4g} to {high:.4g}; clip it")
    return changed


def _indices(plan: AuditPlan, part: int) -> IndexArray:
    return np.arange(part * plan.part_size, min(len(plan.dataset), (part + 1) * plan.part_size))


def _run_part(plan: AuditPlan, indices: IndexArray, folder: Path, *, tick: Callable[[int], None]) -> None:
    dataset = plan.dataset.take(indices, split=plan.dataset.split)
    columns: dict[str, list[_Columns]] = {CLEAN: []}
    columns |= {step.spec: [] for step in plan.transforms}
    reached = {step.spec: L2Total() for step in plan.transforms if step.kind == "control"}
    unreadable: list[UnreadableImage] = []
    for batch in batches(dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size):
        unreadable += [UnreadableImage(name=image.name, reason=image.reason) for image in batch.unreadable]
        if len(batch.labels) == 0:
            continue
        images = to_images(torch.from_numpy(batch.pixels).to(plan.classifier.device))
        labels = torch.from_numpy(batch.labels).to(plan.classifier.device)
        columns[CLEAN].append(_columns(plan, images, labels, batch))
        for step in plan.transforms:
            changed = apply(step, images, labels)
            columns[step.spec].append(_columns(plan, changed, labels, batch))
            if step.spec in reached:
                reached[step.spec] = _plus(reached[step.spec], changed - images)
        tick(len(batch.labels) + len(batch.unreadable))
    read = sum(len(each["sample"]) for each in columns[CLEAN] if each["sample"] is not None)
    totals = RunTotals(
        read=read, unreadable=len(unreadable), unreadable_named=tuple(unreadable[:UNREADABLE_NAMED]), reached_l2=reached
    )
    with writing_folder(folder) as temporary:
        write_rows(temporary / "rows.parquet", _tables(plan, columns))
        write_document(temporary / _DONE, totals)


def _columns(plan: AuditPlan, images: Images, labels: Labels, batch: Batch) -> _Columns:
    predictions = predict_images(plan.classifier, images, labels)
    return row_columns(
        predictions, labels=batch.labels, samples=batch.samples, hashes=batch.hashes, tracks=batch.tracks
    )


def _tables(plan: AuditPlan, columns: Mapping[str, list[_Columns]]) -> Iterator[pa.Table]:
    for transform, parts in columns.items():
        if not parts:
            continue
        key = RowKey(plan.dataset.spec, plan.dataset.split, plan.classifier.name, transform, plan.config.seed)
        joined = {
            name: None if values is None else np.concatenate([each[name] for each in parts])
            for name, values in parts[0].items()
        }
        yield make_rows(key, joined)


def _move_rows(folders: Sequence[Path], rows: Path) -> None:
    with write_errors(rows):
        rows.mkdir(exist_ok=True)
        for folder in folders:
            if (folder / "rows.parquet").is_file():  # else an earlier run moved it
                (folder / "rows.parquet").replace(rows / f"{folder.name}.parquet")


def _plus(total: L2Total, difference: Float[Tensor, "batch channels height width"]) -> L2Total:
    """A total with the L2 sizes of a batch's differences, added one by one."""
    sizes: list[float] = difference.flatten(1).norm(dim=1).cpu().tolist()
    return L2Total(sum=sum(sizes, start=total.sum), n=total.n + len(sizes), max=max([total.max, *sizes]))


def _read_totals(folder: Path) -> RunTotals:
    return read_document(folder / _DONE, RunTotals, what="a finished part", make="delete it and run the audit again")


class _Pace:
    """Reports where the audit stands, and by this run's own pace how long and how large it will be."""

    def __init__(self, total: int, progress: Callable[[AuditProgress], None] | None) -> None:
        self.total, self.progress = total, progress
        self.done = self.done_now = self.written = 0
        self.size_bytes: int | None = None
        self.began = time.monotonic()

    def skip(self, images: int) -> None:
        """Count images of an earlier run."""
        self.done += images
        self._report()

    def tick(self, images: int) -> None:
        """Count images that have gone through all transforms."""
        self.done += images
        self.done_now += images
        self._report()

    def wrote(self, size_bytes: int) -> None:
        """Count the rows of all images so far as written."""
        self.written += size_bytes
        self.size_bytes = self.written * self.total // max(1, self.done_now)
        self._report()

    def _report(self) -> None:
        pace = (time.monotonic() - self.began) / self.done_now if self.done_now else None
        left = None if pace is None else pace * (self.total - self.done)
        if self.progress:
            self.progress(AuditProgress(self.done, self.total, left, self.size_bytes))
