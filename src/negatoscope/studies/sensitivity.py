"""The sensitivity study: which choices that the paper does not state decide a network's accuracy on negatives."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from negatoscope.errors import DataNotFoundError, InputError
from negatoscope.executors import LOCAL, Execution, using_threads
from negatoscope.files import locked, remove_leftovers
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reproduce.estimate import Pace, PassCounts, measure_pace
from negatoscope.reproduce.run_data import RunData, validation_size
from negatoscope.reproduce.runs import read_run, run_folder
from negatoscope.stores import AnyPath
from negatoscope.studies.jobs import data_of, failure_of, make_runs
from negatoscope.studies.probing import PREDICTIONS
from negatoscope.studies.sensitivity_jobs import PlannedRun, StudyJob, plan_runs
from negatoscope.studies.sensitivity_plan import Study, choose_studies, load_studies
from negatoscope.studies.sensitivity_report import summarize_planned, write_study
from negatoscope.studies.sensitivity_result import FailedRun, SensitivityResult, SkippedStudy
from negatoscope.studies.sensitivity_run import MARKED_EPOCHS, MEASURED, VALIDATED, StudyRun, StudyRunSpec
from negatoscope.training.loop import MONITORED, TrainingProgress


@dataclass(frozen=True)
class Budget:
    """How much may be run: passes over a dataset's training images (adversarial training counts two), or minutes."""

    amount: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in ("passes", "minutes") or not self.amount > 0:
            raise InputError(f"expected --budget of passes or minutes above 0, got {self.amount} {self.unit}")


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
        execution: Where runs are made.
        fast: A smoke run: one epoch on a few hundred images.
        command: Recorded with the results.
    """

    seeds: int = 3
    studies: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    budget: Budget | None = None
    plan: AnyPath | None = None
    data_dir: Path | None = None
    execution: Execution = LOCAL
    fast: bool = False
    command: str = "negatoscope reproduce sensitivity"


@runtime_checkable
class SensitivityProgress(Protocol):
    """What is called while a study is made."""

    def planned(self, runs: int, done: int, seconds: float, not_run: Sequence[SkippedStudy], beyond: int) -> None:
        """Once it is known what is run: how many runs, how many of them are there already, how long the rest takes.

        `beyond` is for how many more the budget is not enough.
        """

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        """After each training step of a run in this process, and before it is measured."""

    def finished(self, name: str, run: StudyRun, seconds: float) -> None:
        """After each run; `seconds` is its part of those that all were expected to take."""


@dataclass(frozen=True)
class StudyPlan:
    """What a study runs.

    Args:
        studies: Those whose data are at hand.
        not_run: The others, and why.
        folders: Of every run.
        seconds: That each run will take which is not there yet.
        chosen: Those of these that the budget is enough for.
        done: How many were made or failed earlier.
    """

    studies: Sequence[Study]
    not_run: tuple[SkippedStudy, ...]
    folders: Mapping[PlannedRun, Path]
    seconds: Mapping[PlannedRun, float]
    chosen: Sequence[PlannedRun]
    done: int


def plan_study(request: StudyRequest, *, out: Path, hardware: Hardware) -> StudyPlan:
    """Load the images, list the runs, and time a few steps; nothing is written to `out`.

    Raises:
        InputError: As `study_sensitivity` says.
    """
    studies = choose_studies(load_studies(request.plan), names=request.studies, factors=request.factors)
    studies, not_run = _at_hand(studies, request)
    runs = plan_runs(studies, seeds=request.seeds, fast=request.fast)
    how: dict[str, Any] = {"hardware": hardware, "out": out, "threads": request.execution.threads}
    folders = {run: run_folder(run.spec, _data(run, request), **how) for run in runs}
    once = {folder: run for run, folder in reversed(folders.items())}  # levels may share a recipe
    missing = [run for folder, run in once.items() if not read_run(folder, StudyRun) and failure_of(folder) is None]
    with using_threads(request.execution.threads):
        seconds = _estimates([run for run in runs if run in missing], request, hardware)
    firsts, workers = [run for run in runs if once[folders[run]] is run], request.execution.count(len(missing))
    chosen = within(request.budget, firsts, {run: alone / workers for run, alone in seconds.items()})
    return StudyPlan(studies, not_run, folders, seconds, chosen, len(once) - len(missing))


def study_sensitivity(
    request: StudyRequest, *, out: Path, hardware: Hardware, progress: SensitivityProgress
) -> SensitivityResult:
    """Make the runs that are not there yet, and write `sensitivity.json`, its page and its figure to `out`.

    Raises:
        InputError: A study or a factor is unknown, or there is nothing to run.
        DataNotFoundError: None of the datasets is at hand.
        OutputError: `out` cannot be written, the disk is full, or another run writes to it.
    """
    with locked(out):
        remove_leftovers([out, *out.glob("runs/*")])
        plan = plan_study(request, out=out, hardware=hardware)
        studies, folders, workers = plan.studies, plan.folders, request.execution.count(len(plan.chosen))
        seconds = {run: plan.seconds[run] / workers for run in plan.chosen}
        beyond = len(plan.seconds) - len(plan.chosen)
        progress.planned(plan.done + len(plan.chosen), plan.done, sum(seconds.values()), plan.not_run, beyond)
        minutes = request.budget.amount if request.budget and request.budget.unit == "minutes" else float("inf")
        deadline = time.time() + 60 * minutes
        jobs = [StudyJob(run, folders[run], request.data_dir, hardware, deadline) for run in plan.chosen]
        try:
            for job in make_runs(jobs, execution=request.execution, progress=progress.moved):
                if (run := read_run(job.folder, StudyRun)) is not None:
                    progress.finished(str(job), run, seconds[job.planned])
        finally:  # what has been made is written, also where this is stopped
            made = {run: read_run(folder, StudyRun) for run, folder in folders.items()}
            reasons = {run: failure_of(folder) for run, folder in folders.items() if made[run] is None}
            failed = [FailedRun(run.study, run.key, run.spec.seed, why) for run, why in reasons.items() if why]
            datasets = {dataset.spec: dataset for run in folders for dataset in _data(run, request).datasets}
            provenance = record_provenance(
                command=request.command,
                hardware=hardware.description,
                data=[each.provenance for each in datasets.values()],
            )
            result = summarize_planned(
                studies, made, provenance, fast=request.fast, jobs=request.execution.count(len(folders))
            )
            result = replace(result, failed=tuple(failed), not_run=plan.not_run)
            write_study(result, out)
        return result


def _data(run: PlannedRun, request: StudyRequest) -> RunData:
    return data_of(run.spec.recipe, request.data_dir, request.fast)


def _at_hand(studies: Sequence[Study], request: StudyRequest) -> tuple[list[Study], tuple[SkippedStudy, ...]]:
    """The studies whose data are here, and why the others are not run."""
    at_hand, not_run = [], []
    for study in studies:
        try:
            data_of(study.default_recipe, request.data_dir, request.fast)
            at_hand.append(study)
        except DataNotFoundError as error:
            not_run.append(SkippedStudy(study.name, str(error)))
    if not at_hand:
        raise DataNotFoundError(f"expected the data of a study, found none: {not_run[0].reason}")
    return at_hand, tuple(not_run)


def _estimates(runs: Sequence[PlannedRun], request: StudyRequest, hardware: Hardware) -> dict[PlannedRun, float]:
    """Seconds that each run will take, from a few timed steps of the first run of each study."""
    paces: dict[str, Pace] = {}
    seconds = {}
    for run in runs:
        data = _data(run, request)
        count = count_study_passes(run.spec, data)  # all runs of a study are trained on images of one kind
        if run.study not in paces:
            paces[run.study] = measure_pace(run.spec.recipe, data, hardware=hardware, counts=[count])
        seconds[run] = count.seconds(paces[run.study])
    return seconds


def count_study_passes(spec: StudyRunSpec, data: RunData) -> PassCounts:
    """How many images training and measuring the classifier of a run takes."""
    held_out, epochs = validation_size(data.train, spec.recipe, fast=spec.fast), spec.recipe.epochs
    trained = len(data.train) - held_out
    measured = 2 * min(MEASURED, trained) + len(data.test)
    return PassCounts(
        **{"robust" if spec.epsilon else "plain": trained * epochs},
        follow=(min(held_out, VALIDATED) + min(MONITORED, trained)) * (epochs + len(MARKED_EPOCHS)),
        predict=measured + PREDICTIONS * spec.probe,
        rows=measured,
    )


def within(budget: Budget | None, runs: Sequence[PlannedRun], seconds: Mapping[PlannedRun, float]) -> list[PlannedRun]:
    """Those of the first runs that are to be made, as far as a budget is enough.

    Passes count what was made before, so that a study that was stopped ends as one that was not; minutes do not.

    Args:
        budget: None is enough for all.
        runs: All of them, in their order.
        seconds: How long each one takes that is not there yet; of several at once, its share.
    """
    chosen, spent = [], 0.0
    for run in runs:
        passes = run.spec.recipe.epochs * (2 if run.spec.epsilon else 1)
        if budget is not None:
            spent += passes if budget.unit == "passes" else seconds.get(run, 0.0) / 60
            if spent > budget.amount:
                break
        if run in seconds:
            chosen.append(run)
    return chosen
