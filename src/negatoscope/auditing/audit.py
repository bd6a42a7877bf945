"""An audit from end to end: self-check, one pass, summary, gate, gallery and report."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

from negatoscope.attacks import ATTACKS, resolve_attack
from negatoscope.auditing.arguments import (
    Named,
    as_file,
    as_folder,
    as_texts,
    expect_named,
    given_settings,
    in_folder,
    open_labeled,
    open_model,
    provenance_of,
)
from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.failures import write_failures
from negatoscope.auditing.folder import expect_free_for
from negatoscope.auditing.gallery import save_gallery
from negatoscope.auditing.gate import judge, parse_baseline_on, parse_rule, parse_rules
from negatoscope.auditing.images_table import write_images
from negatoscope.auditing.page import write_report
from negatoscope.auditing.plan import PLAN, REPORT, AuditConfig, AuditPlan, make_plan
from negatoscope.auditing.results import SUMMARY
from negatoscope.auditing.run import AuditProgress, Stage, run_pass
from negatoscope.auditing.self_check import check_clean
from negatoscope.auditing.summary import summarize
from negatoscope.auditing.verdict import verdict_sentence
from negatoscope.documents import write_document
from negatoscope.errors import expect
from negatoscope.executors import LOCAL, Execution, using_threads
from negatoscope.files import locked, remove_all
from negatoscope.hardware import pick_hardware
from negatoscope.memory import release_freed_memory
from negatoscope.models.options import expect_known
from negatoscope.pixels import DecodeSpec
from negatoscope.provenance import Provenance, python_call
from negatoscope.registry import name_in
from negatoscope.rows import read_rows
from negatoscope.stores import path_of, place_of
from negatoscope.transforms import describe_transform
from negatoscope.transforms.suites import suite as load_suite

Progress = Callable[[AuditProgress], None]


def audit(  # noqa: PLR0913 (the options of the command line)
    model: object,
    data: Any,
    *,
    labels: str | Path | None = None,
    label_columns: str | Sequence[str] = (),
    suite: str = "semantic",
    transforms: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    label_preserving: str | Path | None = None,
    fail_under: Sequence[str] = (),
    baseline: str | Path | None = None,
    baseline_on: Sequence[str] = (),
    tolerance: float = 0.0,
    max_unreadable: int = 0,
    expect_accuracy: float | None = None,
    no_self_check: bool = False,
    no_report: bool = False,
    keep_names: bool = False,
    bits: int | None = None,
    window: tuple[float, float] | str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str = "auto",
    data_dir: str | Path | None = None,
    executor: str = "local",
    workers: int | None = None,
    address: str = "",
    threads: int | None = None,
    progress: Progress | None = None,
    **options: object,
) -> AuditResult:
    """Test a classifier on images before and after label-preserving transforms.

    Args:
        model: What `open_classifier` takes, or what it gives.
        data: What `open_dataset` takes (a path, ``(images, labels)``, a torch Dataset or DataLoader, a Hugging Face
            dataset), or what it or `load_dataset` gives; its images are read in order.
        labels: What labels the images of a folder or an archive: a table beside them, or a pattern of file names.
        label_columns: The table's columns with file names, labels and perhaps objects, where not found by their names.
        suite: "negative", "semantic" or "all"; "none" for `transforms` alone, or for clean images alone.
        transforms: Specs to add to the suite's.
        limit: At most this many images, each class in proportion; None is all.
        seed: Decides which.
        label_preserving: A TOML file of the classes that keep their label, over what the package holds.
        fail_under: The gate's rules, such as "negative=0.9": the lower end of the 95 % interval must reach it.
        baseline: The folder of an earlier audit: a significant loss against it fails.
        baseline_on: What must not fall against it, such as "negative,clean"; empty is clean and every label-preserving
            transform, each once.
        tolerance: The loss, in [0, 1], that does not fail however significant.
        max_unreadable: More unreadable images than this fail.
        expect_accuracy: The clean accuracy, in [0, 1], below which nothing is audited; None: chance.
        no_self_check: Whether to audit settings that the self-check would stop, and to try no others.
        no_report: Whether rows and summary are all that is written, without page, figures, pictures of failures and
            their table.
        keep_names: Whether `images.parquet` names the files of private data, whose images are numbered elsewhere.
        bits: How many of their 16 bits gray images use, 8 to 16, where their files do not say; None is all.
        window: Center and width of the values that become black to white, or a text such as "40,400"; None is all.
        out: Where report, rows and figures go, a folder or a URL, and from where a stopped audit resumes; None is a
            temporary folder that lasts as long as the result, as the copy does that a result at a URL has.
        overwrite: Whether another audit that `out` holds makes room; this one resumes all the same.
        device: Where a model that is opened here lives: "auto", "cpu", "cuda", "cuda:1" or "mps".
        data_dir: A folder to look into first for named datasets.
        executor: Where parts of the images are classified: "local" is this process, "processes" are others on this
            machine, "ray" is a Ray cluster. Others open model and data themselves, so both must be named by a text.
        workers: How many parts at once; None is as many as there are processors for.
        address: Of a Ray cluster, such as "10.0.0.1:6379"; "" starts one on this machine.
        threads: Of each part, which may decide last bits; None is one, and in this process as many as torch takes.
        progress: Called after each batch, and before each stage, with how far the audit is.
        options: What the model's file does not say, by the names of `ModelOptions`, as in ``size=28, mean=0.1307``.

    Raises:
        InputError: The classifier fails the self-check (the sentence says what probably is wrong), or something given
            is unusable.
        JobsError: Parts failed three times; all others are done, and the same call tries them again.
    """
    expect_known(options, signature(audit).parameters)
    picked = pick_hardware(device, "float32").device
    execution = Execution(executor, workers, address, threads, gpus=int(picked.type == "cuda"))
    config = AuditConfig(
        suite=suite,
        transforms=as_texts(transforms),
        limit=limit,
        seed=seed,
        label_preserving=as_file(label_preserving),
        fail_under=as_texts(fail_under),
        baseline=baseline,
        baseline_on=as_texts(baseline_on),
        tolerance=tolerance,
        max_unreadable=max_unreadable,
        expect_accuracy=expect_accuracy,
        no_self_check=no_self_check,
        no_report=no_report,
        overwrite=overwrite,
        keep_names=keep_names,
        bits=bits,
        window=window,
        threads=execution.threads,
    )
    expect_possible(config)
    beside: dict[str, Any] = {"labels": labels, "label_columns": label_columns}
    dataset = open_labeled(data, data_dir=as_folder(data_dir), **beside)
    names = dataset.class_names
    named = Named.of(model, data, options=options, data_dir=as_folder(data_dir), device=str(picked), **beside)
    expect_named(named, execution)
    with using_threads(execution.threads):
        classifier = open_model(model, device=device, options=options, data_classes=len(names), class_names=names)
        plan = make_plan(classifier, dataset, config, named)
    shown_data = data if isinstance(data, str | Path) else dataset
    given = {name: value for name, value in beside.items() if value} | given_settings(config)
    command = python_call("negatoscope.audit", model, shown_data, **given, **options)
    with using_threads(execution.threads):
        provenance = provenance_of(classifier, dataset, command=command)
        return in_folder(
            out,
            lambda folder: run_audit(plan, out=folder, provenance=provenance, progress=progress, execution=execution),
        )


def run_audit(
    plan: AuditPlan,
    *,
    out: Path,
    provenance: Provenance,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
    execution: Execution = LOCAL,
) -> AuditResult:
    """The audit of a plan, written to `out`.

    Args:
        plan: What is audited.
        out: The folder.
        provenance: Where the result comes from.
        progress: Called after each batch, and before each stage, with how far the audit is.
        warn: Called before the pass with what the self-check suggests, if it does.
        execution: Where parts of the images are classified.

    Raises:
        InputError: As `audit` says.
        JobsError: As `audit` says.
    """

    def begin(stage: Stage, images: int = len(plan.dataset)) -> None:
        if progress:
            progress(AuditProgress(images, len(plan.dataset), stage=stage))

    expect_usable(plan, out=out)
    begin("self_check", 0)
    self_check, decoded = check_clean(plan)
    if warn and self_check.suggestion:
        warn(f"Warning: {self_check.suggestion}.")
    with locked(out):  # until all is written: who has it next removes what is not
        totals = run_pass(plan, out=out, progress=progress, execution=execution)
        release_freed_memory()
        begin("summary")
        summary = summarize(out / "rows.parquet", plan, self_check=self_check, totals=totals, provenance=provenance)
        summary = replace(summary, gate=judge(AuditResult(summary, out), plan.config))
        summary = replace(summary, verdict=verdict_sentence(summary))
        release_freed_memory()
        write_images(out, plan)
        if plan.config.no_report:
            remove_all(out / name for name in REPORT)  # of an earlier run, which may have had other rules
        else:
            begin("gallery")
            save_gallery(plan, write_failures(out, plan), out=out, decoded=decoded)
            begin("report")
            write_report(out, summary)
        write_document(out / "provenance.json", provenance)
        write_document(out / SUMMARY, summary)
    return AuditResult(summary, out)


def expect_possible(config: AuditConfig) -> None:
    """Refuse, before any image or model is opened, what suits none.

    Raises:
        InputError: A number is out of range, a rule is malformed, or two settings contradict each other.
        SpecError: A suite or a transform is unknown.
    """
    for option, number in (("--seed", config.seed), ("--max-unreadable", config.max_unreadable)):
        expect(number >= 0, f"{option} of at least 0", number)
    expect(config.limit is None or config.limit >= 1, "--limit of at least 1", config.limit)
    expected = config.expect_accuracy
    expect(expected is None or 0 <= expected <= 1, "--expect-accuracy in [0, 1]", expected)
    given = config.baseline_on or config.tolerance
    expect(config.baseline is not None or not given, "--baseline with --baseline-on and --tolerance", "none; give it")
    expect(0 <= config.tolerance <= 1, "--tolerance, a difference of accuracies, in [0, 1]", config.tolerance)
    both = config.no_self_check and expected is not None
    expect(not both, "--expect-accuracy or --no-self-check", "both; leave one out")
    DecodeSpec.of(config.bits, config.window)
    if config.suite != "none":
        load_suite(config.suite)
    for text in config.transforms:
        (resolve_attack if name_in(text) in ATTACKS.names() else describe_transform)(text)
    for text in config.fail_under:
        parse_rule(text)


def expect_usable(plan: AuditPlan, *, out: Path) -> None:
    """Refuse before any image is classified or anything is written what would be refused in the end.

    Raises:
        InputError: A rule is malformed or on what is not audited, the earlier audit is not finished, of other classes
            or in `out`, a number is out of range, or `out` holds something else.
    """
    config = plan.config
    expect_free_for(out, plan)
    expect_possible(config)
    parse_rules(config.fail_under, plan.transforms)
    parse_baseline_on(config.baseline_on, plan.transforms)
    if config.baseline is not None:
        baseline = read_audit(config.baseline)
        earlier = baseline.summary.dataset
        plan_file = place_of(out / PLAN)  # in a store, of which `out` and the baseline are two copies here
        target = plan_file.parent if plan_file else out
        apart = path_of(config.baseline) != target and baseline.out.resolve() != out.resolve()
        expect(apart, f"--baseline in another folder than --out {target}", "the same; keep a copy of the earlier audit")
        read_rows(baseline.out / "rows.parquet", columns=["sample"])  # which the gate reads in the end
        same = earlier.class_names == plan.dataset.class_names
        expect(same, f"a baseline on the classes of {plan.dataset.spec}", f"one on {earlier.spec}; give another")
