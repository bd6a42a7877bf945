"""Images part by part, each written whole, so that what was stopped resumes after the last part and ends the same."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int

from negatoscope.auditing.results import ReachedL2, UnreadableImage
from negatoscope.data import Dataset
from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError
from negatoscope.files import write_errors

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
    """The sum of how far a random control moved `n` images, and the largest of these distances."""

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
        read: Images that have rows.
        unreadable: Images that could not be decoded.
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


def run_parts(
    out: Path,
    dataset: Dataset,
    parts: Sequence[Int[np.ndarray, " _"]],
    *,
    run: Callable[[Dataset, Path], None],
    skip: Callable[[int], None],
    tables: Sequence[str] = (ROWS,),
) -> RunTotals:
    """Run every part that is not there yet, and put the tables of all where they stay.

    Args:
        out: The folder, for who holds its lock.
        dataset: All images.
        parts: The positions of each part's images.
        run: Called with the images of a part and a folder, which it leaves whole: the tables, and totals as `DONE`.
        skip: Called with how many images a part has that an earlier run finished.
        tables: The files of a part that become a folder of files, one for each part.

    Raises:
        OutputError: `out` cannot be written.
        DataError: Not one image can be read.
    """
    if (out / DONE).is_file():
        return _read_totals(out)
    folders = [out / PARTS / f"{part:06d}" for part in range(len(parts))]
    for indices, folder in zip(parts, folders, strict=True):
        if (folder / DONE).is_file():
            skip(len(indices))
        else:
            run(dataset.take(indices, split=dataset.split), folder)
    totals = reduce(add, map(_read_totals, folders))
    if totals.read == 0:
        raise DataError(f"expected images in {dataset.spec}, but none of its {totals.unreadable} can be read")
    for name in tables:
        _move(folders, out / name)
    write_document(out / DONE, totals)
    shutil.rmtree(out / PARTS)
    return totals


def _move(folders: Sequence[Path], table: Path) -> None:
    with write_errors(table):
        table.mkdir(exist_ok=True)
        for folder in folders:
            if (folder / table.name).is_file():  # else an earlier run moved it
                (folder / table.name).replace(table / f"{folder.name}.parquet")


def _read_totals(folder: Path) -> RunTotals:
    return read_document(folder / DONE, RunTotals, what="a finished part", make="delete it and run the same again")
