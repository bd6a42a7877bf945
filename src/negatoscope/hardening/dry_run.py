"""What hardening would run: its fits that are not there yet; of their time that of their audits alone is known."""

from pathlib import Path

from negatoscope.auditing.dry_run import dry_run_audit, time_images
from negatoscope.executors import LOCAL, Execution
from negatoscope.hardening.jobs import BEFORE
from negatoscope.hardening.plan import HardenPlan
from negatoscope.hardening.run import expect_room, fit_jobs
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import counted, joined
from negatoscope.rows import estimate_size


def dry_run_harden(plan: HardenPlan, *, out: Path, execution: Execution = LOCAL) -> DryRun:
    """What `run_harden` would do, were every method one that draws; nothing is written.

    Raises:
        InputError: What `run_harden` would refuse before anything is fitted, or what the classifier gives for a batch.
    """
    expect_room(out, plan)
    audit = plan.audit(plan.classifier)
    before = dry_run_audit(audit, out=out / BEFORE)
    identity = plan.identity
    jobs = fit_jobs(plan, out)
    left = [job for job in jobs if job.outcome(identity) is None]
    workers, images = execution.count(len(left)), len(audit.dataset)
    pace = time_images(audit) if left else None
    audits, steps = len(left) * images, 1 + len(audit.transforms)
    return DryRun(
        title=f"Hardening of {plan.classifier.name} by {joined(list(plan.methods))}",
        noun="fit",
        jobs=len(jobs),
        done=len(jobs) - len(left),
        workers=workers,
        images=before.images + audits,
        passes=before.passes + round(audits * pace.passes if pace else 0),
        size_bytes=before.size_bytes + estimate_size(audits * steps, groups=len(left) * len(audit.parts) * steps),
        seconds=(before.seconds or 0.0) + (audits * pace.seconds / workers if pace else 0.0),
        basis=f"{counted(pace.images, 'image')} timed here, for the audits alone" if pace else "",
        notes=("fits, and classifiers that are slower for them, are not timed",) if pace else (),
    )
