"""The run of hardening: audit, fit, audit again, and what changed."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from negatoscope.auditing.audit import expect_usable, run_audit
from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.run import AuditProgress
from negatoscope.data.batches import batches
from negatoscope.documents import write_document
from negatoscope.errors import InputError, NegatoscopeError, OutputError, expect
from negatoscope.files import expect_free, locked, remove_all, remove_leftovers
from negatoscope.hardening.cost import cost_of_file, measure_cost
from negatoscope.hardening.drop_in import DropIn, write_drop_in
from negatoscope.hardening.invariant_stem import InvariantStem
from negatoscope.hardening.page import write_harden_report
from negatoscope.hardening.pictures import Case, draw_cases
from negatoscope.hardening.plan import HardenPlan
from negatoscope.hardening.proof import OrbitPredictions, measure_method
from negatoscope.hardening.result import HardenedMethod, HardenResult, HardenSummary
from negatoscope.hardening.text import verdict_sentence
from negatoscope.hardening.wrapper import WrappedClassifier
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import to_images
from negatoscope.provenance import Provenance
from negatoscope.types import Images

DOCUMENT = "harden.json"
"""Written last: its presence means complete."""

BEFORE = "before"
"""The folder of the audit of the classifier as it came."""


@dataclass(frozen=True)
class HardenProgress:
    """Where hardening stands: what is being done, how much of all is done, from 0 to 1, and whether it is a fit."""

    text: str
    share: float
    fitting: bool = False


def run_harden(
    plan: HardenPlan,
    *,
    out: Path,
    provenance: Provenance,
    progress: Callable[[HardenProgress], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> HardenResult:
    """Harden a classifier as planned, with report and audits in `out`.

    What was audited is not audited again where a stopped run is repeated; fits are made again, to the same weights.

    Args:
        plan: What is done.
        out: The folder.
        provenance: Where the result comes from.
        progress: Called with what is being done, and how much of all is done.
        warn: Called before anything is fitted with what a user must know.

    Raises:
        OutputError: `out` cannot be written or holds something else.
        InputError: The classifier gives NaN or is no better than chance, or a method cannot take it.
    """
    if not (out / BEFORE).is_dir() and not (out / DOCUMENT).is_file():
        expect_free(out, own=(".lock",), what="a hardened model")
    run = _Run(plan, out, provenance, progress)
    expect_usable(run.plan_before, out=out / BEFORE)
    if warn:
        for sentence in plan.warnings:
            warn(f"Warning: {sentence}.")
    with locked(out):
        remove_leftovers([out, *out.glob("after-*")])
        remove_all([out / DOCUMENT])
        run.begin(warn)
        for method in plan.methods:
            for seed in range(plan.seeds):
                run.harden(method, seed)
        expect(run.methods, "a method that the classifier can take", "; ".join(run.not_run.values()))
        result = run.result()
        write_harden_report(out, result.summary, run.cases(result))
        write_document(out / DOCUMENT, result.summary)
    return result


class _Run:
    """What is known so far, method by method."""

    def __init__(
        self, plan: HardenPlan, out: Path, provenance: Provenance, progress: Callable[[HardenProgress], None] | None
    ) -> None:
        self.plan, self.out, self.provenance, self.progress = plan, out, provenance, progress
        self.plan_before = plan.audit(plan.classifier)
        self.methods: list[HardenedMethod] = []
        self.classifiers: list[ClassifierAdapter] = []
        self.not_run: dict[str, str] = {}
        self.done, self.steps = 0, 1 + 2 * len(plan.methods) * plan.seeds

    def begin(self, warn: Callable[[str], None] | None) -> None:
        """Audit the classifier as it came."""
        self.before = OrbitPredictions(self._audit(self.plan_before, BEFORE, warn), self.plan.elements)
        rates = {spec: self.before.audited.transforms[spec].accuracy for spec in self.plan.elements}
        known = {spec: accuracy for spec, accuracy in rates.items() if accuracy is not None}
        self.focus = "negative" if "negative" in known else min(known, key=lambda spec: known[spec])

    def harden(self, method: str, seed: int) -> None:
        """Fit a method and measure it, unless it is what another seed gave, or one of "all" that is not for it."""
        began, plan = time.perf_counter(), self.plan
        self._say(f"{method}: fitting", fitting=True)

        def say(line: str) -> None:
            self._say(f"{method}: {line}", fitting=True)

        try:
            hardened = plan.methods[method](plan.classifier, plan.fit, plan.group, seed=seed, progress=say)
        except InputError as error:
            if not plan.every:
                raise
            self.not_run[method] = str(error)
            self.done += 2
            return
        seconds = time.perf_counter() - began
        self.done += 1
        if hardened.sha256 in [entry.sha256 for entry in self.methods]:
            self.done += 1
            return
        self._measure(method, seed, hardened, seconds)

    def _measure(self, method: str, seed: int, hardened: ClassifierAdapter, seconds: float) -> None:
        folder = "after-" + re.sub(r"[^\w.-]+", "_", method).strip("_") + (f"-seed-{seed}" if seed else "")
        audited = self._audit(self.plan.audit(hardened), folder)
        measured = measure_method(self.before, OrbitPredictions(audited, self.plan.elements), focus=self.focus)
        cost = measure_cost(self.plan.classifier, hardened, self._images())
        self._say(f"{method}: writing files")
        drop_in, no_file = self._write(hardened, self.out / folder)
        if drop_in and hardened.kind == "onnx":
            cost = cost_of_file(cost, drop_in.before, drop_in.after, ratio=drop_in.slowdown)
        self.classifiers.append(hardened)
        self.methods.append(
            HardenedMethod(
                **vars(measured),
                method=method,
                seed=seed,
                folder=folder,
                sha256=hardened.sha256,
                by_construction=by_construction(hardened),
                seconds_fit=seconds,
                inference_cost=cost.ratio,
                cost=cost,
                drop_in=drop_in,
                no_file=no_file,
            )
        )

    def _write(self, hardened: ClassifierAdapter, folder: Path) -> tuple[DropIn | None, str]:
        """Files that take the classifier's place, or why there are none."""
        try:
            plan = self.plan
            return write_drop_in(hardened, source=plan.source, out=folder, original=plan.classifier), ""
        except OutputError:
            raise
        except NegatoscopeError as error:
            return None, str(error)

    def result(self) -> HardenResult:
        """Everything that was measured."""
        plan, dataset = self.plan, self.plan_before.dataset
        source = plan.fit_dataset
        summary = HardenSummary(
            model=plan.classifier.name,
            sha256=plan.classifier.sha256,
            data=f"{dataset.spec}, {dataset.split}",
            fit="images in memory" if source is None else f"{source.spec}, {source.split}",
            n_fit=len(plan.fit.images),
            invariant=plan.group.name,
            elements=plan.elements,
            focus=self.focus,
            warnings=plan.warnings,
            methods=tuple(self.methods),
            not_run=self.not_run,
            provenance=self.provenance,
        )
        return HardenResult(replace(summary, verdict=verdict_sentence(summary)), tuple(self.classifiers), self.out)

    def cases(self, result: HardenResult) -> dict[str, list[Case]]:
        """Pictures of what the best method does."""
        self._say("drawing images")
        audited = read_audit(self.out / result.summary.best.folder)
        after = OrbitPredictions(audited, self.plan.elements)
        return draw_cases(self.plan_before, self.before, after, result.classifier, focus=self.focus)

    def _audit(self, plan: AuditPlan, name: str, warn: Callable[[str], None] | None = None) -> AuditResult:
        def moved(progress: AuditProgress) -> None:
            share = progress.images / max(1, progress.total)
            self._say(f"{name}: {progress.images:,} of {progress.total:,} images", share)

        audited = run_audit(plan, out=self.out / name, provenance=self.provenance, progress=moved, warn=warn)
        self.done += 1
        return audited

    def _images(self) -> Images:
        """The first batch of the images that judge."""
        plan = self.plan_before
        resize = plan.classifier.input_spec.resize
        batch = next(iter(batches(plan.dataset, resize, batch_size=plan.batch_size)))
        return to_images(torch.from_numpy(batch.pixels).to(plan.classifier.device))

    def _say(self, text: str, share: float = 0.0, *, fitting: bool = False) -> None:
        if self.progress:
            self.progress(HardenProgress(text, (self.done + share) / self.steps, fitting))


def by_construction(hardened: ClassifierAdapter) -> bool:
    """Whether all images of an orbit get the same prediction, whatever the weights and the image are."""
    if isinstance(hardened, WrappedClassifier):
        return hardened.wrapper.by_construction
    return hardened.module is not None and any(isinstance(layer, InvariantStem) for layer in hardened.module.modules())
