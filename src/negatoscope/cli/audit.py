"""`negatoscope audit`: does a classifier still see what a person sees?"""

import sys
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negatoscope.cli.checks import LAST_SEED, within
from negatoscope.cli.compare import show_comparison
from negatoscope.cli.dry_run import show_dry_runs
from negatoscope.cli.execution import execution_of, with_execution
from negatoscope.cli.loading import loading
from negatoscope.cli.options import (
    Bits,
    Context,
    DataDir,
    Device,
    DryRunOption,
    ExpectAccuracy,
    LabelColumns,
    LabelPreserving,
    Labels,
    Limit,
    NoSelfCheck,
    Window,
    command_line,
    flag,
    option,
    settings_of,
)
from negatoscope.cli.show import Format, show
from negatoscope.cli.stopping import nothing_kept
from negatoscope.cli.unlabeled import classify_and_show, expect_none_given
from negatoscope.errors import InputError, expect

if TYPE_CHECKING:
    from negatoscope.auditing.arguments import Named
    from negatoscope.auditing.audit_result import AuditResult
    from negatoscope.auditing.plan import AuditConfig, AuditPlan
    from negatoscope.data import Dataset
    from negatoscope.executors import Execution
    from negatoscope.hardware import Hardware
    from negatoscope.models.adapter import ClassifierAdapter

Model = Annotated[
    list[str],
    typer.Argument(
        help="model.onnx, model.pt2, weights.safetensors or a folder, or a URL; package.module:factory, or timm:NAME; "
        "of several, each is audited and all are compared."
    ),
]
Data = Annotated[
    str,
    option(
        "DATA", "mnist:test, or path or URL of a folder, .zip or .tar of class folders, .parquet, .npz, WebDataset."
    ),
]
MODEL_PANEL = "What the model expects, where its file does not say"
_input_option = partial(option, panel=MODEL_PANEL)
_gate_option = partial(option, panel="Gate: exit code 1")


