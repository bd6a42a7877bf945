"""One fit of one method: made, audited, written and measured, in this process or in another one."""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from negatoscope.auditing.audit import run_audit
from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.folder import expect_same
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.run import AuditProgress
from negatoscope.data.batches import batches
from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError, InputError, NegatoscopeError, OutputError
from negatoscope.executors import Tell
from negatoscope.files import remove_all
from negatoscope.hardening.cost import cost_of_file, measure_cost
from negatoscope.hardening.drop_in import ONNX, TENSORS, DropIn, write_drop_in
from negatoscope.hardening.guarantee import guarantee
from negatoscope.hardening.plan import HardenIdentity, HardenPlan, NamedHarden
from negatoscope.hardening.proof import OrbitPredictions, measure_method
from negatoscope.hardening.result import HardenedMethod
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import to_images
from negatoscope.provenance import Provenance
from negatoscope.types import Images

BEFORE = "before"
"""The folder of the audit of the classifier as it came."""

FITS = "fits"
"""The folder of what each fit came to."""

KEEPS = (f"{FITS}/",)
"""How the names of files begin that a hardening resumes from, besides those of its audits."""


@dataclass(frozen=True)
class HardenProgress:
    """Where hardening stands: what is being done, how much of all is done, from 0 to 1, and whether it is a fit."""

    text: str
    share: float
    fitting: bool = False


@dataclass(frozen=True, kw_only=True)
class FitOutcome:
    """What a fit came to.

    Args:
        identity: What it was made of.
        hardened: What was measured; None where another fit gave the same classifier, or the method cannot take it.
        not_run: Why it cannot.
    """

    schema: Literal[2] = 2
    identity: HardenIdentity
    hardened: HardenedMethod | None = None
    not_run: str = ""


@dataclass(frozen=True)
class FitJob:
    """A method that is to be fitted and measured.

    Args:
        out: The folder of everything.
        method: Its spec.
        seed: Of the fit.
        known: The sha256 of what other fits gave, which is not measured again.
    """

    out: Path
    method: str
    seed: int
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method}, seed {self.seed}"

    @property
    def folder(self) -> str:
        """Where its audit and its files are."""
        return "after-" + re.sub(r"[^\w.-]+", "_", self.method).strip("_") + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def file(self) -> Path:
        """Written last: what it came to."""
        return self.out / FITS / f"{self.folder}.json"

    def outcome(self, identity: HardenIdentity) -> FitOutcome | None:
        """What it came to; None where it has not ended, or was of something else."""
        found = read_outcome(self.file)
        if found is None or found.identity != identity:
            return None
        measured = self.out / found.hardened.folder / "summary.json" if found.hardened else self.file
        return found if measured.is_file() else None


def read_outcome(file: Path) -> FitOutcome | None:
    """What a fit came to; None where it has not ended, or the file is damaged: then it is made again."""
    with suppress(DataError):
        return read_document(file, FitOutcome, what="what a fit came to", make="delete it")
    return None


class OpenHarden:
    """A plan with what its jobs share.

    Args:
        plan: What is done.
        out: The folder.
        provenance: Where the result comes from.
        keep: Whether what methods make is kept in memory.
    """

    def __init__(self, plan: HardenPlan, out: Path, provenance: Provenance, *, keep: bool = False) -> None:
        self.plan, self.out, self.provenance, self.keep = plan, out, provenance, keep
        self.plan_before = plan.audit(plan.classifier)
        self.made: dict[tuple[str, int], ClassifierAdapter] = {}

    @cached_property
    def before(self) -> OrbitPredictions:
        """Of the classifier as it came, once that was audited."""
        return OrbitPredictions(read_audit(self.out / BEFORE), self.plan.elements)

    @cached_property
    def focus(self) -> str:
        """The negative, or else the element under which accuracy is lowest."""
        rates = {spec: self.before.audited.transforms[spec].accuracy for spec in self.plan.elements}
        known = {spec: accuracy for spec, accuracy in rates.items() if accuracy is not None}
        return "negative" if "negative" in known else min(known, key=lambda spec: known[spec])

    def fitted(self, method: str, seed: int, say: Callable[[str], None] = lambda line: None) -> ClassifierAdapter:
        """What a method makes of the classifier; what was not kept is fitted again, to the same weights.

        Raises:
            InputError: The method cannot take it.
        """
        if (method, seed) in self.made:
            return self.made[method, seed]
        plan = self.plan
        hardened = plan.methods[method](plan.classifier, plan.fit, plan.group, seed=seed, progress=say)
        if self.keep:
            self.made[method, seed] = hardened
        return hardened

    def audit(
        self,
        plan: AuditPlan,
        name: str,
        say: Callable[[str, float], None],
        warn: Callable[[str], None] | None = None,
    ) -> AuditResult:
        """An audit in a folder of that name; `say` is called with how far it is, `warn` as `run_audit` says."""

        def moved(progress: AuditProgress) -> None:
            share = progress.images / max(1, progress.total)
            say(f"{name}: {progress.images:,} of {progress.total:,} images", share)

        return run_audit(plan, out=self.out / name, provenance=self.provenance, progress=moved, warn=warn)

    @property
    def images(self) -> Images:
        """The first batch of images that judge of which one can be read."""
        plan = self.plan_before
        read = batches(plan.dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size)
        pixels = next(batch.pixels for batch in read if len(batch.pixels))
        return to_images(torch.from_numpy(pixels).to(plan.classifier.device))


