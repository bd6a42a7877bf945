"""What the search for the paper's pair would run: trials that are not there yet, and the runs of the nearest."""

import math
from dataclasses import replace
from pathlib import Path

from negatoscope.hardware import Hardware
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import counted
from negatoscope.reproduce.dry_run import TIMED_STEPS
from negatoscope.reproduce.estimate import count_training_passes, measure_pace
from negatoscope.reproduce.runs import read_run
from negatoscope.rows import estimate_size
from negatoscope.studies.jobs import data_of
from negatoscope.studies.match import MatchRequest, kept_candidates, nearest_runs
from negatoscope.studies.match_result import OPENED
from negatoscope.studies.match_trials import LEAST_EPOCHS, SEED
from negatoscope.studies.sensitivity import count_study_passes
from negatoscope.studies.sensitivity_run import StudyRun, StudyRunSpec


def dry_run_match(request: MatchRequest, *, out: Path, hardware: Hardware) -> DryRun:
    """What `reproduce_match` would do, were each recipe that is not drawn yet trained for as long as the mean one.

    Nothing is written to `out`.

    Raises:
        InputError: As `reproduce_match` says.
        MissingExtraError: Optuna is not installed.
        OutputError: `out` holds a search that was begun with other threads.
    """
    candidates = kept_candidates(request, out=out, hardware=hardware)
    base = request.base_recipe
    data = data_of(base, request.data_dir, fast=False)
    trials, epochs = max(0, request.trials - len(candidates)), mean_epochs(request.most_epochs)
    drawn = replace(base, epochs=epochs)
    if trials:
        measured = [StudyRunSpec(request.dataset, 0.0, SEED, drawn)] * (2 * OPENED)
    else:
        nearest = nearest_runs(candidates, request, data, out=out, hardware=hardware)
        measured = [job.planned.spec for _, job in nearest if read_run(job.folder, StudyRun) is None]
    counts = [count_study_passes(spec, data) for spec in measured]
    trial, left = count_training_passes(drawn, data), trials + len(measured)
    workers = request.execution.count(trials or left)
    seconds = 0.0
    if left:
        pace = measure_pace(base, data, hardware=hardware, counts=[trial, *counts])
        opened = sum(count.seconds(pace) for count in counts)
        seconds = trials * trial.seconds(pace) / workers + opened / request.execution.count(len(measured))
    notes = (f"a recipe that is not drawn yet counts {epochs} epochs, the mean", "those that diverge are drawn anew")
    return DryRun(
        title=f"Search for the pair of {request.dataset}: {counted(request.trials, 'recipe')}, then the nearest again",
        noun="run",
        jobs=len(candidates) + trials + 2 * OPENED,
        done=len(candidates) + 2 * OPENED - len(measured),
        workers=workers,
        images=left * len(data.train) + len(measured) * len(data.test),
        passes=trials * trial.total + sum(count.total for count in counts),
        size_bytes=estimate_size(sum(count.rows for count in counts)),
        seconds=seconds,
        basis=TIMED_STEPS if left else "",
        notes=notes if trials else (),
    )


def mean_epochs(most: int) -> int:
    """How many epochs a recipe has in the mean that is drawn at random, each magnitude as often, up to `most`."""
    low, high = LEAST_EPOCHS - 0.5, most + 0.5  # what rounds to them
    return round((high - low) / math.log(high / low))
