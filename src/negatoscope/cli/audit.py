"""`negatoscope audit` and `negatoscope compare`: does a classifier still see what a person sees?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from negatoscope.cli.loading import loading

Model = Annotated[
    str,
    typer.Argument(help="model.onnx, model.pt2, weights.safetensors, package.module:factory, a folder, or timm:NAME."),
]
Data = Annotated[
    str, typer.Option(help="mnist:test, a folder, .zip or .tar of class folders, .parquet, .npz, or WebDataset shards.")
]
_IN, _WHAT, _GATE = "What the model wants, where its file does not say", "What is audited", "Gate: exit code 1"


def audit(
    model: Model,
    data: Data,
    suite: Annotated[
        str, typer.Option(help="negative, semantic, all, or none: then give --transform.", rich_help_panel=_WHAT)
    ] = "semantic",
    transform: Annotated[
        list[str] | None,
        typer.Option(help='One more, such as "gamma(exponent=2.0)"; may come again.', rich_help_panel=_WHAT),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many images, each class in proportion.", rich_help_panel=_WHAT)
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which.", rich_help_panel=_WHAT)] = 0,
    meaning: Annotated[
        Path | None,
        typer.Option(help="TOML: which classes keep their meaning under which transform.", rich_help_panel=_WHAT),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the report goes, and where a stopped audit goes on.")] = Path(
        "out/audit"
    ),
    name: Annotated[str, typer.Option(help="How tables call the model; else its file's name.")] = "",
    weights: Annotated[Path | None, typer.Option(help="The factory's weights: safetensors, or a state dict.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with what follows.", rich_help_panel=_IN)] = None,
    size: Annotated[str, typer.Option(help="28 or 224x160 (height x width).", rich_help_panel=_IN)] = "",
    channels: Annotated[str, typer.Option(help="gray or rgb.", rich_help_panel=_IN)] = "",
    channel_order: Annotated[str, typer.Option(help="RGB or BGR.", rich_help_panel=_IN)] = "",
    layout: Annotated[str, typer.Option(help="NCHW, NHWC, NHW or flat.", rich_help_panel=_IN)] = "",
    range: Annotated[str, typer.Option(help="0..1, 0..255 or -1..1.", rich_help_panel=_IN)] = "",
    mean: Annotated[str, typer.Option(help="Subtracted then, as in 0.485,0.456,0.406.", rich_help_panel=_IN)] = "",
    std: Annotated[str, typer.Option(help="Divided by then.", rich_help_panel=_IN)] = "",
    interpolation: Annotated[str, typer.Option(help="bilinear, box, bicubic or nearest.", rich_help_panel=_IN)] = "",
    resize_mode: Annotated[
        str, typer.Option(help="stretch, or crop: the centre of the image.", rich_help_panel=_IN)
    ] = "",
    crop_pct: Annotated[
        float | None, typer.Option(help="Share of the short side that a crop keeps: 0.875.", rich_help_panel=_IN)
    ] = None,
    output: Annotated[
        str, typer.Option(help="logits (unless said), probabilities or log_probabilities.", rich_help_panel=_IN)
    ] = "",
    output_name: Annotated[str, typer.Option(help="Which output, where there are several.", rich_help_panel=_IN)] = "",
    classes: Annotated[int | None, typer.Option(help="How many outputs there are.", rich_help_panel=_IN)] = None,
    class_map: Annotated[
        str,
        typer.Option(
            help="For each class of the data which output it is: 1,2,3, or a text file of output names.",
            rich_help_panel=_IN,
        ),
    ] = "",
    fail_under: Annotated[
        list[str] | None,
        typer.Option(help='As in "negative=0.9", on the lower end of the interval.', rich_help_panel=_GATE),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="An earlier audit: fail on a significant loss.", rich_help_panel=_GATE)
    ] = None,
    max_unreadable: Annotated[int, typer.Option(help="More unreadable images fail.", rich_help_panel=_GATE)] = 0,
    expect_accuracy: Annotated[
        float | None, typer.Option(help="Stop at once if clean accuracy is below this, in [0, 1].")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Look for named datasets here first.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
) -> None:
    """Test any image classifier under changes that keep the meaning: negatives, tone, colour, geometry.

    Writes report.html, summary.json, rows.parquet, junit.xml and figures. Stop it at any moment: the same command goes
    on. Exit code 0: done and passed; 1: the gate failed; 2: something given is unusable.
    """
    with loading():
        from negatoscope.auditing.audit import Gate
        from negatoscope.auditing.plan import AuditConfig, make_plan
        from negatoscope.cli.audit_progress import run_watched
        from negatoscope.data.open import open_dataset
        from negatoscope.hardware import pick_hardware
        from negatoscope.models.open import open_classifier

    told: dict[str, object] = {
        "name": name,
        "weights": weights,
        "config": config,
        "size": size,
        "channels": channels,
        "channel_order": channel_order,
        "layout": layout,
        "range": range,
        "mean": mean,
        "std": std,
        "interpolation": interpolation,
        "resize_mode": resize_mode,
        "crop_pct": crop_pct,
        "output": output,
        "output_name": output_name,
        "classes": classes,
        "class_map": class_map,
    }
    hardware = pick_hardware(device, "float32")
    dataset = open_dataset(data, data_dir=data_dir)
    given: dict[str, Any] = {key: value for key, value in told.items() if value not in ("", None)}
    classifier = open_classifier(
        model,
        data_classes=len(dataset.class_names),
        class_names=dataset.class_names,
        device=hardware.device,
        **given,
    )
    choice = AuditConfig("" if suite == "none" else suite, tuple(transform or ()), limit, seed, meaning)
    gate = Gate(tuple(fail_under or ()), baseline, max_unreadable, expect_accuracy)
    command = _command(model, data, {**given, "suite": suite, "transform": transform, "limit": limit})
    passed = run_watched(make_plan(classifier, dataset, choice), out=out, gate=gate, hardware=hardware, command=command)
    raise typer.Exit(0 if passed else 1)


def compare(
    a: Annotated[Path, typer.Argument(help="The folder of an audit.")],
    b: Annotated[Path, typer.Argument(help="The folder of another.")],
    out: Annotated[Path | None, typer.Option(help="Also write the comparison as JSON to this file.")] = None,
) -> None:
    """Set two audits side by side: which classifier is better, by how much, and is that more than chance?"""
    import json

    with loading():
        from negatoscope.auditing.compare import compare as compare_audits
        from negatoscope.auditing.page import compare_markdown
        from negatoscope.files import write_whole

    found = compare_audits(a, b)
    if out:
        write_whole(out, (json.dumps(found, indent=1) + "\n").encode())
    typer.echo(compare_markdown(found))


def _command(model: str, data: str, options: Mapping[str, Any]) -> str:
    """The command that was given; of files only the last part of their names."""
    words = ["negatoscope audit", _shown(model), "--data", _shown(data)]
    for key, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            if each not in ("", None):
                words += [f"--{key.replace('_', '-')}", _shown(each)]
    return " ".join(words)


def _shown(value: object) -> str:
    text = Path(str(value)).name if isinstance(value, Path) or "/" in str(value) else str(value)
    return f"'{text}'" if set(text) & set(" ()'\"") else text
