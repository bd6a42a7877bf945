"""The runs of a study one after another, or side by side in processes of their own."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.executors import Execution, Tell
from negatoscope.executors.jobs import run_jobs as jobs_ended
from negatoscope.hardware import Hardware
from negatoscope.reproduce.run_data import RunData, load_run_data
from negatoscope.reproduce.runs import plain_progress, read_run
from negatoscope.studies.sensitivity_plan import Study
from negatoscope.studies.sensitivity_run import StudyRun, StudyRunSpec, make_study_run
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe

Made = TypeVar("Made")

NamedProgress = Callable[[str, TrainingProgress | str], None]
"""Called with a run's name and how far it is."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run could not be trained: `failed.json` holds it."""

    schema: Literal[2] = 2
    reason: str


@dataclass(frozen=True)
class PlannedRun:
    """A run with its place in the study: the study's name and the recipe's key."""

    study: str
    key: str
    spec: StudyRunSpec

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.study}, {self.key}, seed {self.spec.seed}"


def plan_runs(studies: Sequence[Study], *, seeds: int, fast: bool = False) -> list[PlannedRun]:
    """Every run, round by round: in each, all studies' recipes with the seed that is theirs."""
    runs = []
    for turn in range(seeds + max(each.round for study in studies for each in study.recipes)):
        for study in studies:
            for planned in study.recipes:
                seed = turn - planned.round
                if 0 <= seed < min(seeds, planned.seeds or seeds):
                    recipe = replace(planned.recipe, epochs=1) if fast else planned.recipe
                    spec = StudyRunSpec(study.dataset, study.epsilon, seed, recipe, fast, planned.probed)
                    runs.append(PlannedRun(study.name, planned.key, spec))
    return runs


@dataclass(frozen=True)
class StudyJob:
    """A run that is to be made.

    Args:
        planned: What is trained.
        folder: Where it is kept.
        data_dir: A folder to look for data in first.
        hardware: Where it is trained.
        deadline: The time, as `time.time` counts it, after which it is not begun.
    """

    planned: PlannedRun
    folder: Path
    data_dir: Path | None
    hardware: Hardware
    deadline: float

    def __str__(self) -> str:
        return self.planned.name

    def run(self, progress: NamedProgress = lambda name, progress: None) -> StudyRun | None:
        """Make the run; None if it is too late to begin, or if it cannot be trained, which `failed.json` then says."""
        if time.time() > self.deadline:
            return None
        spec, to_progress = self.planned.spec, partial(progress, self.planned.name)
        data = data_of(spec.recipe, self.data_dir, spec.fast)
        return made_or_failed(
            self.folder,
            partial(make_study_run, spec, data, hardware=self.hardware, folder=self.folder, progress=to_progress),
        )


def made_or_failed(folder: Path, make: Callable[[], Made]) -> Made | None:
    """What `make` makes in a folder; None where a run cannot be trained, which `failed.json` then says.

    Raises:
        DataError: As `make` raises it.
        OutputError: Likewise.
    """
    try:
        return make()
    except (DataError, OutputError):
        raise
    except InputError as error:  # such as a recipe that diverges: it would again
        write_document(folder / "failed.json", Failure(reason=str(error)))
        return None


def failure_of(folder: Path) -> str | None:
    """Why a run could not be trained; None where it was not tried or has ended well.

    Raises:
        DataError: The file that says so is damaged.
    """
    if not (file := folder / "failed.json").is_file():
        return None
    return read_document(file, Failure, what="why a run failed", make="delete its folder").reason


def data_of(recipe: Recipe, data_dir: Path | None, fast: bool) -> RunData:
    """The images that a recipe is about; loaded once in each process."""
    decisive = {name: getattr(recipe, name) for name in ("data", "negatives", "split", "validation_size")}
    return _load(Recipe("any", **decisive), data_dir, fast)


@cache
def _load(recipe: Recipe, data_dir: Path | None, fast: bool) -> RunData:
    return load_run_data(recipe, data_dir=data_dir, fast=fast)


@runtime_checkable
class RunJob(Protocol):
    """A run that is to be made."""

    def run(self, progress: NamedProgress) -> object:
        """Make it; its files say how it went."""


@dataclass(frozen=True)
class StudyWork:
    """The runs of a study as work of an executor.

    Args:
        here: Whether runs are made in this process, whose progress needs not be plain data.
    """

    here: bool

    def open(self) -> bool:
        """Nothing: a run loads its data, once in each process."""
        return True

    def run(self, opened: bool, job: RunJob, tell: Tell) -> None:
        """Make a run, whose files say how it went."""
        job.run(lambda name, progress: tell(progress if self.here else plain_progress(progress)))


def run_jobs(
    jobs: Sequence[StudyJob], *, execution: Execution, progress: NamedProgress
) -> Iterator[tuple[PlannedRun, StudyRun | None]]:
    """Each run that was planned with its result, as it ends.

    Raises:
        InputError: As a run says.
        JobsError: Runs failed three times; all others are made.
    """
    work = StudyWork(here=execution.executor == "local")

    def moved(job: StudyJob, what: TrainingProgress | str) -> None:
        progress(job.planned.name, what)

    for job in jobs_ended(work, jobs, execution=execution, opened=True, moved=moved):
        yield job.planned, read_run(job.folder, StudyRun)