class MadeClassifiers(Sequence[ClassifierAdapter]):
    """What methods made; each that this process has not made is fitted again when it is first asked for.

    Args:
        opened: Fits.
        methods: Which.
    """

    def __init__(self, opened: OpenHarden, methods: Sequence[HardenedMethod]) -> None:
        self.opened, self.methods = opened, methods

    def __len__(self) -> int:
        return len(self.methods)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return MadeClassifiers(self.opened, self.methods[index])
        return self.opened.fitted(self.methods[index].method, self.methods[index].seed)


@dataclass(frozen=True)
class HardenWork:
    """What the fits of a hardening have in common, as plain data.

    Args:
        named: The model and the images; None only where this process has them open.
        identity: What a hardening of these must be, on every machine.
        out: The folder.
        provenance: Where the result comes from.
    """

    named: NamedHarden | None
    identity: HardenIdentity
    out: Path
    provenance: Provenance

    def open(self) -> OpenHarden:
        """The plan.

        Raises:
            InputError: Something cannot be opened, or is another one on this machine.
        """
        assert self.named, "expect_named refused what has no text"
        plan = self.named.open()
        expect_same(self.identity, plan.identity)
        return OpenHarden(plan, self.out, self.provenance)

    def run(self, opened: OpenHarden, job: FitJob, tell: Tell) -> None:
        """Fit a method and measure it, unless it gives what another fit gave, or is one of "all" that is not for it."""
        began, method = time.perf_counter(), job.method
        tell(HardenProgress(f"{method}: fitting", 0.0, fitting=True))
        try:
            hardened = opened.fitted(
                method, job.seed, lambda line: tell(HardenProgress(f"{method}: {line}", 0.0, fitting=True))
            )
        except InputError as error:
            if not opened.plan.every:
                raise
            write_document(job.file, FitOutcome(identity=self.identity, not_run=str(error)))
            return
        seconds = time.perf_counter() - began
        measured = None if hardened.sha256 in job.known else _measure(opened, job, hardened, seconds, tell)
        write_document(job.file, FitOutcome(identity=self.identity, hardened=measured))


def _measure(
    opened: OpenHarden, job: FitJob, hardened: ClassifierAdapter, seconds: float, tell: Tell
) -> HardenedMethod:
    """Audit what a method made, write the files that take the classifier's place, and count what that costs."""
    plan, folder = opened.plan, job.folder
    audited = opened.audit(
        plan.audit(hardened), folder, lambda text, share: tell(HardenProgress(text, 0.5 + share / 2))
    )
    measured = measure_method(opened.before, OrbitPredictions(audited, plan.elements), focus=opened.focus)
    cost = measure_cost(plan.classifier, hardened, opened.images)
    tell(HardenProgress(f"{job.method}: writing files", 1.0))
    drop_in, no_file = _write(hardened, plan, opened.out / folder)
    if drop_in and hardened.kind == "onnx":
        cost = cost_of_file(cost, drop_in.before, drop_in.after, ratio=drop_in.slowdown)
    return HardenedMethod(
        **vars(measured),
        method=job.method,
        seed=job.seed,
        folder=folder,
        sha256=hardened.sha256,
        by_construction=guarantee(hardened, plan.group)[0],
        seconds_fit=seconds,
        inference_cost=cost.ratio,
        cost=cost,
        drop_in=drop_in,
        no_file=no_file,
    )


def _write(hardened: ClassifierAdapter, plan: HardenPlan, folder: Path) -> tuple[DropIn | None, str]:
    """Files that take the classifier's place, or why there are none; those of another fit are removed."""
    remove_all(folder / name for name in (ONNX, TENSORS))
    try:
        return write_drop_in(hardened, source=plan.source, out=folder, original=plan.classifier), ""
    except OutputError:
        raise
    except NegatoscopeError as error:
        return None, str(error)
