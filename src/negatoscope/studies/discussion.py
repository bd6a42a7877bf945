"""The paper's discussion as experiments: what is said there of noise, learning and concepts, put to networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from negatoscope.errors import DataNotFoundError
from negatoscope.executors import LOCAL, Execution
from negatoscope.files import locked, remove_leftovers
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reproduce.estimate import PassCounts
from negatoscope.reproduce.run_data import RunData, validation_size
from negatoscope.reproduce.runs import read_run, run_folder
from negatoscope.stores import AnyPath
from negatoscope.studies.discussion_jobs import DiscussionJob, plan_variants
from negatoscope.studies.discussion_plan import (
    DiscussionPlan,
    DiscussionRunSpec,
    choose_datasets,
    load_plan,
)
from negatoscope.studies.discussion_report import write_discussion
from negatoscope.studies.discussion_result import Discussion
from negatoscope.studies.discussion_run import FOLLOWED, MEASURED, DiscussionRun
from negatoscope.studies.discussion_summary import summarize_discussion
from negatoscope.studies.experiments import choose_experiments
from negatoscope.studies.jobs import data_of, failure_of, make_runs
from negatoscope.studies.sensitivity_result import FailedRun, SkippedStudy
from negatoscope.training.loop import MONITORED, TrainingProgress


@dataclass(frozen=True)
class DiscussionRequest:
    """What is to be run.

    Args:
        experiments: From a to e; all if none is named.
        datasets: Their names; those of the plan if none is named.
        seeds: How many runs of each variant, seeds 0, 1, ...
        plan: A TOML file in place of the packaged plan.
        data_dir: A folder to look for data in first.
        execution: Where runs are made.
        fast: A smoke run: one epoch on a few hundred images.
        command: Recorded with the results.
    """

    experiments: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    seeds: int = 3
    plan: AnyPath | None = None
    data_dir: Path | None = None
    execution: Execution = LOCAL
    fast: bool = False
    command: str = "negatoscope reproduce discussion"


@runtime_checkable
class DiscussionProgress(Protocol):
    """What is called while experiments are made."""

    def planned(self, runs: int, images: Mapping[str, int], not_run: Sequence[SkippedStudy]) -> None:
        """Once it is known what is run: how many runs, and how many images each that is left trains on in all."""

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        """After each training step of a run in this process, and before it is measured."""

    def finished(self, name: str, run: DiscussionRun) -> None:
        """After each run."""


@dataclass(frozen=True)
class PlannedDiscussion:
    """What experiments run.

    Args:
        plan: All that there is to train.
        experiments: Those that were chosen.
        not_run: Datasets that are not at hand, and why.
        folders: Of every run.
    """

    plan: DiscussionPlan
    experiments: tuple[str, ...]
    not_run: tuple[SkippedStudy, ...]
    folders: Mapping[DiscussionRunSpec, Path]


def plan_discussion(request: DiscussionRequest, *, out: Path, hardware: Hardware) -> PlannedDiscussion:
    """Load the images and list the runs; nothing is written to `out`.

    Raises:
        InputError: As `run_discussion` says.
    """
    plan, experiments = load_plan(request.plan), choose_experiments(request.experiments)
    datasets = choose_datasets(plan, request.datasets)
    every = plan_variants(plan, experiments=experiments, datasets=datasets, seeds=request.seeds, fast=request.fast)
    runs, not_run = _at_hand(every, request)
    how: dict[str, Any] = {"hardware": hardware, "out": out, "threads": request.execution.threads}
    folders = {run: run_folder(run, _data(run, request), **how) for run in runs}
    return PlannedDiscussion(plan, experiments, not_run, folders)


def run_discussion(
    request: DiscussionRequest, *, out: Path, hardware: Hardware, progress: DiscussionProgress
) -> Discussion:
    """Make the runs that are not there yet, and write `discussion.json`, its page and its figures to `out`.

    Raises:
        InputError: An experiment or a dataset is unknown, or the plan is none.
        DataNotFoundError: None of the datasets is at hand.
        DataError: A run that has ended is damaged, or its weights are gone that others are to start from.
        OutputError: `out` cannot be written, the disk is full, or another run writes to it.
    """
    planned = plan_discussion(request, out=out, hardware=hardware)
    folders = planned.folders
    with locked(out):
        remove_leftovers([out, *out.glob("runs/*")])
        jobs = jobs_left(folders, request, hardware)
        images = {str(job): count_discussion_passes(job.spec, _data(job.spec, request)).plain for job in jobs}
        progress.planned(len(folders), images, planned.not_run)
        try:
            _make(jobs, request.execution, progress)
        finally:  # what has been made is written, also where this is stopped
            made = {run: read_run(folder, DiscussionRun) for run, folder in folders.items()}
            reasons = {run: failure_of(folder) for run, folder in folders.items() if made[run] is None}
            failed = [FailedRun(run.dataset, run.variant.name, run.seed, why) for run, why in reasons.items() if why]
            data = {dataset.spec: dataset for run in folders for dataset in _data(run, request).datasets}
            provenance = record_provenance(
                command=request.command,
                hardware=hardware.description,
                data=[each.provenance for each in data.values()],
            )
            result = summarize_discussion(planned.plan, made, experiments=planned.experiments, provenance=provenance)
            result = replace(result, failed=tuple(failed), not_run=planned.not_run)
            write_discussion(result, out)
        return result


def _data(run: DiscussionRunSpec, request: DiscussionRequest) -> RunData:
    return data_of(run.recipe, request.data_dir, request.fast)


def count_discussion_passes(run: DiscussionRunSpec, data: RunData) -> PassCounts:
    """How many images training and measuring the network of a run takes."""
    variant, epochs = run.variant, run.recipe.epochs
    held_out = validation_size(data.train, run.recipe, fast=run.fast)
    there = len(data.train) - held_out
    negatives = round(there * variant.classes) if variant.negatives == "all" else min(there, variant.negatives)
    shown = there if variant.fine_tuned else there + negatives
    under = len(run.transforms) * (3 if variant.noise else 1)
    measured = 2 * min(MEASURED, there) + (1 + under) * len(data.test)
    return PassCounts(
        plain=epochs * shown,
        follow=epochs * (min(held_out, FOLLOWED) + min(MONITORED, shown)),
        predict=measured,
        rows=measured,
    )


def _at_hand(
    runs: Sequence[DiscussionRunSpec], request: DiscussionRequest
) -> tuple[list[DiscussionRunSpec], tuple[SkippedStudy, ...]]:
    """The runs whose data are here, and why those of the other datasets are not made."""
    missing: dict[str, str] = {}
    for run in runs:
        if run.dataset not in missing:
            try:
                _data(run, request)
            except DataNotFoundError as error:
                missing[run.dataset] = str(error)
    at_hand = [run for run in runs if run.dataset not in missing]
    if not at_hand:
        raise DataNotFoundError(f"expected the data of an experiment, found none: {next(iter(missing.values()))}")
    return at_hand, tuple(SkippedStudy(dataset, why) for dataset, why in missing.items())


def jobs_left(
    folders: Mapping[DiscussionRunSpec, Path], request: DiscussionRequest, hardware: Hardware
) -> list[DiscussionJob]:
    """The runs that are not there yet and have not failed."""
    plain = {(run.dataset, run.seed): folder for run, folder in folders.items() if run.variant.is_plain}
    return [
        DiscussionJob(
            run,
            folder,
            plain[run.dataset, run.seed] if run.variant.fine_tuned else None,
            request.data_dir,
            hardware,
        )
        for run, folder in folders.items()
        if read_run(folder, DiscussionRun) is None and failure_of(folder) is None
    ]


def _make(jobs: Sequence[DiscussionJob], execution: Execution, progress: DiscussionProgress) -> None:
    """Make runs: first the plain ones, which others may start from."""

    def make(chosen: Sequence[DiscussionJob]) -> None:
        for job in make_runs(chosen, execution=execution, progress=progress.moved):
            if (run := read_run(job.folder, DiscussionRun)) is not None:
                progress.finished(str(job), run)

    make([job for job in jobs if job.spec.variant.is_plain])
    others = [job for job in jobs if not job.spec.variant.is_plain]
    make([job for job in others if job.start is None or read_run(job.start, DiscussionRun)])
