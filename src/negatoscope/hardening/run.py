"""The run of hardening: audit, fits and audits of what they give, and what changed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from negatoscope.auditing.audit import expect_usable
from negatoscope.auditing.audit_result import read_audit
from negatoscope.auditing.folder import differences
from negatoscope.documents import write_document
from negatoscope.errors import OutputError, expect
from negatoscope.executors import LOCAL, Execution
from negatoscope.executors.jobs import run_jobs
from negatoscope.files import expect_free, locked, remove_all, remove_leftovers
from negatoscope.hardening.drop_in import ONNX, TENSORS
from negatoscope.hardening.jobs import (
    BEFORE,
    FITS,
    FitJob,
    FitOutcome,
    HardenProgress,
    HardenWork,
    MadeClassifiers,
    OpenHarden,
    read_outcome,
)
from negatoscope.hardening.page import write_harden_report
from negatoscope.hardening.pictures import Case, draw_cases
from negatoscope.hardening.plan import HardenPlan
from negatoscope.hardening.proof import OrbitPredictions
from negatoscope.hardening.result import HardenedMethod, HardenResult, HardenSummary
from negatoscope.hardening.text import verdict_sentence
from negatoscope.hardening.wrapper import Wrapper
from negatoscope.provenance import Provenance
from negatoscope.registry import name_in

DOCUMENT = "harden.json"
"""Written last: its presence means complete."""


def run_harden(
    plan: HardenPlan,
    *,
    out: Path,
    provenance: Provenance,
    progress: Callable[[HardenProgress], None] | None = None,
    warn: Callable[[str], None] | None = None,
    execution: Execution = LOCAL,
) -> HardenResult:
    """Harden a classifier as planned, with report and audits in `out`; a stopped run resumes after the last fit.

    Args:
        plan: What is done.
        out: The folder.
        provenance: Where the result comes from.
        progress: Called with what is being done, and how much of all is done.
        warn: Called before anything is fitted with what a user must know.
        execution: Where methods are fitted and audited; the classifier as it came is audited in this process.

    Raises:
        OutputError: `out` cannot be written or holds something else.
        InputError: The classifier gives NaN or is no better than chance, or a method cannot take it.
        JobsError: Fits failed three times; all others are made.
    """
    expect_room(out, plan)
    opened = OpenHarden(plan, out, provenance, keep=True)
    expect_usable(opened.plan_before, out=out / BEFORE)
    if warn:
        for sentence in plan.warnings:
            warn(f"Warning: {sentence}.")
    with locked(out):
        remove_leftovers([out, out / FITS, *out.glob("after-*")])
        remove_all([out / DOCUMENT])
        for file in _other_fits(out, plan):
            remove_all([file, *(out / file.stem / name for name in (ONNX, TENSORS))])
        pace = _Pace(len(plan.methods) * plan.seeds, progress)
        opened.audit(opened.plan_before, BEFORE, pace.say, warn)
        pace.done += 1
        summary = _summary(opened, _fit_all(opened, pace, execution))
        result = HardenResult(summary, MadeClassifiers(opened, summary.methods), out)
        pace.say("drawing images")
        write_harden_report(out, summary, _cases(opened, summary.best))
        write_document(out / DOCUMENT, summary)
    return result


def expect_room(out: Path, plan: HardenPlan) -> None:
    """Refuse a folder that holds anything but results of this hardening; nothing is written.

    Raises:
        OutputError: It holds other files or, without `overwrite`, fits of another hardening.
    """
    if not (out / BEFORE).is_dir() and not (out / DOCUMENT).is_file():
        expect_free(out, own=(".lock",), what="a hardened model")
    if not plan.config.overwrite:
        for outcome in _other_fits(out, plan).values():
            others = "; ".join(differences(outcome.identity, plan.identity))
            got = f"another hardening: {others}; give another --out, or --overwrite"
            raise OutputError(f"expected {out} to hold this hardening or nothing, got {got}")


def _other_fits(out: Path, plan: HardenPlan) -> dict[Path, FitOutcome]:
    """What fits of another hardening came to, by their files."""
    identity = plan.identity
    read = {file: read_outcome(file) for file in sorted((out / FITS).glob("*.json"))}
    return {file: outcome for file, outcome in read.items() if outcome and outcome.identity != identity}


def fit_jobs(plan: HardenPlan, out: Path) -> list[FitJob]:
    """Every fit: the first of each method before the second of any."""
    return [FitJob(out, method, seed) for seed in range(plan.seeds) for method in plan.methods]


def _fit_all(opened: OpenHarden, pace: "_Pace", execution: Execution) -> dict[FitJob, FitOutcome]:
    """What every fit came to: the first of each method, then the others, of which only what differs is measured."""
    plan = opened.plan
    work = HardenWork(plan.named, plan.identity, opened.out, opened.provenance)
    outcomes: dict[FitJob, FitOutcome] = {}
    every = fit_jobs(plan, opened.out)
    for planned in (every[: len(plan.methods)], every[len(plan.methods) :]):
        known = tuple(outcome.hardened.sha256 for outcome in outcomes.values() if outcome.hardened)
        jobs = [replace(job, known=known) for job in planned if job.method not in _not_run(outcomes)]
        left = [job for job in jobs if job.outcome(work.identity) is None]
        pace.done += 2 * (len(planned) - len(left))
        for job in run_jobs(work, left, execution=execution, opened=opened, moved=pace.moved):
            pace.ended(job)
        outcomes |= {job: outcome for job in jobs if (outcome := job.outcome(work.identity))}
    return outcomes


def _not_run(outcomes: Mapping[FitJob, FitOutcome]) -> dict[str, str]:
    return {job.method: outcome.not_run for job, outcome in outcomes.items() if outcome.not_run}


def _summary(opened: OpenHarden, outcomes: Mapping[FitJob, FitOutcome]) -> HardenSummary:
    """Everything that was measured, each classifier once, method by method."""
    plan, dataset, source = opened.plan, opened.plan_before.dataset, opened.plan.fit_dataset
    measured = [outcome.hardened for outcome in outcomes.values() if outcome.hardened]
    once = {entry.sha256: entry for entry in reversed(measured)}
    methods = sorted(once.values(), key=lambda entry: (list(plan.methods).index(entry.method), entry.seed))
    not_run = _not_run(outcomes)
    expect(methods, "a method that the classifier can take", "; ".join(not_run.values()))
    summary = HardenSummary(
        model=plan.classifier.name,
        sha256=plan.classifier.sha256,
        data=f"{dataset.spec}, {dataset.split}",
        fit="images in memory" if source is None else f"{source.spec}, {source.split}",
        n_fit=len(plan.fit.images),
        invariant=plan.group.name,
        elements=plan.elements,
        focus=opened.focus,
        warnings=plan.warnings,
        methods=tuple(methods),
        not_run=not_run,
        provenance=opened.provenance,
    )
    return replace(summary, verdict=verdict_sentence(summary))


def _cases(opened: OpenHarden, best: HardenedMethod) -> dict[str, list[Case]]:
    """Pictures of what the best method does; a wrapper, whose choice they show, may be fitted again for them."""
    after = OrbitPredictions(read_audit(opened.out / best.folder), opened.plan.elements)
    wraps = name_in(best.method) in {kind.method for kind in Wrapper.__subclasses__()}
    hardened = opened.fitted(best.method, best.seed) if wraps else opened.plan.classifier
    return draw_cases(opened.plan_before, opened.before, after, hardened, focus=opened.focus)


class _Pace:
    """Reports what is being done and how much of all is done: an audit, then for each fit itself and its audit."""

    def __init__(self, fits: int, progress: Callable[[HardenProgress], None] | None) -> None:
        self.progress, self.steps, self.done = progress, 1 + 2 * fits, 0
        self.running: dict[FitJob, float] = {}

    def moved(self, job: FitJob, where: HardenProgress) -> None:
        """Say where a fit stands."""
        self.running[job] = where.share
        self.say(where.text, fitting=where.fitting)

    def ended(self, job: FitJob) -> None:
        """Count a fit."""
        self.running.pop(job, None)
        self.done += 2

    def say(self, text: str, share: float = 0.0, *, fitting: bool = False) -> None:
        """Say what is being done, and which share of that step."""
        if self.progress:
            done = self.done + share + 2 * sum(self.running.values())
            self.progress(HardenProgress(text, done / self.steps, fitting))
