"""What the sequel would run: networks that are not trained yet, and searches that have not ended."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from negatoscope.hardware import Hardware
from negatoscope.models.predict import to_images
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import joined
from negatoscope.reproduce.dry_run import TIMED_STEPS, weights_bytes
from negatoscope.reproduce.estimate import Pace, count_training_passes, measure_pace
from negatoscope.reproduce.run_data import RunData
from negatoscope.rows import estimate_size
from negatoscope.searching.dry_run import dry_run_search
from negatoscope.searching.result import DOCUMENT
from negatoscope.searching.run import SEARCH
from negatoscope.studies.jobs import data_of
from negatoscope.studies.sequel import SequelRequest, plan_jobs
from negatoscope.studies.sequel_run import SPACE, WEIGHTS, OwnNetwork, SequelJob
from negatoscope.transforms.spaces import resolve_space

_SHIFTED = 200  # images whose shift is timed


@dataclass(frozen=True)
class _Cost:
    """What a classifier takes that is not searched yet, were no image misclassified before its last trial."""

    images: int
    passes: int
    size_bytes: int
    seconds: float


def dry_run_sequel(request: SequelRequest, *, out: Path, hardware: Hardware) -> DryRun:
    """What `reproduce_sequel` would do at most, without writing anything to `out`.

    Raises:
        DataError: The data are not at hand or damaged.
        InputError: A model cannot be opened, or what it gives for a batch.
    """
    jobs = plan_jobs(request, out=out, hardware=hardware)
    left: list[_Cost] = []
    pace: Pace | None = None
    for job in jobs:
        if isinstance(job.model, OwnNetwork) and not (job.folder / WEIGHTS).is_file():
            data = data_of(job.model.recipe, request.data_dir, fast=False)
            if pace is None:
                counts = [count_training_passes(job.model.recipe, data)]
                pace = measure_pace(job.model.recipe, data, hardware=hardware, counts=counts)
            left.append(_cost_of_network(job.model, request, data, pace))
        elif (cost := _cost_of_search(job)) is not None:
            left.append(cost)
    workers = request.execution.count(len(left))
    return DryRun(
        title=f"Sequel with {joined(list(map(str, jobs)))}",
        noun="classifier",
        jobs=len(jobs),
        done=len(jobs) - len(left),
        workers=workers,
        images=sum(cost.images for cost in left),
        passes=sum(cost.passes for cost in left),
        size_bytes=sum(cost.size_bytes for cost in left),
        seconds=sum(cost.seconds for cost in left) / workers,
        basis=TIMED_STEPS if pace else "a few queries timed here" if left else "",
        notes=("at most: an image that is misclassified is searched no further",) if left else (),
    )


def _cost_of_search(job: SequelJob) -> _Cost | None:
    """Of a classifier that is there; None where its search has ended."""
    plan = job.search.plan(job.named)
    folder = job.search_folder(plan)
    if (folder / DOCUMENT).is_file():
        return None
    estimate = dry_run_search(plan, out=folder)
    return _Cost(estimate.images, estimate.passes, estimate.size_bytes, estimate.seconds or 0.0)


def _cost_of_network(network: OwnNetwork, request: SequelRequest, data: RunData, pace: Pace) -> _Cost:
    """Of a network that is trained first."""
    training = count_training_passes(network.recipe, data)
    searched = min(len(data.test), request.limit or len(data.test))
    queries = searched * (1 + request.trials)
    return _Cost(
        images=len(data.train) + searched,
        passes=training.total + queries,
        size_bytes=estimate_size(2 * searched) + weights_bytes(network.recipe, data),
        seconds=training.seconds(pace) + queries * (pace.predict + _time_shift(data, network.hardware)) / SEARCH,
    )


def _time_shift(data: RunData, hardware: Hardware) -> float:
    """Seconds to shift the colors of an image, after a first time that warms up."""
    pixels = torch.from_numpy(np.array(data.test.images[:_SHIFTED])).to(hardware.device)
    images, seconds = to_images(pixels), 0.0
    space = resolve_space(SPACE, channels=images.shape[1])
    points = torch.full((len(images), len(space.dimensions)), 0.3, dtype=torch.float64, device=hardware.device)
    for _ in range(2):
        began = time.perf_counter()
        space.apply(images, points).sum().item()  # waits for a GPU
        seconds = time.perf_counter() - began
    return seconds / len(images)
