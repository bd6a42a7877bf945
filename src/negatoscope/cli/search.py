"""`negatoscope search`: for each image the setting that fools a classifier."""

from typing import Annotated, Any, Literal

import typer

from negatoscope.cli.audit import Data, given_options, open_model
from negatoscope.cli.dry_run import show_dry_runs
from negatoscope.cli.loading import loading
from negatoscope.cli.model_options import with_model_options
from negatoscope.cli.options import (
    Address,
    Context,
    DataDir,
    Device,
    DryRunOption,
    ExecutorName,
    Threads,
    Workers,
    command_line,
)
from negatoscope.cli.show import Format, show


@with_model_options
def search(
    context: Context,
    model: Annotated[str, typer.Argument(help="What audit takes: model.onnx, model.pt2, package.module:factory, ...")],
    data: Data,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="Transforms with ranges, as in gamma(exponent=0.5..2), joined by |, or a name of list spaces: tone, "
            "color, geometry, color_cube, color_shift, all (the default); repeatable."
        ),
    ] = None,
    strategy: Annotated[str, typer.Option(help="How settings are proposed; see list strategies.")] = "local",
    budget: Annotated[int, typer.Option(help="Queries for each image in each space, the clean one included.")] = 100,
    feedback: Annotated[
        Literal["scores", "labels"], typer.Option(help="What may be read of an answer: scores, or labels alone.")
    ] = "scores",
    transfer: Annotated[
        list[str] | None,
        typer.Option(help="Another model that is shown what was found, without a query to it; repeatable."),
    ] = None,
    labels: Annotated[
        str, typer.Option(help='Labels beside the images: .csv, .tsv, .jsonl, COCO\'s .json, or "{label}_*.png".')
    ] = "",
    label_columns: Annotated[
        str, typer.Option(help="FILE,LABEL: the table's columns, where they are not found by their names.")
    ] = "",
    limit: Annotated[int | None, typer.Option(help="At most this many images, each class in proportion.")] = None,
    seed: Annotated[int, typer.Option(help="Which images those are, and every draw.")] = 0,
    label_preserving: Annotated[
        str, typer.Option(help="TOML: which classes keep their label under which transform.")
    ] = "",
    fail_under: Annotated[
        list[str] | None,
        typer.Option(help='Exit code 1: "robust=0.5", a bound on the lower end of the interval; repeatable.'),
    ] = None,
    expect_accuracy: Annotated[
        float | None, typer.Option(help="Stop at once if accuracy on clean images is below this, in [0, 1].")
    ] = None,
    no_self_check: Annotated[
        bool, typer.Option("--no-self-check", help="Try no other settings first, and search whatever comes.")
    ] = False,
    bits: Annotated[
        int | None, typer.Option(help="Of 16-bit images: how many bits they use, 8 to 16, where files do not say.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="CENTER,WIDTH of the values that become black to white, as in 40,400.")
    ] = None,
    out: Annotated[
        str,
        typer.Option(help="The folder or URL of the report; a search that was stopped resumes from there."),
    ] = "out/search",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Replace another search that is there.")
    ] = False,
    executor: ExecutorName = "local",
    workers: Workers = None,
    address: Address = "",
    threads: Threads = None,
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    format: Format = "auto",
) -> None:
    """Find, for each image, the setting that fools a classifier: the worst case, from its answers alone.

    Writes report.html, search.json and rows.parquet. Stop it at any moment: the same command resumes. Exit code 0:
    done and passed; 1: the gate failed; 2: something given is unusable.
    """
    with loading():
        from negatoscope.auditing.arguments import Named, as_file, provenance_of
        from negatoscope.cli.search_display import SearchDisplay
        from negatoscope.data.open import open_dataset
        from negatoscope.executors import Execution, using_threads
        from negatoscope.hardware import pick_hardware
        from negatoscope.result_folder import result_folder, result_names
        from negatoscope.searching.dry_run import dry_run_search
        from negatoscope.searching.plan import SearchConfig, make_search_plan
        from negatoscope.searching.run import run_search
        from negatoscope.searching.search import OF_ONE_MODEL
        from negatoscope.searching.text import search_csv, search_tables

    hardware = pick_hardware(device, "float32")
    execution = Execution(executor, workers, address, threads, gpus=int(hardware.device.type == "cuda"))
    context.with_resource(using_threads(execution.threads))
    dataset = open_dataset(data, data_dir=data_dir, labels=labels or None, label_columns=label_columns)
    classes: dict[str, Any] = {"data_classes": len(dataset.class_names), "class_names": dataset.class_names}
    config = SearchConfig(
        space=space or SearchConfig().space,
        strategy=strategy,
        budget=budget,
        feedback=feedback,
        limit=limit,
        seed=seed,
        label_preserving=as_file(label_preserving),
        fail_under=fail_under or (),
        expect_accuracy=expect_accuracy,
        no_self_check=no_self_check,
        overwrite=overwrite,
        bits=bits,
        window=window,
        threads=execution.threads,
    )
    beside: dict[str, Any] = {"labels": labels or None, "label_columns": label_columns, "data_dir": data_dir}
    plan = make_search_plan(
        open_model(context, model, **classes, device=hardware.device),
        dataset,
        config,
        transfer=[
            open_model(context, other, **classes, without=OF_ONE_MODEL, device=hardware.device)
            for other in transfer or ()
        ],
        named=Named(model, data, given_options(context), device=str(hardware.device), **beside),
    )
    if dry_run:
        with result_names(out) as names:
            show_dry_runs([dry_run_search(plan, out=names, execution=execution)], format=format)
    provenance = provenance_of(plan.classifier, dataset, command=command_line(context))
    place = context.with_resource(result_folder(out))
    with SearchDisplay() as display:
        display.planned(plan)
        result = run_search(
            plan, out=place, provenance=provenance, progress=display.moved, warn=display.say, execution=execution
        )
    show(
        result.summary,
        format=format,
        terminal=lambda: search_tables(result.summary),
        markdown=lambda: str(result),
        csv=lambda: search_csv(result.summary),
    )
    typer.echo(f"Written to {out}: report.html, search.json and rows.parquet.", err=True)
    raise typer.Exit(0 if result.passed else 1)
