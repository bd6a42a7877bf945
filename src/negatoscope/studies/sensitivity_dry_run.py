"""What the sensitivity study would run: the runs that are not there yet, as far as its budget is enough."""

from pathlib import Path

from negatoscope.hardware import Hardware
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import counted, joined
from negatoscope.reproduce.dry_run import TIMED_STEPS
from negatoscope.rows import estimate_size
from negatoscope.studies.jobs import data_of
from negatoscope.studies.sensitivity import StudyRequest, count_study_passes, plan_study


def dry_run_sensitivity(request: StudyRequest, *, out: Path, hardware: Hardware) -> DryRun:
    """What `study_sensitivity` would do, without writing anything to `out`.

    Raises:
        InputError: As `study_sensitivity` says.
    """
    plan = plan_study(request, out=out, hardware=hardware)
    chosen = plan.chosen
    data = [data_of(run.spec.recipe, request.data_dir, request.fast) for run in chosen]
    counts = [count_study_passes(run.spec, each) for run, each in zip(chosen, data, strict=True)]
    workers = request.execution.count(len(chosen))
    beyond = len(plan.seconds) - len(chosen)
    notes = [f"{entry.study} is not run: {entry.reason}" for entry in plan.not_run]
    notes += [f"the budget is not enough for {counted(beyond, 'run')} more"] if beyond else []
    return DryRun(
        title=f"Study of {joined([study.name for study in plan.studies])}",
        noun="run",
        jobs=plan.done + len(chosen),
        done=plan.done,
        images=sum(len(each.train) + len(each.test) for each in data),
        passes=sum(count.total for count in counts),
        size_bytes=estimate_size(sum(count.rows for count in counts)),
        seconds=sum(plan.seconds[run] for run in chosen) / workers,
        basis=TIMED_STEPS,
        workers=workers,
        notes=tuple(notes),
    )
