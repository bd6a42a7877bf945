"""`negatoscope view`: a page on which a picture turns into its negative while classifiers answer."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from negatoscope.cli.audit import given_options, open_model
from negatoscope.cli.checks import within
from negatoscope.cli.loading import loading
from negatoscope.cli.model_options import with_model_options
from negatoscope.cli.options import Bits, Context, DataDir, Device, LabelColumns, Labels, Window, flag, option
from negatoscope.errors import expect, needed

if TYPE_CHECKING:
    import torch

    from negatoscope.auditing.audit_result import AuditResult
    from negatoscope.data import Dataset
    from negatoscope.models.adapter import ClassifierAdapter


@with_model_options
def view(
    context: Context,
    model: Annotated[
        list[str] | None,
        typer.Argument(help="What audit takes, or several, side by side; none: two small ones that read digits."),
    ] = None,
    data: Annotated[
        str, option("DATA", "Labeled pictures to choose from, as for audit. Others can be dropped, pasted or drawn.")
    ] = "",
    audit: Annotated[
        str, option("FOLDER", "The folder or URL of an audit, to browse its failures beside the table.")
    ] = "",
    port: Annotated[int, option("NUMBER", "0 is any free one.", check=within(0, 65535))] = 0,
    no_browser: Annotated[bool, flag("--no-browser", "Only print the address; open no browser.")] = False,
    host: Annotated[str, option("ADDRESS", "Another address to listen at: then other machines can reach it.")] = (
        "127.0.0.1"
    ),
    limit: Annotated[
        int | None, option("NUMBER", "At most this many pictures, each class in proportion.", check=within(1))
    ] = None,
    labels: Labels = "",
    label_columns: LabelColumns = "",
    bits: Bits = None,
    window: Window = None,
    data_dir: DataDir = None,
    device: Device = "auto",
) -> None:
    """Look at pictures and their negatives on a light table, while classifiers say what they see.

    Opens a page in the browser, from a server on this machine that nobody else can reach. Without a model it shows two
    small classifiers that come with the package: a plain one, and the same one hardened. The first line printed is the
    address. Ctrl-C ends it.
    """
    needed("starlette", extra="web", why="negatoscope view")
    needed("uvicorn", extra="web", why="negatoscope view")
    with loading():
        from negatoscope.auditing.audit_result import read_audit
        from negatoscope.hardware import pick_hardware
        from negatoscope.web.answers import SideBySide
        from negatoscope.web.app import LightTable
        from negatoscope.web.commands import Commands
        from negatoscope.web.models import DIGITS_OF, FIRST_DIGIT, NAMED, OPTIONS, shipped_models
        from negatoscope.web.serve import listen, serve

    place = pick_hardware(device, "float32", exact=True).device
    described = given_options(context)
    expect(model or not described, f"a model beside {_as_options(described)}", "none; name one")
    expect(not audit or limit is None, "--audit or --limit", "both; an audit has its own images, leave --limit out")
    audited = read_audit(audit) if audit else None
    named, dataset = _open_pictures(context, audited)
    beside = _beside(context, dataset)
    class_names = () if dataset is None else dataset.class_names
    if model or audited:
        classifiers, first = _open_models(context, model or (), dataset, device=place), 0
        commands = Commands(tuple(model or ()), named or "DATA", described | beside)
    else:
        classifiers, first = shipped_models(class_names, device=place), 0 if data else FIRST_DIGIT
        commands = Commands(NAMED, data or DIGITS_OF, {**OPTIONS, **beside})
    table = LightTable.of(SideBySide(tuple(classifiers), class_names), dataset, commands, audited)
    table = replace(table, first=first)
    with listen(host, port) as listening:
        serve(table, listening, host=host, browser=not no_browser, say=typer.echo)


def _as_options(options: Iterable[str]) -> str:
    return " and ".join(f"--{name.replace('_', '-')}" for name in options)


def _beside(context: Context, dataset: "Dataset | None" = None) -> dict[str, Any]:
    """Those options beside the data that an audit takes, too; one that is browsed decides how files are decoded."""
    names = ("labels", "label_columns", "bits", "window")
    given = {name: value for name in names if (value := context.params[name]) not in ("", None)}
    if dataset is not None and dataset.decoding.bits is not None:
        given |= {"bits": dataset.decoding.bits}
    elif dataset is not None and dataset.decoding.window is not None:
        given |= {"window": ",".join(f"{number:.15g}" for number in dataset.decoding.window)}
    return given


def _open_pictures(context: Context, audited: "AuditResult | None") -> "tuple[str, Dataset | None]":
    """What pictures are chosen from, and what names it; none where the page is to bring all."""
    from negatoscope.data.depth import expect_whole_depth
    from negatoscope.data.open import open_dataset
    from negatoscope.data.split import stratified_sample
    from negatoscope.pixels import AS_STORED, DecodeSpec
    from negatoscope.web.browse import spec_of
    from negatoscope.web.models import open_digits

    given, beside = context.params, _beside(context)
    named = given["data"] or (spec_of(audited) if audited else "")
    expect(named or not beside, "--data beside --labels, --label-columns, --bits or --window", "none")
    if not named and given["model"]:
        expect(given["limit"] is None, "--data beside a model and --limit", "none; name pictures or leave it out")
        return "", None
    read = {"labels": given["labels"] or None, "label_columns": given["label_columns"]}
    dataset = open_dataset(named, data_dir=given["data_dir"], **read) if named else open_digits()
    decoding = DecodeSpec.of(given["bits"], given["window"])
    dataset = dataset.decoded(audited.summary.dataset.decoding if audited and decoding == AS_STORED else decoding)
    expect_whole_depth(dataset)
    if given["limit"] is not None:
        chosen = stratified_sample(dataset.labels, limit=given["limit"], seed=0)
        dataset = dataset.take(chosen, split=f"{dataset.split} ({len(chosen)} of {len(dataset)})")
    return named, dataset


def _open_models(
    context: Context, model: Sequence[str], dataset: "Dataset | None", *, device: "torch.device"
) -> "list[ClassifierAdapter]":
    alone = len(model) == 1 or not (context.params["name"] or context.params["weights"])
    expect(alone, "--name and --weights with one model", f"{len(model)} models")
    known: dict[str, Any] = {}
    if dataset is not None:
        known = {"data_classes": len(dataset.class_names), "class_names": dataset.class_names}
    opened = [open_model(context, each, **known, device=device) for each in model]
    names = [classifier.name for classifier in opened]
    return [
        replace(each, name=f"{each.name} {names[: place + 1].count(each.name)}") if names.count(each.name) > 1 else each
        for place, each in enumerate(opened)
    ]
