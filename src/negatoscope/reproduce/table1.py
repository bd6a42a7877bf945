"""The paper's Table I, from data to verdicts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from negatoscope.data import DATASETS
from negatoscope.documents import to_plain
from negatoscope.errors import DataNotFoundError, InputError, MissingExtraError
from negatoscope.files import locked, remove_leftovers, write_whole
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.checks import expect_epsilons, expect_no_repetition, expect_seeds
from negatoscope.reproduce.estimate import Pace, estimate_seconds, measure_pace
from negatoscope.reproduce.paper import DATASETS as PAPER_DATASETS
from negatoscope.reproduce.paper import EPSILONS, default_recipe
from negatoscope.reproduce.runs import Cell, CellData, cell_folder, load_cell_data, read_cell, run_cell
from negatoscope.reproduce.table1_figures import draw_epochs, draw_table1
from negatoscope.reproduce.table1_page import table1_csv, table1_markdown
from negatoscope.reproduce.table1_summary import summarize
from negatoscope.rows import merge_rows
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe

Document = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What is to be reproduced.

    Args:
        datasets: Names or specs; none at all means the recipe's own, or without one the paper's two or what stands in
            for them here.
        epsilons: The rows; 0 is the plain DNN.
        seeds: How many runs of each classifier, seeds 0, 1, ...
        recipe: Takes the place of each dataset's default recipe.
        data_dir: A folder to look for data in first.
        fast: A smoke run on a few hundred images.
        command: How the table says it was made.

    Raises:
        InputError: An epsilon is not in [0, 1] or comes twice, `seeds` is below 1, or a dataset is not the one that the
            recipe is for.
        SpecError: A dataset is unknown.
    """

    datasets: tuple[str, ...] = ()
    epsilons: tuple[float, ...] = EPSILONS
    seeds: int = 1
    recipe: Recipe | None = None
    data_dir: Path | None = None
    fast: bool = False
    command: str = "negatoscope reproduce table1"

    def __post_init__(self) -> None:
        expect_epsilons(self.epsilons)
        expect_seeds(self.seeds)
        expect_no_repetition("datasets", self.datasets)
        own = self.recipe.data if self.recipe else ""
        for dataset in self.datasets:
            if not dataset.startswith("folder:"):
                DATASETS.resolve(dataset)
            if own and _base(dataset) != _base(own):
                raise InputError(
                    f"expected datasets of {own}, which the recipe is for, got {dataset}; leave datasets out"
                )


@dataclass(frozen=True)
class Job:
    """The classifiers to make, their images, and what cannot be run here and why."""

    cells: tuple[Cell, ...]
    data: Mapping[str, CellData]
    not_run: tuple[dict[str, str], ...] = ()


@runtime_checkable
class Watcher(Protocol):
    """Who looks on while a table is made."""

    def planned(self, job: Job) -> None:
        """Once it is known what is run, and what is not and why."""

    def estimated(self, seconds: Mapping[Cell, float]) -> None:
        """Before the first cell: how long each unfinished one will take."""

    def moved(self, cell: Cell, moment: TrainingProgress | str) -> None:
        """After each training step, and before each pass that measures."""

    def finished(self, cell: Cell, document: Document, summary: Sequence[Document]) -> None:
        """After each cell, also one that an earlier run finished."""


def plan(request: Request) -> Job:
    """Load the images and list the classifiers, the first seed of all before the second of any.

    Where neither the request nor its recipe names a dataset, MNIST gives way to the sample of it that a package brings,
    and GTSRB is left out, when they are nowhere to be had.

    Raises:
        DataError: A dataset that was named is not at hand or damaged.
        RecipeError: A dataset has no default recipe and none was given.
    """
    data: dict[str, CellData] = {}
    recipes: dict[str, Recipe] = {}
    not_run: list[dict[str, str]] = []
    if request.recipe and request.recipe.data and not request.datasets:
        own = request.recipe.data
        request = replace(request, datasets=(_base(own) if _base(own) in PAPER_DATASETS else own,))
    for name in request.datasets or PAPER_DATASETS:
        label = f"folder:{Path(name).name}" if name.startswith("folder:") else name  # results hold no paths
        try:
            recipe = _recipe(request, name)
            data[label] = load_cell_data(recipe, data_dir=request.data_dir, fast=request.fast)
            recipes[label] = replace(recipe, data=data[label].train.spec)
        except DataNotFoundError:
            if request.datasets:
                raise
            not_run.append({"dataset": name, "reason": "no copy of its files was found and none could be downloaded"})
    if not request.datasets and "mnist" not in data:
        stand_in = replace(request, datasets=("mnist_sample",))
        try:
            job = plan(stand_in)
        except MissingExtraError as error:
            raise DataNotFoundError(f"expected MNIST or the sample of it, found neither: {error}") from error
        data, recipes = {**job.data, **data}, {**recipes, "mnist_sample": job.cells[0].recipe}
    cells = (
        Cell(name, epsilon, seed, recipes[name], request.fast)
        for seed in range(request.seeds)
        for epsilon in request.epsilons
        for name in data
    )
    return Job(tuple(cells), data, tuple(not_run))


