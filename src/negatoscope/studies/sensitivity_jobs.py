"""The runs of a sensitivity study, in their order, and each as a job."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from negatoscope.hardware import Hardware
from negatoscope.studies.jobs import NamedProgress, data_of, made_or_failed, silent
from negatoscope.studies.sensitivity_plan import Study
from negatoscope.studies.sensitivity_run import StudyRun, StudyRunSpec, make_study_run


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

    def run(self, progress: NamedProgress = silent) -> StudyRun | None:
        """Make the run; None if it is too late to begin, or if it cannot be trained, which `failed.json` then says."""
        if time.time() > self.deadline:
            return None
        spec, to_progress = self.planned.spec, partial(progress, self.planned.name)
        data = data_of(spec.recipe, self.data_dir, spec.fast)
        return made_or_failed(
            self.folder,
            partial(make_study_run, spec, data, hardware=self.hardware, folder=self.folder, progress=to_progress),
        )
