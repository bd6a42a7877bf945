"""The sensitivity study: which choices that the paper does not state decide how many negatives a network reads."""

import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from negatoscope.errors import DataNotFoundError, InputError
from negatoscope.files import locked, remove_leftovers, write_whole
from negatoscope.memory import keep_freed_memory
from negatoscope.reports.figures import save_figure
from negatoscope.reports.sensitivity_figure import draw_sensitivity
from negatoscope.reports.sensitivity_page import sensitivity_page
from negatoscope.reproduce.cells import Cell, CellData, cell_folder, load_cell_data
from negatoscope.reproduce.effects import LevelRuns, level_key
from negatoscope.reproduce.estimate import Pace, measure_pace
from negatoscope.reproduce.provenance import provenance
from negatoscope.reproduce.study import Study, choose_studies, load_studies
from negatoscope.reproduce.study_cell import MARKED_EPOCHS, MEASURED, StudyRun, read_study_cell, run_study_cell
from negatoscope.reproduce.study_document import study_document
from negatoscope.training.hardware import Hardware
from negatoscope.training.loop import MONITORED, Moment
from negatoscope.training.recipe import Recipe

Document = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """How much may be run: passes over a dataset's training images (adversarial training counts two), or minutes."""

    amount: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in ("passes", "minutes") or not self.amount > 0:
            raise InputError(f"expected a budget of passes or minutes above 0, got {self.amount} {self.unit}")


@dataclass(frozen=True)
class StudyRequest:
    """What is to be studied.

    Args:
        seeds: How many runs of each recipe, seeds 0, 1, ...
        studies: Names of the plan's studies; all if none is named.
        factors: Names of factors; all if none is named.
        budget: Runs are started, in their order, as long as it lasts.
        plan: A TOML file in place of the packaged plan.
        data_dir: A folder to look for data in first.
        jobs: How many runs at once, each with its share of the processors.
        fast: A smoke run: one epoch on a few hundred images.
        command: How the results say they were made.
    """

    seeds: int = 3
    studies: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    budget: Budget | None = None
    plan: Path | None = None
    data_dir: Path | None = None
    jobs: int = 1
    fast: bool = False
    command: str = "negatoscope reproduce sensitivity"


@runtime_checkable
class StudyWatcher(Protocol):
    """Who looks on while a study is made."""

    def planned(self, runs: int, done: int, seconds: float, not_run: Sequence[Mapping[str, str]]) -> None:
        """Once it is known what is run: how many runs, how many of them are there already, how long the rest takes."""

    def moved(self, name: str, moment: Moment | str) -> None:
        """After each training step of a run in this process, and before it is measured."""

    def finished(self, name: str, document: Document, seconds: float) -> None:
        """After each run; `seconds` is what it had been expected to take."""


@dataclass(frozen=True)
class PlannedRun:
    """A run with its place in the study."""

    study: str
    factor: str
    value: str
    run: StudyRun

    @property
    def name(self) -> str:
        """How a person tells it from others."""
        return f"{self.study}, {level_key(self.factor, self.value)}, seed {self.run.cell.seed}"


def plan_runs(studies: Sequence[Study], *, seeds: int, fast: bool = False) -> list[PlannedRun]:
    """Every run, round by round: in each, all studies' recipes with the seed that is theirs."""
    runs = []
    for turn in range(seeds + max(level.round for study in studies for _, level in study.levels)):
        for study in studies:
            for factor, level in study.levels:
                seed = turn - level.round
                if 0 <= seed < min(seeds, level.seeds or seeds):
                    recipe = replace(level.recipe, epochs=1) if fast else level.recipe
                    cell = Cell(study.dataset, study.epsilon, seed, recipe, fast)
                    runs.append(PlannedRun(study.name, factor, level.value, StudyRun(cell, factor in ("", "also"))))
    return runs


def study_sensitivity(request: StudyRequest, *, out: Path, hardware: Hardware, watcher: StudyWatcher) -> Document:
    """Make the runs that are not there yet, and write `sensitivity.json`, its page and its figure to `out`.

    Raises:
        InputError: A study or a factor is unknown, or there is nothing to run.
        DataNotFoundError: None of the datasets is at hand.
        OutputError: `out` cannot be written, the disk is full, or another run writes to it.
    """
    with locked(out):
        remove_leftovers([out, *out.glob("cells/*")])
        studies = choose_studies(load_studies(request.plan), names=request.studies, factors=request.factors)
        load = cache(partial(_load, request.data_dir, request.fast))
        studies, not_run = _at_hand(studies, load)
        runs = plan_runs(studies, seeds=request.seeds, fast=request.fast)
        folders = {run: cell_folder(run.run.cell, _data(run, load), hardware=hardware, out=out) for run in runs}
        missing = [run for run in runs if read_study_cell(folders[run]) is None]
        seconds = _estimates(missing, load, hardware)
        missing = within(request.budget, missing, seconds)
        watcher.planned(len(runs), len(runs) - len(seconds), sum(seconds[run] for run in missing), not_run)
        deadline = _deadline(request.budget)
        jobs = [_Job(run, folders[run], request.data_dir, hardware, deadline) for run in _once(missing, folders)]
        make = _side_by_side(jobs, request.jobs) if request.jobs > 1 else _one_by_one(jobs, watcher)
        for run, document in make:
            if document is not None:
                watcher.finished(run.name, document, seconds[run])
        found: dict[str, LevelRuns] = {study.name: {} for study in studies}
        for each, folder in folders.items():
            if (told := read_study_cell(folder)) is not None:
                found[each.study].setdefault(level_key(each.factor, each.value), {})[each.run.cell.seed] = told
        datasets = {dataset.spec: dataset for each in runs for dataset in _data(each, load).datasets}
        made = sum(len(seeds) for levels in found.values() for seeds in levels.values())
        source = {
            **provenance(command=request.command, hardware=hardware, datasets=datasets.values()),
            "settings": {"fast": request.fast, "jobs": request.jobs},
            "runs": {"planned": len(runs), "made": made},
        }
        result = study_document(studies, found, source=source, not_run=not_run)
        _write(result, out)
        return result


