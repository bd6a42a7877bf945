"""The runs of a study one after another, or side by side in processes of their own."""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.files import write_whole
from negatoscope.hardware import Hardware
from negatoscope.memory import keep_freed_memory
from negatoscope.reproduce.run_data import RunData, load_run_data
from negatoscope.studies.study_run import StudyRun, StudyRunSpec, make_study_run
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe

Observe = Callable[[str, TrainingProgress | str], None]
"""Called with a run's name and where it stands."""


@dataclass(frozen=True)
class StudyJob:
    """A run that is to be made.

    Args:
        name: How a person tells it from others.
        spec: What is trained.
        folder: Where it is kept.
        data_dir: A folder to look for data in first.
        hardware: Where it is trained.
        deadline: The time, as `time.time` counts it, after which it is not begun.
    """

    name: str
    spec: StudyRunSpec
    folder: Path
    data_dir: Path | None
    hardware: Hardware
    deadline: float

    def do(self, observe: Observe | None = None) -> StudyRun | None:
        """Make the run; None if it is too late to begin, or if it cannot be trained, which `failed.json` then says."""
        if time.time() > self.deadline:
            return None
        tell = observe or (lambda name, moment: None)
        data = data_of(self.spec.recipe, self.data_dir, self.spec.fast)
        try:
            return make_study_run(
                self.spec,
                data,
                hardware=self.hardware,
                folder=self.folder,
                progress=lambda moment: tell(self.name, moment),
            )
        except (DataError, OutputError):
            raise
        except InputError as error:  # such as a recipe that diverges: it would again
            write_whole(self.folder / "failed.json", json.dumps({"reason": str(error)}).encode())
            return None


def failure_of(folder: Path) -> str | None:
    """Why a run could not be trained; None where it was not tried or has ended well."""
    file = folder / "failed.json"
    return str(json.loads(file.read_text())["reason"]) if file.is_file() else None


def data_of(recipe: Recipe, data_dir: Path | None, fast: bool) -> RunData:
    """The images that a recipe is about; loaded once in each process."""
    size: dict[str, Any] = {"split": recipe.split, "validation_size": recipe.validation_size}
    return _loaded(Recipe("any", data=recipe.data, negatives=recipe.negatives, **size), data_dir, fast)


@cache
def _loaded(recipe: Recipe, data_dir: Path | None, fast: bool) -> RunData:
    return load_run_data(recipe, data_dir=data_dir, fast=fast)


def make(jobs: Sequence[StudyJob], *, count: int, observe: Observe) -> Iterator[tuple[StudyJob, StudyRun | None]]:
    """Each job with what came of it, as it ends; `count` at once, and `observe` only where that is one.

    Raises:
        InputError: A process was ended from outside.
    """
    if count == 1:
        for job in jobs:
            yield job, job.do(observe)
        return
    others = set(multiprocessing.active_children())
    threads = max(1, torch.get_num_threads() // count)
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (threads,)) as pool:
        try:
            futures = {pool.submit(StudyJob.do, job): job for job in jobs}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise InputError(
                    f"expected {count} processes to end their runs, but one was ended from outside, as happens where "
                    "memory is short; give fewer --jobs, the same command goes on"
                ) from error
            raise


def _begin(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    torch.set_num_threads(threads)
    keep_freed_memory()


def _end_with_the_first() -> None:
    """So that no run goes on in a folder whose lock is free again, also where the first process was killed."""
    first = multiprocessing.parent_process()
    assert first is not None, "only started processes begin so"
    first.join()
    os._exit(1)