@with_execution
def audit(
    context: Context,
    model: Model,
    data: Data,
    suite: Annotated[
        str, option("NAME", "negative, semantic, all, or none: --transform or clean images alone.")
    ] = "semantic",
    transform: Annotated[
        list[str] | None, option("SPEC", 'One more, such as "gamma(exponent=2.0)"; repeatable.')
    ] = None,
    labels: Labels = "",
    label_columns: LabelColumns = "",
    limit: Limit = None,
    seed: Annotated[
        int,
        option("NUMBER", "Seed for choosing the images and for every draw of an attack.", check=within(0, LAST_SEED)),
    ] = 0,
    label_preserving: LabelPreserving = "",
    out: Annotated[
        str,
        option("FOLDER", "The folder or URL of the report; an audit that was stopped resumes from there."),
    ] = "out/audit",
    overwrite: Annotated[bool, flag("--overwrite", "Replace another audit that is there; this one resumes.")] = False,
    name: Annotated[str, option("NAME", "The model's name in tables; by default its file's.")] = "",
    weights: Annotated[str, option("FILE", "The factory's weights: safetensors, or a state dict.")] = "",
    weights_key: Annotated[
        str, option("NAME", "Where in that file the weights are, if it holds more: state_dict.")
    ] = "",
    config: Annotated[str, _input_option("FILE", "A TOML file with the options below.")] = "",
    size: Annotated[str, _input_option("SIZE", "28 or 224x160 (height x width).")] = "",
    channels: Annotated[str, _input_option("NAME", "gray or rgb.")] = "",
    channel_order: Annotated[str, _input_option("NAME", "RGB or BGR.")] = "",
    layout: Annotated[str, _input_option("NAME", "NCHW, NHWC, NHW, flat or flat-NHWC.")] = "",
    range: Annotated[str, _input_option("RANGE", "0..1, 0..255 or -1..1.")] = "",
    mean: Annotated[str, _input_option("NUMBERS", "Subtracted from that, as in 0.485,0.456,0.406.")] = "",
    std: Annotated[str, _input_option("NUMBERS", "Then divided by.")] = "",
    interpolation: Annotated[str, _input_option("NAME", "bilinear, box, bicubic or nearest.")] = "",
    resize_mode: Annotated[str, _input_option("NAME", "stretch, or crop to the center of the image.")] = "",
    crop_pct: Annotated[
        float | None,
        _input_option("NUMBER", "Share of the short side that a crop keeps: 0.875.", check=within(0, 1, above=True)),
    ] = None,
    output: Annotated[str, _input_option("NAME", "logits (the default), probabilities or log_probabilities.")] = "",
    output_name: Annotated[str, _input_option("NAME", "The output with the classes, where there are several.")] = "",
    classes: Annotated[int | None, _input_option("NUMBER", "How many outputs there are.", check=within(2))] = None,
    class_map: Annotated[
        str,
        _input_option(
            "NUMBERS", "The output of each class of the data: 1,2,3, or a text file with the outputs' names."
        ),
    ] = "",
    batch: Annotated[
        int | None, _input_option("NUMBER", "How many images it takes at once, where that is fixed.", check=within(1))
    ] = None,
    dtype: Annotated[
        str, _input_option("NAME", "float32 (the default), float16, float64, uint8, int32 or int64.")
    ] = "",
    provider: Annotated[
        str, _input_option("NAME", "Of onnxruntime: CUDAExecutionProvider; by default the CPU's.")
    ] = "",
    fail_under: Annotated[
        list[str] | None,
        _gate_option("RULE", 'Such as "negative=0.9": a bound on the lower end of the interval; repeatable.'),
    ] = None,
    baseline: Annotated[
        str | None, _gate_option("FOLDER", "The folder of an earlier audit: a significant loss fails.")
    ] = None,
    baseline_on: Annotated[
        list[str] | None,
        _gate_option(
            "NAMES", "What must not fall against it: negative,clean; by default clean and all label-preserving."
        ),
    ] = None,
    tolerance: Annotated[
        float, _gate_option("NUMBER", "A loss up to this, in [0, 1], does not fail: 0.005.", check=within(0, 1))
    ] = 0.0,
    max_unreadable: Annotated[
        int, _gate_option("NUMBER", "More unreadable images than this fail.", check=within(0))
    ] = 0,
    expect_accuracy: ExpectAccuracy = None,
    no_report: Annotated[
        bool,
        flag("--no-report", "Write rows and summary.json alone, no page, figures or tables."),
    ] = False,
    keep_names: Annotated[
        bool, flag("--keep-names", "Name the files of private data (DICOM) in images.parquet.")
    ] = False,
    bits: Bits = None,
    window: Window = None,
    no_self_check: NoSelfCheck = False,
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    format: Format = "auto",
) -> None:
    """Test any image classifier under label-preserving transforms: negatives, tone, color, geometry.

    Writes report.html, summary.json, rows.parquet, junit.xml and figures; of several models, each into a folder of its
    name in --out, and compare.html and compare.json beside them. Stop it at any moment: the same command
    resumes. Exit code 0: done and passed; 1: the gate failed, or a part failed three times; 2: something given
    is unusable.
    """
    with loading():
        from negatoscope.auditing.arguments import as_file
        from negatoscope.auditing.audit import expect_possible
        from negatoscope.auditing.compare_models import MOST
        from negatoscope.auditing.dry_run import dry_run_audit
        from negatoscope.auditing.folder import folders_of
        from negatoscope.auditing.plan import AuditConfig
        from negatoscope.data.open import open_dataset
        from negatoscope.data.unlabeled import open_unlabeled
        from negatoscope.hardware import pick_hardware
        from negatoscope.result_folder import result_folder, result_names

    hardware = pick_hardware(device, "float32")
    execution = execution_of(context, hardware)
    expect(len(model) == 1 or not (name or weights), "--name and --weights with one model", f"{len(model)} models")
    expect(len(model) <= MOST, f"at most {MOST} models, which are compared", len(model))
    given_options(context)
    settings = settings_of(
        context,
        AuditConfig,
        transforms=transform or (),
        label_preserving=as_file(label_preserving),
        threads=execution.threads,
    )
    expect_possible(settings)
    unlabeled = None if labels else open_unlabeled(data)
    if unlabeled:
        expect_none_given(context)
        context.with_resource(nothing_kept())
    dataset = unlabeled or open_dataset(data, data_dir=data_dir, labels=labels or None, label_columns=label_columns)
    plans = _plans(context, dataset, settings, labeled=not unlabeled, hardware=hardware)
    place = context.with_resource(result_names(out) if dry_run else result_folder(out))
    folders = [place] if len(plans) == 1 else folders_of(place, [plan.classifier.name for plan in plans])
    if dry_run:
        show_dry_runs(
            [dry_run_audit(plan, out=folder, execution=execution) for plan, folder in zip(plans, folders, strict=True)],
            format=format,
        )
    command = command_line(context)
    if unlabeled:
        classify_and_show(plans, folders, out=out, command=command, format=format)
        return
    results = _audit_each(plans, folders, dataset=dataset, command=command, execution=execution)
    _show(results, place=place, out=out, format=format, no_report=no_report)
    raise typer.Exit(0 if all(result.passed for result in results) else 1)


