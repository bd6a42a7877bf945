"""`negatoscope reproduce table1` and `figure1`: the paper's table and figure."""

from typing import Annotated

import typer

from negatoscope.cli.checks import within
from negatoscope.cli.dry_run import expect_runs, show_dry_runs
from negatoscope.cli.execution import execution_of, with_execution
from negatoscope.cli.loading import loading
from negatoscope.cli.options import (
    Context,
    DataDir,
    Device,
    DryRunOption,
    Fast,
    OnlyReport,
    Precision,
    command_line,
    option,
)
from negatoscope.cli.runs_folder import runs_folder
from negatoscope.cli.show import Format, show
from negatoscope.errors import InputError
from negatoscope.reproduce.checks import expect_epsilons


@with_execution
def table1(
    context: Context,
    out: Annotated[
        str, option("FOLDER", "Or URL: where results go; a run that was stopped resumes from there.")
    ] = "out/table1",
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            "--recipes",
            metavar="NAMES",
            help="Comma-separated recipes (negatoscope list recipes), panel for the whole table, or a TOML file.",
        ),
    ] = "sgd",
    seeds: Annotated[
        int | None,
        option(
            "NUMBER",
            "Runs of each classifier; verdicts need 3. By default 1; of the panel as many as it has, at most.",
            check=within(1),
        ),
    ] = None,
    datasets: Annotated[
        str,
        option(
            "NAMES",
            "Comma-separated names or specs. By default the recipe's, or mnist,gtsrb or what stands in for them.",
        ),
    ] = "",
    epsilons: Annotated[
        str, option("NUMBERS", "Comma-separated, in [0, 1]: the largest change of a pixel; 0 is the plain DNN.")
    ] = "0.0,0.05,0.1,0.2,0.5",
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
    fast: Fast = False,
    only_report: OnlyReport = False,
    format: Format = "auto",
) -> None:
    """Train the paper's ten classifiers, measure their accuracy on negatives, and say where its numbers hold.

    Writes table1.json, .md, .csv, .png and .svg, epochs.png and .svg, rows.parquet, and each classifier's weights.
    Stop it at any moment: the same command resumes.
    """
    rows = _epsilons(epsilons)
    expect_runs(dry_run=dry_run, only_report=only_report)
    timing = "" if fast else ", and timing this machine"
    typer.echo(
        "Reading runs ..." if only_report else f"Preparing data{timing} ...", err=True
    )  # what is imported below takes seconds
    with loading():
        from negatoscope.cli.table1_display import Table1Display, table1_tables
        from negatoscope.hardware import pick_hardware
        from negatoscope.registry import split_list
        from negatoscope.reproduce.dry_run import dry_run_table1
        from negatoscope.reproduce.table1 import Table1Request, reproduce_table1
        from negatoscope.reproduce.table1_columns import table1_csv
        from negatoscope.reproduce.table1_page import table1_markdown
        from negatoscope.reproduce.table1_report import KEEPS, report_table1
        from negatoscope.training.recipe import load_recipe

    own = recipe.endswith(".toml")
    request = Table1Request(
        datasets=tuple(split_list(datasets)),
        epsilons=rows,
        seeds=seeds,
        recipes=() if own else tuple(split_list(recipe)),
        recipe=load_recipe(recipe) if own else None,
        data_dir=data_dir,
        fast=fast,
        command=command_line(context),
    )
    place = runs_folder(context, out, keeps=KEEPS, dry_run=dry_run)
    if only_report:
        names = list(dict.fromkeys(name for row in request.rows for name in row.recipes))
        result = report_table1(place, command=request.command, recipes=names, datasets=request.datasets, fast=fast)
    else:
        hardware = pick_hardware(device, precision)
        execution = execution_of(context, hardware)
        if dry_run:
            show_dry_runs([dry_run_table1(request, out=place, hardware=hardware, execution=execution)], format=format)
        with Table1Display(hardware.description) as display:
            result = reproduce_table1(request, out=place, hardware=hardware, progress=display, execution=execution)
    show(
        result,
        format=format,
        terminal=lambda: table1_tables(result),
        markdown=lambda: table1_markdown(result),
        csv=lambda: table1_csv(result),
    )
    rows_too = "" if only_report else "rows.parquet, "
    typer.echo(f"Written to {out}: table1.json, table1.md, table1.csv, {rows_too}and figures.", err=True)


def figure1(
    context: Context,
    out: Annotated[str, option("FOLDER", "Or URL: where the figure goes.")] = "out/figure1",
    table1: Annotated[
        str, option("FOLDER", "Or URL: what `reproduce table1` wrote; the classifiers come from there.")
    ] = "out/table1",
    epsilons: Annotated[
        str, option("NUMBERS", "Comma-separated: whose predictions are shown, one row each; 0 is the plain DNN.")
    ] = "0.0",
    recipe: Annotated[str, option("NAME", "Whose classifiers; by default the table's first recipe.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Draw a digit and a sign beside their negatives, each with a trained classifier's prediction.

    Writes figure1.png, .svg and .json.
    """
    rows = _epsilons(epsilons)
    with loading():
        from negatoscope.reproduce.figure1 import reproduce_figure1
        from negatoscope.result_folder import result_folder
        from negatoscope.stores import path_of

    place, command = context.with_resource(result_folder(out)), command_line(context)
    paths = reproduce_figure1(
        path_of(table1), out=place, epsilons=rows, recipe=recipe, data_dir=data_dir, command=command
    )
    for path in paths:
        typer.echo(f"Written: {path_of(out) / path.name}")


def _epsilons(text: str) -> tuple[float, ...]:
    from negatoscope.registry import split_list

    try:
        epsilons = tuple(float(part) for part in split_list(text))
    except ValueError as error:
        raise InputError(f"expected comma-separated numbers in --epsilons, got {text!r}") from error
    expect_epsilons(epsilons)
    return epsilons
