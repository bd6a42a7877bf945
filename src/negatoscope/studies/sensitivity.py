"""The sensitivity study: which choices that the paper does not state decide how many negatives a network reads."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from negatoscope.documents import to_plain
from negatoscope.errors import DataNotFoundError, InputError
from negatoscope.files import locked, remove_leftovers, write_whole
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.estimate import Pace, measure_pace
from negatoscope.reproduce.run_data import RunData, validation_size
from negatoscope.reproduce.runs import read_run, run_folder
from negatoscope.studies.design import Study, choose_studies, load_studies
from negatoscope.studies.effects import LevelRuns, level_key
from negatoscope.studies.jobs import StudyJob, data_of, failure_of, make
from negatoscope.studies.probing import LOOKS
from negatoscope.studies.sensitivity_document import study_document
from negatoscope.studies.sensitivity_figure import draw_sensitivity
from negatoscope.studies.sensitivity_page import sensitivity_page
from negatoscope.studies.study_run import MARKED_EPOCHS, MEASURED, VALIDATED, StudyRun, StudyRunSpec
from negatoscope.training.loop import MONITORED, TrainingProgress

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

    def moved(self, name: str, moment: TrainingProgress | str) -> None:
        """After each training step of a run in this process, and before it is measured."""

    def finished(self, name: str, document: Document, seconds: float) -> None:
        """After each run; `seconds` is what it had been expected to take."""


@dataclass(frozen=True)
class PlannedRun:
    """A run with its place in the study."""

    study: str
    factor: str
    value: str
    spec: StudyRunSpec

    @property
    def name(self) -> str:
        """How a person tells it from others."""
        return f"{self.study}, {level_key(self.factor, self.value)}, seed {self.spec.seed}"


def plan_runs(studies: Sequence[Study], *, seeds: int, fast: bool = False) -> list[PlannedRun]:
    """Every run, round by round: in each, all studies' recipes with the seed that is theirs."""
    runs = []
    for turn in range(seeds + max(level.round for study in studies for _, level in study.levels)):
        for study in studies:
            for factor, level in study.levels:
                seed = turn - level.round
                if 0 <= seed < min(seeds, level.seeds or seeds):
                    recipe = replace(level.recipe, epochs=1) if fast else level.recipe
                    probe = factor in ("", "also")
                    spec = StudyRunSpec(study.dataset, study.epsilon, seed, recipe, fast, probe)
                    runs.append(PlannedRun(study.name, factor, level.value, spec))
    return runs


def study_sensitivity(request: StudyRequest, *, out: Path, hardware: Hardware, watcher: StudyWatcher) -> Document:
    """Make the runs that are not there yet, and write `sensitivity.json`, its page and its figure to `out`.

    Raises:
        InputError: A study or a factor is unknown, or there is nothing to run.
        DataNotFoundError: None of the datasets is at hand.
        OutputError: `out` cannot be written, the disk is full, or another run writes to it.
    """
    with locked(out):
        remove_leftovers([out, *out.glob("runs/*")])
        studies = choose_studies(load_studies(request.plan), names=request.studies, factors=request.factors)
        studies, not_run = _at_hand(studies, request)
        runs = plan_runs(studies, seeds=request.seeds, fast=request.fast)
        folders = {run: run_folder(run.spec, _data(run, request), hardware=hardware, out=out) for run in runs}
        once = {folder: run for run, folder in reversed(folders.items())}  # levels may share a recipe
        missing = {run for run, folder in folders.items() if once[folder] is run and not _is_there(folder)}
        seconds = _estimates([run for run in runs if run in missing], request, hardware)
        chosen = within(request.budget, [run for run in runs if once[folders[run]] is run], seconds)
        watcher.planned(len(runs), len(once) - len(missing), sum(seconds[run] for run in chosen), not_run)
        deadline = _deadline(request.budget)
        jobs = {StudyJob(run.name, run.spec, folders[run], request.data_dir, hardware, deadline): run for run in chosen}
        try:
            for job, document in make(list(jobs), count=request.jobs, observe=watcher.moved):
                if document is not None:
                    watcher.finished(job.name, _plain(document), seconds[jobs[job]])
        finally:  # what has been made is told, also where this is stopped
            result = _written(studies, folders, request, out=out, hardware=hardware, not_run=not_run)
        return result


