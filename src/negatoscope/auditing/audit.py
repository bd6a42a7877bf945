"""An audit from end to end: self-check, one pass, summary, gate, gallery and report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from negatoscope.auditing.compare import read_audit
from negatoscope.auditing.gallery import save_gallery
from negatoscope.auditing.gate import expect_matches, judge, parse_rule
from negatoscope.auditing.page import audit_notebook, write_report
from negatoscope.auditing.page_markdown import audit_markdown
from negatoscope.auditing.plan import AuditConfig, AuditPlan, expect_free, make_plan
from negatoscope.auditing.results import AuditSummary, DatasetSummary, ModelSummary, RunTotals, SelfCheck
from negatoscope.auditing.run import AuditProgress, run_audit
from negatoscope.auditing.self_check import self_check
from negatoscope.auditing.summary import AuditFacts, summarize
from negatoscope.data import DATASETS, Dataset
from negatoscope.data.batches import batches
from negatoscope.data.split import stratified_sample
from negatoscope.documents import write_document
from negatoscope.errors import InputError
from negatoscope.hardware import Hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.provenance import Provenance, record_provenance

_CHECKED = 512  # images of the self-check


@dataclass(frozen=True)
class Gate:
    """What an audit must reach.

    Args:
        rules: Such as "negative=0.9": the lower end of the 95 % interval must reach it.
        baseline: The folder of an earlier audit: a significant loss against it fails.
        max_unreadable: More unreadable images than this fail.
        expect_accuracy: Clean accuracy, in [0, 1], that the self-check asks for; None asks for more than chance.
    """

    rules: Sequence[str] = ()
    baseline: Path | None = None
    max_unreadable: int = 0
    expect_accuracy: float | None = None


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Args:
        summary: Everything, as `summary.json` has it.
        out: The folder with the report, the rows and the figures.
    """

    summary: AuditSummary
    out: Path
    _place: TemporaryDirectory[str] | None = field(default=None, repr=False)

    @property
    def passed(self) -> bool:
        """Whether every rule of the gate holds; true where there is none."""
        return self.summary.gate.passed is not False

    def __str__(self) -> str:
        return audit_markdown(self.summary)

    def _repr_html_(self) -> str:
        return audit_notebook(self.summary)


def audit(
    classifier: ClassifierAdapter,
    dataset: Dataset,
    *,
    transforms: Sequence[str] = (),
    suite: str = "semantic",
    out: Path | None = None,
    choice: AuditConfig | None = None,
    gate: Gate | None = None,
    observe: Callable[[AuditProgress], None] | None = None,
) -> Audit:
    """Ask a classifier about images before and after transforms that keep their meaning.

    Args:
        classifier: What `open_classifier` gives.
        dataset: What `open_dataset` or `load_dataset` gives; its images are read once, in order.
        transforms: Specs to add to the suite's.
        suite: "negative", "semantic" or "all"; "" for none.
        out: Where report, rows and figures go, and where a stopped audit goes on; None is a temporary folder that
            lasts as long as the result.
        choice: A limit, a seed, other meanings; `suite` and `transforms` in it count instead of those above.
        gate: What must be reached.
        observe: Told after each batch how far the audit is.

    Raises:
        InputError: The classifier does not do on the clean images what it should (the sentence says what probably is
            wrong), or something given is unusable.
    """
    chosen = choice or AuditConfig(suite=suite, transforms=transforms)
    place = TemporaryDirectory(prefix="negatoscope-") if out is None else None
    folder = out if out is not None else Path(place.name) / "audit" if place else Path()
    found = run(make_plan(classifier, dataset, chosen), out=folder, gate=gate or Gate(), observe=observe)
    return Audit(found, folder, place)


def run(
    plan: AuditPlan,
    *,
    out: Path,
    gate: Gate,
    provenance: Provenance | None = None,
    observe: Callable[[AuditProgress], None] | None = None,
) -> AuditSummary:
    """The audit of a plan, written to `out`.

    Raises:
        InputError: As `audit` says.
    """
    expect_usable(plan, out=out, gate=gate)
    checked = check(plan, expected=gate.expect_accuracy)
    totals = run_audit(plan, out=out, observe=observe)
    provenance = provenance or record_provenance(
        command="negatoscope.audit",
        hardware=Hardware(plan.classifier.device, "float32").description,
        data=[plan.dataset.provenance],
    )
    rows = out / "rows.parquet"
    summary = summarize(rows, _facts(plan, checked, totals, provenance))
    result = judge(summary, rows=rows, rules=gate.rules, baseline=gate.baseline, max_unreadable=gate.max_unreadable)
    summary = replace(summary, gate=result)
    save_gallery(plan, out=out)
    write_report(out, summary)
    write_document(out / "provenance.json", summary.provenance)
    write_document(out / "summary.json", summary)
    return summary


def expect_usable(plan: AuditPlan, *, out: Path, gate: Gate) -> None:
    """Refuse before anything is asked or written what would be refused in the end.

    Raises:
        InputError: A rule is malformed or on what is not audited, the earlier audit is not finished or of other
            classes, a number is out of range, or `out` holds something else.
    """
    expect_free(out, plan)
    expect_matches([parse_rule(text) for text in gate.rules], plan.steps)
    if gate.expect_accuracy is not None and not 0 <= gate.expect_accuracy <= 1:
        raise InputError(f"expected --expect-accuracy in [0, 1], got {gate.expect_accuracy}")
    if gate.baseline is None:
        return
    earlier = read_audit(gate.baseline).summary.dataset
    if earlier.class_names != plan.dataset.class_names:
        raise InputError(
            f"expected a baseline on the classes of {plan.dataset.spec}, got one on {earlier.spec}; give another"
        )


def check(plan: AuditPlan, *, expected: float | None) -> SelfCheck:
    """Whether the classifier knows clean images at all.

    Raises:
        InputError: It is at chance or below `expected`; the sentence says what probably is wrong.
    """
    chosen = stratified_sample(plan.dataset.labels, limit=min(_CHECKED, len(plan.dataset)), seed=0)
    dataset = plan.dataset.take(chosen, split=plan.dataset.split)
    parts = list(batches(dataset, plan.classifier.input_spec.resize, batch_size=plan.batch_size))
    pixels = np.concatenate([part.pixels for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    if len(labels) == 0:
        raise InputError(f"expected images in {plan.dataset.spec}, but none of the first {len(chosen)} can be read")
    checked = self_check(plan.classifier, pixels, labels, expected=expected)
    if not checked.passed:
        raise InputError(f"expected {plan.classifier.name} to read clean images, but {checked.suggestion}")
    return checked


def _facts(plan: AuditPlan, checked: SelfCheck, totals: RunTotals, provenance: Provenance) -> AuditFacts:
    classifier, dataset = plan.classifier, plan.dataset
    published = dataset.name in DATASETS.names()
    return AuditFacts(
        model=ModelSummary(
            name=classifier.name,
            kind=classifier.kind,
            sha256=classifier.sha256,
            classes=classifier.input_spec.classes,
            input_spec=classifier.input_spec,
            runs_code=classifier.runs_code,
        ),
        dataset=DatasetSummary(
            spec=dataset.spec,
            split=dataset.split,
            available=plan.available,
            limit=plan.choice.limit,
            prepared=dataset.prepared,
            official=dataset.official if published else None,  # of a user's own files nothing is published
            files={file.name: file.sha256 for file in dataset.files},
            class_names=dataset.class_names,
        ),
        suite=plan.suite,
        self_check=checked,
        transforms=plan.steps,
        totals=totals,
        provenance=provenance,
    )