def _write(result: Document, out: Path) -> None:
    if result["studies"]:
        write_whole(out / "sensitivity.md", sensitivity_page(result).encode())
        save_figure(draw_sensitivity(result), out, "sensitivity")
    write_whole(out / "sensitivity.json", (json.dumps(result, indent=1) + "\n").encode())


@dataclass(frozen=True)
class _Job:
    planned: PlannedRun
    folder: Path
    data_dir: Path | None
    hardware: Hardware
    deadline: float

    def do(self, observe: Callable[[Moment | str], None] | None = None) -> tuple[PlannedRun, Document | None]:
        """Make the run, unless it is too late to begin."""
        if time.time() > self.deadline:
            return self.planned, None
        cell = self.planned.run.cell
        data = _load_once(self.data_dir, cell.fast, cell.recipe.data, cell.recipe.negatives)
        return self.planned, run_study_cell(
            self.planned.run, data, hardware=self.hardware, folder=self.folder, observe=observe
        )


def _one_by_one(jobs: Sequence[_Job], watcher: StudyWatcher) -> Iterator[tuple[PlannedRun, Document | None]]:
    for job in jobs:
        yield job.do(partial(watcher.moved, job.planned.name))


def _side_by_side(jobs: Sequence[_Job], count: int) -> Iterator[tuple[PlannedRun, Document | None]]:
    """Each in a process of its own with its share of the threads; they end when this one does."""
    threads = max(1, torch.get_num_threads() // count)
    with multiprocessing.get_context("spawn").Pool(count, _begin, (threads,)) as pool:
        yield from pool.imap_unordered(_Job.do, jobs)


def _begin(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    torch.set_num_threads(threads)
    keep_freed_memory()


@cache
def _load_once(data_dir: Path | None, fast: bool, spec: str, negatives: str) -> CellData:
    return _load(data_dir, fast, spec, negatives)


def _load(data_dir: Path | None, fast: bool, spec: str, negatives: str) -> CellData:
    recipe = Recipe("any", data=spec, negatives="before" if negatives == "before" else "after")
    return load_cell_data(recipe, data_dir=data_dir, fast=fast)


def _data(run: PlannedRun, load: Callable[[str, str], CellData]) -> CellData:
    return load(run.run.cell.recipe.data, run.run.cell.recipe.negatives)


def _at_hand(
    studies: Sequence[Study], load: Callable[[str, str], CellData]
) -> tuple[list[Study], list[dict[str, str]]]:
    """The studies whose data are here, and why the others are not run."""
    found, not_run = [], []
    for study in studies:
        try:
            load(study.default.recipe.data, study.default.recipe.negatives)
            found.append(study)
        except DataNotFoundError as error:
            not_run.append({"study": study.name, "reason": str(error)})
    if not found:
        raise DataNotFoundError(f"expected the data of a study, found none: {not_run[0]['reason']}")
    return found, not_run


def _once(runs: Sequence[PlannedRun], folders: Mapping[PlannedRun, Path]) -> list[PlannedRun]:
    """The first of those that share a recipe, a seed and so a folder."""
    first: dict[Path, PlannedRun] = {}
    for run in runs:
        first.setdefault(folders[run], run)
    return list(first.values())


def _estimates(
    runs: Sequence[PlannedRun], load: Callable[[str, str], CellData], hardware: Hardware
) -> dict[PlannedRun, float]:
    """Seconds that each run will take, from a few timed steps of the first run of each study."""
    paces: dict[str, Pace] = {}
    seconds = {}
    for run in runs:
        cell, data = run.run.cell, _data(run, load)
        if run.study not in paces:
            paces[run.study] = measure_pace(cell.recipe, data, hardware=hardware)
        pace = paces[run.study]
        held = min(cell.recipe.validation_size, len(data.train) // 5) if cell.fast else cell.recipe.validation_size
        trained = (len(data.train) - held) * cell.recipe.epochs * (pace.robust if cell.epsilon else pace.plain)
        looked = (held + MONITORED) * (cell.recipe.epochs + len(MARKED_EPOCHS)) + 2 * MEASURED + len(data.test)
        seconds[run] = trained + (looked + (27 * 2000 + 30_000) * run.run.look) * pace.predict
    return seconds


def within(budget: Budget | None, runs: Sequence[PlannedRun], seconds: Mapping[PlannedRun, float]) -> list[PlannedRun]:
    """The first runs that a budget is enough for, by what they are expected to cost."""
    if budget is None:
        return list(runs)
    kept, spent = [], 0.0
    for run in runs:
        passes = run.run.cell.recipe.epochs * (2 if run.run.cell.epsilon else 1)
        spent += passes if budget.unit == "passes" else seconds[run] / 60
        if spent > budget.amount:
            break
        kept.append(run)
    return kept


def _deadline(budget: Budget | None) -> float:
    minutes = budget.amount if budget is not None and budget.unit == "minutes" else float("inf")
    return time.time() + 60 * minutes