def _plans(
    context: Context, dataset: "Dataset", settings: "AuditConfig", *, labeled: bool, hardware: "Hardware"
) -> "list[AuditPlan]":
    """What each of the command's models is audited for."""
    from negatoscope.auditing.plan import make_plan

    names, models = dataset.class_names, context.params["model"]
    opening = partial(open_model, context, class_names=names, data_classes=len(names) if labeled else None)
    classifiers = [opening(model, device=hardware.device) for model in models]
    return [
        make_plan(classifier, dataset, settings, named(context, model, hardware))
        for model, classifier in zip(models, classifiers, strict=True)
    ]


def _audit_each(
    plans: "Sequence[AuditPlan]",
    folders: Sequence[Path],
    *,
    dataset: "Dataset",
    command: str,
    execution: "Execution",
) -> "list[AuditResult]":
    """The audits of all models, each shown as it runs; none begins where one would be refused."""
    from negatoscope.auditing.arguments import provenance_of
    from negatoscope.auditing.audit import expect_usable, run_audit
    from negatoscope.cli.audit_display import AuditDisplay

    for plan, folder in zip(plans, folders, strict=True):
        expect_usable(plan, out=folder)
    results = []
    for plan, folder in zip(plans, folders, strict=True):
        provenance = provenance_of(plan.classifier, dataset, command=command)
        with AuditDisplay() as display:
            display.planned(plan)
            results.append(
                run_audit(
                    plan,
                    out=folder,
                    provenance=provenance,
                    progress=display.moved,
                    warn=display.say,
                    execution=execution,
                )
            )
    return results


def open_model(context: Context, model: str, **data: Any) -> "ClassifierAdapter":
    """A model with those of the command's options that say what it expects."""
    from negatoscope.models.open import open_classifier

    return open_classifier(model, **given_options(context), **data)


def named(context: Context, model: str, hardware: "Hardware") -> "Named":
    """A model and the command's data, as any process opens them."""
    from negatoscope.auditing.arguments import Named

    beside = {name: context.params[name] for name in ("labels", "label_columns") if context.params.get(name)}
    return Named(
        model,
        context.params["data"],
        given_options(context),
        data_dir=context.params["data_dir"],
        device=str(hardware.device),
        **beside,
    )


def given_options(context: Context) -> dict[str, Any]:
    """Those of the command's options that say what a model expects.

    Raises:
        InputError: One of them is unusable for any model.
    """
    from negatoscope.models.options import ModelOptions, read_options

    names = {"config", *(field.name for field in fields(ModelOptions))}
    given = {name: value for name, value in context.params.items() if name in names and value not in ("", None)}
    try:
        read_options(given)
    except InputError as error:
        text = str(error)
        for name in given:
            text = text.replace(f"expected {name} to be", f"expected --{name.replace('_', '-')} to be")
        raise type(error)(text) from error
    return given


_FILES = "report.html, summary.json, rows.parquet, failures.csv and figures"


def _show(results: "Sequence[AuditResult]", *, place: Path, out: str, format: str, no_report: bool) -> None:
    """Print an audit, or how several compare, and say where the files are."""
    from negatoscope.auditing.page_csv import audit_csv
    from negatoscope.auditing.page_terminal import audit_tables
    from negatoscope.reports.formatting import joined

    files = "summary.json and rows.parquet" if no_report else _FILES
    first, *others = results
    if others:
        html = None if no_report else place / "compare.html"
        show_comparison(results, out=place / "compare.json", html=html, format=format)
        compared = "compare.json" if no_report else "compare.html and compare.json"
        files = f"{compared}; in {joined([result.out.name for result in results])}: {files}"
    else:
        show(
            first.summary,
            format=format,
            terminal=lambda: audit_tables(first.summary),
            markdown=lambda: str(first),
            csv=lambda: audit_csv(first.summary),
        )
    if others or format != "auto" or not sys.stdout.isatty():  # tables on a terminal have it
        for result in results:
            of = f" for {result.out.name}" if others else ""
            for rule in result.summary.gate.rules:
                if not rule.passed:
                    typer.echo(f"Gate FAILED{of}: {rule.rule}: {rule.sentence}.", err=True)
    typer.echo(f"Written to {out}: {files}.", err=True)