def _recipe(request: Request, name: str) -> Recipe:
    recipe = request.recipe or default_recipe(_base(name))
    spec = recipe.data if name == _base(recipe.data) else name
    if spec == "gtsrb":
        spec = "gtsrb(prepare='paper')"
    recipe = replace(recipe, data=spec)
    return replace(recipe, epochs=1, name=f"{recipe.name}, fast") if request.fast else recipe


def _base(spec: str) -> str:
    """A dataset's spec without its arguments; of a folder, all of it."""
    return spec if spec.startswith("folder:") else spec.partition("(")[0].strip()


def reproduce_table1(request: Request, *, out: Path, hardware: Hardware, watcher: Watcher) -> Document:
    """Train and measure every classifier of a table, and write `table1.json` and all that is made from it to `out`.

    Every finished classifier is kept under `out`; one that was stopped goes on from its last epoch. The table holds
    all classifiers that `out` has of the recipes asked for, also those of other seeds and epsilons than asked for now.

    Raises:
        OutputError: `out` cannot be written, the disk is full, or another run writes to it.
        InputError: As `plan` and `run_cell` say.
    """
    with locked(out):
        remove_leftovers([out, *out.glob("cells/*")])
        job = plan(request)
        folders = {cell: cell_folder(cell, job.data[cell.dataset], hardware=hardware, out=out) for cell in job.cells}
        watcher.planned(job)
        watcher.estimated(_estimates(job, folders, hardware))
        done: dict[Cell, Document] = {}
        for cell, folder in folders.items():
            document = read_cell(folder) or run_cell(
                cell,
                job.data[cell.dataset],
                hardware=hardware,
                folder=folder,
                observe=lambda moment, cell=cell: watcher.moved(cell, moment),  # type: ignore[misc]
            )
            done[cell] = document
            watcher.finished(cell, document, summarize(list(done.values()), comparable=not request.fast))
        return _write(request, job, _all_cells(folders), out=out, hardware=hardware)


def _estimates(job: Job, folders: Mapping[Cell, Path], hardware: Hardware) -> dict[Cell, float]:
    paces: dict[str, Pace] = {}
    seconds = {}
    for cell, folder in folders.items():
        if read_cell(folder) is None:
            data = job.data[cell.dataset]
            if cell.dataset not in paces:
                paces[cell.dataset] = measure_pace(cell.recipe, data, hardware=hardware)
            seconds[cell] = estimate_seconds(cell, data, paces[cell.dataset])
    return seconds


def _all_cells(folders: Mapping[Cell, Path]) -> list[tuple[Path, Document]]:
    """The job's cells, and every other one beside them that only its seed or its epsilon sets apart, in table order."""
    found: dict[tuple[int, float, int], tuple[Path, Document]] = {}
    ranks = {dataset: rank for rank, dataset in enumerate(dict.fromkeys(cell.dataset for cell in folders))}
    for cell, folder in folders.items():
        name, digest = folder.name.partition("-")[0], folder.name.rpartition("-")[2]
        for beside in folder.parent.glob(f"{name}-epsilon*-{digest}"):
            document = read_cell(beside)
            if document is not None:
                found[ranks[cell.dataset], document["epsilon"], document["seed"]] = (beside, document)
    return [found[key] for key in sorted(found)]


def _write(
    request: Request, job: Job, cells: Sequence[tuple[Path, Document]], *, out: Path, hardware: Hardware
) -> Document:
    documents = [document for _, document in cells]
    used = {cell.dataset: cell.recipe for cell in job.cells}
    result: Document = {
        "schema": 1,
        "provenance": {
            **to_plain(
                record_provenance(
                    command=request.command,
                    hardware=hardware.description,
                    data=[dataset.provenance for data in job.data.values() for dataset in data.datasets],
                )
            ),
            "settings": {"fast": request.fast, "negatives": {n: f"{r.negatives} preparation" for n, r in used.items()}},
            "recipes": {name: recipe.to_dict() for name, recipe in used.items()},
        },
        "cells": documents,
        "not_run": list(job.not_run),
        "summary": summarize(documents, comparable=not request.fast),
    }
    merge_rows(out / "rows.parquet", [folder / "rows.parquet" for folder, _ in cells])
    write_whole(out / "table1.md", table1_markdown(result).encode())
    write_whole(out / "table1.csv", table1_csv(result).encode())
    save_figure(draw_table1(result), out, "table1")
    save_figure(draw_epochs(result), out, "epochs")
    write_whole(out / "table1.json", (json.dumps(result, indent=1) + "\n").encode())
    return result
