"""What the discussion's experiments would run: the runs that are not there yet, each kind of network timed."""

from collections.abc import Sequence
from pathlib import Path

from negatoscope.hardware import Hardware
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import joined
from negatoscope.reproduce.dry_run import TIMED_STEPS, weights_bytes
from negatoscope.reproduce.estimate import Pace, PassCounts, measure_pace
from negatoscope.rows import estimate_size
from negatoscope.studies.discussion import DiscussionRequest, count_discussion_passes, jobs_left, plan_discussion
from negatoscope.studies.discussion_jobs import DiscussionJob
from negatoscope.studies.discussion_training import make_variant
from negatoscope.studies.jobs import data_of


def dry_run_discussion(request: DiscussionRequest, *, out: Path, hardware: Hardware) -> DryRun:
    """What `run_discussion` would do, without writing anything to `out`.

    Raises:
        InputError: As `run_discussion` says.
    """
    planned = plan_discussion(request, out=out, hardware=hardware)
    left = jobs_left(planned.folders, request, hardware)
    data = [data_of(job.spec.recipe, job.data_dir, job.spec.fast) for job in left]
    counts = [count_discussion_passes(job.spec, each) for job, each in zip(left, data, strict=True)]
    plain = [(job.spec.recipe, each) for job, each in zip(left, data, strict=True) if job.spec.variant.is_plain]
    paces, workers = _paces(left, counts, hardware), request.execution.count(len(left))
    augmented = any(job.spec.variant.rand_augment != "none" for job in left)
    notes = [f"{entry.study} is not run: {entry.reason}" for entry in planned.not_run]
    notes += ["RandAugment's own time is not included"] if augmented else []
    return DryRun(
        title=f"Discussion, {joined([f'experiment {name}' for name in planned.experiments])}",
        noun="run",
        jobs=len(planned.folders),
        done=len(planned.folders) - len(left),
        workers=workers,
        images=sum(len(each.train) + len(each.test) for each in data),
        passes=sum(count.total for count in counts),
        size_bytes=estimate_size(sum(count.rows for count in counts)) + sum(weights_bytes(*each) for each in plain),
        seconds=sum(count.seconds(pace) for count, pace in zip(counts, paces, strict=True)) / workers,
        basis=TIMED_STEPS if left else "",
        notes=tuple(notes),
    )


def _paces(jobs: Sequence[DiscussionJob], counts: Sequence[PassCounts], hardware: Hardware) -> list[Pace]:
    """Of each run, from a few timed steps of the first one of its kind."""
    paces: dict[object, Pace] = {}
    kinds = []
    for job, count in zip(jobs, counts, strict=True):
        recipe, variant = job.spec.recipe, job.spec.variant
        kinds.append((job.spec.dataset, variant.network, recipe.network, recipe.optimizer))
        if kinds[-1] not in paces:
            data = data_of(recipe, job.data_dir, job.spec.fast)
            network = make_variant(variant, data.train, recipe, seed=0, device=hardware.device)
            paces[kinds[-1]] = measure_pace(recipe, data, hardware=hardware, counts=[count], network=network)
    return [paces[kind] for kind in kinds]
