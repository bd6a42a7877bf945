"""Images part by part, each written whole, so that what was stopped resumes after the last part and ends the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import Literal

import numpy as np

from negatoscope.auditing.measurement import ReachedL2
from negatoscope.auditing.results import UnreadableImage
from negatoscope.data import Dataset
from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError, OutputError
from negatoscope.files import move, remove_all
from negatoscope.rows import read_rows
from negatoscope.transforms import CLEAN
from negatoscope.types import IndexArray

DONE = "done.json"
"""Written last into each part, and then into the folder: its presence means complete."""

PARTS = "parts"
"""What is finished, while not all is."""

ROWS = "rows.parquet"
"""The rows: in a part one file, in the folder one of each part."""

UNREADABLE_NAMED = 20
"""Unreadable images that a report names at most."""


@dataclass(frozen=True, kw_only=True)
class L2Total:
    """The sum of how far a random control moved `n` images, and the largest of these distances.

    Args:
        sum: The sum of the distances, in the L2 norm of images in [0, 1]; at least 0.
        n: Images, at least 0.
        max: The largest distance, in the same unit.
    """

    sum: float = 0.0
    n: int = 0
    max: float = 0.0

    def __add__(self, other: "L2Total") -> "L2Total":
        return L2Total(sum=self.sum + other.sum, n=self.n + other.n, max=max(self.max, other.max))

    @property
    def reached(self) -> ReachedL2:
        """The mean and the largest distance."""
        return ReachedL2(mean=self.sum / max(self.n, 1), max=self.max)


@dataclass(frozen=True, kw_only=True)
class RunTotals:
    """What a pass over images counts besides rows: `done.json`.

    Args:
        read: Images that have rows, at least 0.
        unreadable: Images that could not be decoded, at least 0.
        unreadable_named: The first of them.
        reached_l2: By spec, how far each random control moved images.
    """

    schema: Literal[2] = 2
    read: int = 0
    unreadable: int = 0
    unreadable_named: tuple[UnreadableImage, ...] = ()
    reached_l2: Mapping[str, L2Total] = field(default_factory=dict)

    def __add__(self, other: "RunTotals") -> "RunTotals":
        """The totals of two parts of one audit, in which the controls are the same."""
        return RunTotals(
            read=self.read + other.read,
            unreadable=self.unreadable + other.unreadable,
            unreadable_named=(*self.unreadable_named, *other.unreadable_named)[:UNREADABLE_NAMED],
            reached_l2={spec: total + other.reached_l2[spec] for spec, total in self.reached_l2.items()},
        )


@dataclass(frozen=True)
class PartJob:
    """A part that is to be run.

    Args:
        part: Its number.
        folder: Where it is left, whole: the tables, and totals as `DONE`.
    """

    part: int
    folder: Path

    def __str__(self) -> str:
        return f"part {self.part}"

    @property
    def is_done(self) -> bool:
        """Whether it is there."""
        return (self.folder / DONE).is_file()

    def leave(self, make: Callable[[], None]) -> None:
        """Make it, unless it is there: a worker that was taken for lost may leave the same part beside another one.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            if not self.is_done:
                make()
        except OutputError:
            if not self.is_done:
                raise


def part_jobs(out: Path, parts: Sequence[range]) -> list[PartJob]:
    """A job for each part, in their order."""
    return [PartJob(part, out / PARTS / f"{part:06d}") for part in range(len(parts))]


def jobs_left(out: Path, parts: Sequence[range]) -> list[PartJob]:
    """Those that are not done, or were with other borders, as on another device; none where all have been joined."""
    if (out / DONE).is_file():
        return []
    return [job for job in part_jobs(out, parts) if not (job.is_done and _images(job) == len(parts[job.part]))]


def _images(job: PartJob) -> int:
    totals = _read_totals(job.folder)
    return totals.read + totals.unreadable


def run_parts(
    out: Path,
    dataset: Dataset,
    parts: Sequence[range],
    *,
    run: Callable[[Sequence[PartJob]], Iterable[PartJob]],
    skip: Callable[[int], None],
    tables: Sequence[str] = (ROWS,),
) -> RunTotals:
    """Run every part that is not there yet, and put the tables of all where they stay.

    Args:
        out: The folder, for who holds its lock.
        dataset: All images.
        parts: The positions of each part's images.
        run: Runs parts, and gives each as it ends.
        skip: Called with how many images a part has that an earlier run finished.
        tables: The files of a part that become a folder of files, one for each part.

    Raises:
        OutputError: `out` cannot be written.
        DataError: Not one image can be read, or a part has not one clean row for each of its images.
    """
    if (out / DONE).is_file():
        remove_all([out / PARTS])  # which a run that was killed in the end has left
        return _read_totals(out)
    jobs, left = part_jobs(out, parts), jobs_left(out, parts)
    for job in set(jobs).difference(left):
        skip(len(parts[job.part]))
    remove_all(job.folder for job in left)  # of which a store may hold some files
    for _ in run(left):
        pass
    folders = [job.folder for job in jobs]
    counted = [_read_totals(folder) for folder in folders]
    totals = reduce(add, counted)
    if totals.read == 0:
        raise DataError(f"expected images in {dataset.spec}, but none of its {totals.unreadable} can be read")
    for job, part in zip(jobs, counted, strict=True):
        _expect_each_once(dataset.samples[np.asarray(parts[job.part])], part, job.folder)
    for name in tables:
        _move(folders, out / name)
    write_document(out / DONE, totals)
    remove_all([out / PARTS])
    return totals


def _expect_each_once(samples: IndexArray, totals: RunTotals, folder: Path) -> None:
    """Hold the rows of a part to its images: each has one clean row, or none where it is unreadable or not searched.

    Raises:
        DataError: One has two, or an image has one that is of no part, or more than were read.
    """
    if not (folder / ROWS).is_file():  # an earlier run held it to them and moved it
        return
    table = read_rows(folder / ROWS, columns=["sample"], where={"transform": CLEAN})
    rows = np.from_dlpack(table["sample"].combine_chunks())  # `to_numpy` loads pandas
    right = totals.read + totals.unreadable == len(samples) and len(rows) <= totals.read
    twice = len(np.unique(rows)) < len(rows) and len(np.unique(samples)) == len(samples)
    if not right or twice or not np.isin(rows, samples).all():
        got = f"{len(rows)} rows of {len(np.unique(rows))} images, and {totals.unreadable} unreadable ones"
        raise DataError(f"expected one clean row for each of {len(samples)} images in {folder}, got {got}; delete it")


def _move(folders: Sequence[Path], table: Path) -> None:
    for folder in folders:
        if (folder / table.name).is_file():  # else an earlier run moved it
            move(folder / table.name, table / f"{folder.name}.parquet")


def _read_totals(folder: Path) -> RunTotals:
    return read_document(folder / DONE, RunTotals, what="a finished part", make="delete it and run the same again")
