"""The runs of studies as jobs of an executor: each leaves files that say how it went, and is made or fails once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.executors import Execution, Tell
from negatoscope.executors.jobs import run_jobs
from negatoscope.reproduce.run_data import RunData, load_run_data
from negatoscope.reproduce.runs import plain_progress
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe

NamedProgress = Callable[[str, TrainingProgress | str], None]
"""Called with a run's name and how far it is."""


def silent(name: str, progress: TrainingProgress | str) -> None:
    """Says nothing of a run."""


@runtime_checkable
class RunJob(Protocol):
    """A run that is to be made; `str` is its name."""

    def run(self, progress: NamedProgress) -> object:
        """Make it; its files say how it went."""


Made = TypeVar("Made")
RunJobType = TypeVar("RunJobType", bound=RunJob)


def make_runs(
    jobs: Sequence[RunJobType], *, execution: Execution, progress: NamedProgress = silent
) -> Iterator[RunJobType]:
    """Each job as it ends.

    Raises:
        InputError: As a run says.
        JobsError: Runs failed three times; all others are made.
    """
    work = _Runs(here=execution.executor == "local")

    def moved(job: RunJobType, what: TrainingProgress | str) -> None:
        progress(str(job), what)

    return run_jobs(work, jobs, execution=execution, opened=True, moved=moved)


@dataclass(frozen=True)
class _Runs:
    """Runs as work of an executor; made `here`, in this process, their progress needs not be plain data."""

    here: bool

    def open(self) -> bool:
        """Nothing: a run loads its data, once in each process."""
        return True

    def run(self, opened: bool, job: RunJob, tell: Tell) -> None:
        """Make a run, whose files say how it went."""
        job.run(lambda name, progress: tell(progress if self.here else plain_progress(progress)))


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run could not be trained: `failed.json` holds it."""

    schema: Literal[2] = 2
    reason: str


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
