"""`negatoscope audit`: does a classifier still see what a person sees?"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import Context, DataDir, Device, command_line

if TYPE_CHECKING:
    from negatoscope.auditing.plan import AuditPlan
    from negatoscope.auditing.run import AuditProgress
    from negatoscope.cli.progress import ProgressDisplay

Model = Annotated[
    str,
    typer.Argument(help="model.onnx, model.pt2, weights.safetensors, package.module:factory, a folder, or timm:NAME."),
]
Data = Annotated[
    str, typer.Option(help="mnist:test, a folder, .zip or .tar of class folders, .parquet, .npz, or WebDataset shards.")
]
_IN, _WHAT, _GATE = "What the model expects, where its file does not say", "What is audited", "Gate: exit code 1"
_CLASSIFIER = (
    *("name", "weights", "config", "size", "channels", "channel_order", "layout", "range", "mean", "std"),
    *("interpolation", "resize_mode", "crop_pct", "output", "output_name", "classes", "class_map"),
)  # the options that say how the classifier is opened


def audit(
    context: Context,
    model: Model,
    data: Data,
    suite: Annotated[
        str, typer.Option(help="negative, semantic, all, or none: then give --transform.", rich_help_panel=_WHAT)
    ] = "semantic",
    transform: Annotated[
        list[str] | None,
        typer.Option(help='One more, such as "gamma(exponent=2.0)"; repeatable.', rich_help_panel=_WHAT),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most this many images, each class in proportion.", rich_help_panel=_WHAT)
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Which images those are, and the controls' noise.", rich_help_panel=_WHAT)
    ] = 0,
    label_preserving: Annotated[
        Path | None,
        typer.Option(help="TOML: which classes keep their label under which transform.", rich_help_panel=_WHAT),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Where the report goes; an audit that was stopped resumes from there.")
    ] = Path("out/audit"),
    name: Annotated[str, typer.Option(help="The model's name in tables; by default its file's.")] = "",
    weights: Annotated[Path | None, typer.Option(help="The factory's weights: safetensors, or a state dict.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file with the options below.", rich_help_panel=_IN)
    ] = None,
    size: Annotated[str, typer.Option(help="28 or 224x160 (height x width).", rich_help_panel=_IN)] = "",
    channels: Annotated[str, typer.Option(help="gray or rgb.", rich_help_panel=_IN)] = "",
    channel_order: Annotated[str, typer.Option(help="RGB or BGR.", rich_help_panel=_IN)] = "",
    layout: Annotated[str, typer.Option(help="NCHW, NHWC, NHW or flat.", rich_help_panel=_IN)] = "",
    range: Annotated[str, typer.Option(help="0..1, 0..255 or -1..1.", rich_help_panel=_IN)] = "",
    mean: Annotated[str, typer.Option(help="Subtracted from that, as in 0.485,0.456,0.406.", rich_help_panel=_IN)] = "",
    std: Annotated[str, typer.Option(help="Then divided by.", rich_help_panel=_IN)] = "",
    interpolation: Annotated[str, typer.Option(help="bilinear, box, bicubic or nearest.", rich_help_panel=_IN)] = "",
    resize_mode: Annotated[
        str, typer.Option(help="stretch, or crop to the center of the image.", rich_help_panel=_IN)
    ] = "",
    crop_pct: Annotated[
        float | None, typer.Option(help="Share of the short side that a crop keeps: 0.875.", rich_help_panel=_IN)
    ] = None,
    output: Annotated[
        str, typer.Option(help="logits (the default), probabilities or log_probabilities.", rich_help_panel=_IN)
    ] = "",
    output_name: Annotated[
        str, typer.Option(help="The output with the classes, where there are several.", rich_help_panel=_IN)
    ] = "",
    classes: Annotated[int | None, typer.Option(help="How many outputs there are.", rich_help_panel=_IN)] = None,
    class_map: Annotated[
        str,
        typer.Option(
            help="The output of each class of the data: 1,2,3, or a text file with the outputs' names.",
            rich_help_panel=_IN,
        ),
    ] = "",
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            help='Such as "negative=0.9": a bound on the lower end of the interval; repeatable.', rich_help_panel=_GATE
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="The folder of an earlier audit: a significant loss fails.", rich_help_panel=_GATE),
    ] = None,
    max_unreadable: Annotated[
        int, typer.Option(help="More unreadable images than this fail.", rich_help_panel=_GATE)
    ] = 0,
    expect_accuracy: Annotated[
        float | None, typer.Option(help="Stop at once if accuracy on clean images is below this, in [0, 1].")
    ] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
) -> None:
    """Test any image classifier under label-preserving transforms: negatives, tone, color, geometry.

    Writes report.html, summary.json, rows.parquet, junit.xml and figures. Stop it at any moment: the same command
    resumes. Exit code 0: done and passed; 1: the gate failed; 2: something given is unusable.
    """
    with loading():
        from negatoscope.auditing.audit import expect_usable, run_audit
        from negatoscope.auditing.plan import AuditConfig, make_plan
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.data.open import open_dataset
        from negatoscope.hardware import pick_hardware
        from negatoscope.models.open import open_classifier
        from negatoscope.provenance import record_provenance

    hardware = pick_hardware(device, "float32")
    dataset = open_dataset(data, data_dir=data_dir)
    classifier = open_classifier(
        model,
        **{name: context.params[name] for name in _CLASSIFIER if context.params[name] not in ("", None)},
        data_classes=len(dataset.class_names),
        class_names=dataset.class_names,
        device=hardware.device,
    )
    settings = AuditConfig(
        suite=suite,
        transforms=tuple(transform or ()),
        limit=limit,
        seed=seed,
        label_preserving=label_preserving,
        fail_under=tuple(fail_under or ()),
        baseline=baseline,
        max_unreadable=max_unreadable,
        expect_accuracy=expect_accuracy,
    )
    plan = make_plan(classifier, dataset, settings)
    expect_usable(plan, out=out)
    provenance = record_provenance(
        command=command_line(context), hardware=hardware.description, data=[dataset.provenance]
    )
    with ProgressDisplay() as display:
        display.expect(len(plan.dataset))
        _announce(plan, display)
        result = run_audit(plan, out=out, provenance=provenance, progress=_reporter(display, len(plan.dataset)))
        display.say(f"Written to {out}: report.html, summary.json, rows.parquet, junit.xml and figures.")
    typer.echo(result)
    raise typer.Exit(0 if result.passed else 1)


def _announce(plan: "AuditPlan", display: "ProgressDisplay") -> None:
    """Say what will be done."""
    classifier, dataset = plan.classifier, plan.dataset
    display.say(
        f"{classifier.name} ({classifier.kind}) on {len(dataset):,} images of {dataset.spec} {dataset.split}, clean and"
        f" under {len(plan.transforms)} transforms."
    )
    if classifier.runs_code:
        display.say(f"This runs your own code: {classifier.name}.")


def _reporter(display: "ProgressDisplay", total: int) -> Callable[["AuditProgress"], None]:
    """Moves the bar; where there is none, a long audit prints one line for each tenth of the images.

    How long the rest takes and how large its rows get is said once, when the first of them are written.
    """
    from negatoscope.reports.formatting import duration

    tenth, estimated = 0, False

    def report(progress: "AuditProgress") -> None:
        nonlocal tenth, estimated
        if progress.seconds_left is None:  # images of an earlier run
            display.expect(total, done=progress.images)
            return
        text = f"{progress.images:,} of {total:,} images"
        display.update(text, progress.images)
        if progress.size_bytes is not None and not estimated:
            estimated = True
            if progress.images < total:
                size = max(0.1, progress.size_bytes / 1e6)
                display.say(f"About {duration(progress.seconds_left)} left, and {size:.1f} MB of rows on disk.")
        if display.left and 10 * progress.images // total > tenth:
            tenth = 10 * progress.images // total
            display.step(text)

    return report