def _written(
    studies: Sequence[Study],
    folders: Mapping[PlannedRun, Path],
    request: StudyRequest,
    *,
    out: Path,
    hardware: Hardware,
    not_run: Sequence[Mapping[str, str]],
) -> Document:
    found: dict[str, LevelRuns] = {study.name: {} for study in studies}
    failed = []
    for run, folder in folders.items():
        key = level_key(run.factor, run.value)
        if (made_run := read_run(folder, StudyRun)) is not None:
            found[run.study].setdefault(key, {})[run.spec.seed] = _plain(made_run)
        elif (reason := failure_of(folder)) is not None:
            failed.append({"study": run.study, "recipe": key, "seed": run.spec.seed, "reason": reason})
    made = [run for levels in found.values() for seeds in levels.values() for run in seeds.values()]
    datasets = {dataset.spec: dataset for run in folders for dataset in _data(run, request).datasets}
    source = {
        **to_plain(
            record_provenance(
                command=request.command,
                hardware=hardware.description,
                data=[each.provenance for each in datasets.values()],
            )
        ),
        "settings": {"fast": request.fast, "jobs": request.jobs},
        "runs": {"planned": len(folders), "made": len(made)},
        "made_by": _counted(run["made_by"] for run in made),
    }
    result = study_document(studies, found, source=source, not_run=not_run, failed=failed)
    if result["studies"]:
        write_whole(out / "sensitivity.md", sensitivity_page(result).encode())
        save_figure(draw_sensitivity(result), out, "sensitivity")
    write_whole(out / "sensitivity.json", (json.dumps(result, indent=1) + "\n").encode())
    return result


def _plain(run: StudyRun) -> Document:
    plain = dict(to_plain(run))
    probing = {"looking": plain["probing"]} if run.probing else {}
    confidence = {"train": run.confidence.train, "negative": run.confidence.negative_train}
    more = {"negative": plain["negative_train"], "confidence": confidence, "chance": run.chance}
    return {**plain, **more, **probing, "tracks": run.train.track_low is not None}


def _counted(made_by: Iterable[Document]) -> list[Document]:
    """Each way in which runs were made, with how many of them."""
    counts = Counter(json.dumps(each, sort_keys=True) for each in made_by)
    return [{"runs": number, **json.loads(text)} for text, number in counts.most_common()]


def _is_there(folder: Path) -> bool:
    return read_run(folder, StudyRun) is not None or failure_of(folder) is not None


def _data(run: PlannedRun, request: StudyRequest) -> RunData:
    return data_of(run.spec.recipe, request.data_dir, request.fast)


def _at_hand(studies: Sequence[Study], request: StudyRequest) -> tuple[list[Study], list[dict[str, str]]]:
    """The studies whose data are here, and why the others are not run."""
    found, not_run = [], []
    for study in studies:
        try:
            data_of(study.default.recipe, request.data_dir, request.fast)
            found.append(study)
        except DataNotFoundError as error:
            not_run.append({"study": study.name, "reason": str(error)})
    if not found:
        raise DataNotFoundError(f"expected the data of a study, found none: {not_run[0]['reason']}")
    return found, not_run


def _estimates(runs: Sequence[PlannedRun], request: StudyRequest, hardware: Hardware) -> dict[PlannedRun, float]:
    """Seconds that each run will take, from a few timed steps of the first run of each study."""
    paces: dict[str, Pace] = {}
    seconds = {}
    for run in runs:
        spec, data = run.spec, _data(run, request)
        if run.study not in paces:
            paces[run.study] = measure_pace(spec.recipe, data, hardware=hardware)
        pace = paces[run.study]
        held = validation_size(data.train, spec.recipe, fast=spec.fast)
        trained = (len(data.train) - held) * spec.recipe.epochs * (pace.robust if spec.epsilon else pace.plain)
        looked = (
            (min(held, VALIDATED) + MONITORED) * (spec.recipe.epochs + len(MARKED_EPOCHS))
            + 2 * MEASURED
            + len(data.test)
        )
        seconds[run] = trained + (looked + LOOKS * spec.probe) * pace.predict
    return seconds


def within(budget: Budget | None, runs: Sequence[PlannedRun], seconds: Mapping[PlannedRun, float]) -> list[PlannedRun]:
    """Those of the first runs that are to be made, as far as a budget is enough.

    Passes count what was made before, so that a study that was stopped ends as one that was not; minutes do not.

    Args:
        budget: None is enough for all.
        runs: All of them, in their order.
        seconds: How long each one takes that is not there yet.
    """
    kept, spent = [], 0.0
    for run in runs:
        passes = run.spec.recipe.epochs * (2 if run.spec.epsilon else 1)
        if budget is not None:
            spent += passes if budget.unit == "passes" else seconds.get(run, 0.0) / 60
            if spent > budget.amount:
                break
        if run in seconds:
            kept.append(run)
    return kept


def _deadline(budget: Budget | None) -> float:
    minutes = budget.amount if budget is not None and budget.unit == "minutes" else float("inf")
    return time.time() + 60 * minutes
