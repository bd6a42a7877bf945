"""`negatoscope reproduce`: the paper's table and figure, and how the recipes were chosen."""

import re
from pathlib import Path
from typing import Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.errors import InputError
from negatoscope.reproduce.checks import expect_epsilons, expect_seeds

app = typer.Typer(no_args_is_help=True, help="Run the paper's experiments again, from scratch, on real data.")

DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Look for data here first; then in NEGATOSCOPE_DATA_DIR, in the cache, and at its official home.",
    ),
]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")]
Precision = Annotated[
    str, typer.Option(metavar="NAME", help="auto, bf16 or float32, of training; evaluation is float32 always.")
]
Fast = Annotated[bool, typer.Option("--fast", metavar="", help="A smoke run on a few hundred images: no results.")]


@app.command(
    epilog="Example:  negatoscope reproduce table1 --datasets mnist --epsilons 0.0,0.1 --seeds 3 --out out/table1",
)
def table1(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where results go, and where a stopped run goes on.")
    ] = Path("out/table1"),
    seeds: Annotated[int, typer.Option(metavar="NUMBER", help="Runs of each classifier; verdicts need 3.")] = 1,
    datasets: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Names or specs, parted by commas; empty: the recipe's, or mnist,gtsrb or what stands in for them.",
        ),
    ] = "",
    epsilons: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS", help="Largest change of a pixel, in [0, 1], parted by commas; 0 is the plain DNN."
        ),
    ] = "0.0,0.05,0.1,0.2,0.5",
    recipe: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file in place of the default recipes.")
    ] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
    fast: Fast = False,
) -> None:
    """Train the paper's ten classifiers, look at negatives through them, and say where the paper's numbers hold.

    Writes table1.json, .md, .csv, .png and .svg, epochs.png and .svg, rows.parquet, and each classifier's weights.
    Stop it at any moment: the same command goes on.
    """
    rows = _epsilons(epsilons)
    expect_seeds(seeds)
    typer.echo("Preparing data, and timing this machine ...", err=True)  # what is imported below takes seconds
    with loading():
        from negatoscope.cli.table1_progress import Watch
        from negatoscope.hardware import pick_hardware
        from negatoscope.provenance import command_line
        from negatoscope.reproduce.table1 import Request, reproduce_table1
        from negatoscope.reproduce.table1_page import table1_markdown
        from negatoscope.training.recipe import load_recipe

    told = {"seeds": seeds, "datasets": _listed(datasets), "epsilons": epsilons if epsilons != DEFAULT else ""}
    request = Request(
        datasets=tuple(_split(datasets)),
        epsilons=rows,
        seeds=seeds,
        recipe=load_recipe(recipe) if recipe else None,
        data_dir=data_dir,
        fast=fast,
        command=command_line("reproduce table1", {**told, "recipe": recipe.name if recipe else "", "fast": fast}),
    )
    hardware = pick_hardware(device, precision)
    with Watch(out, hardware.description) as watch:
        result = reproduce_table1(request, out=out, hardware=hardware, watcher=watch)
    typer.echo(table1_markdown(result))
    typer.echo(f"Written to {out}: table1.json, table1.md, table1.csv, rows.parquet, and figures.", err=True)


@app.command(epilog="Example:  negatoscope reproduce figure1 --table1 out/table1 --out out/figure1")
def figure1(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the figure goes.")] = Path("out/figure1"),
    table1: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="What `reproduce table1` wrote: the classifiers come from there."),
    ] = Path("out/table1"),
    epsilons: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS", help="Which of its classifiers look at the pictures, one row each; 0 is the plain DNN."
        ),
    ] = "0.0",
    data_dir: DataDir = None,
) -> None:
    """Draw a digit and a sign beside their negatives, and what a trained classifier says of each.

    Writes figure1.png, .svg and .json.
    """
    rows = _epsilons(epsilons)
    with loading():
        from negatoscope.reproduce.figure1 import reproduce_figure1

    for path in reproduce_figure1(table1, out=out, epsilons=rows, data_dir=data_dir):
        typer.echo(f"Written: {path}")


@app.command(
    epilog="Example:  negatoscope reproduce sensitivity --studies mnist --factors 'optimizer,batch norm' --seeds 3",
)
def sensitivity(
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where results go, and where a stopped study goes on.")
    ] = Path("out/sensitivity"),
    seeds: Annotated[int, typer.Option(metavar="NUMBER", help="Runs of each recipe; verdicts need 2 or more.")] = 3,
    studies: Annotated[
        str, typer.Option(metavar="NAMES", help="Of mnist, gtsrb, mnist_robust, fashion_mnist; all if empty.")
    ] = "",
    factors: Annotated[
        str, typer.Option(metavar="NAMES", help="Only these, separated by commas, as in 'optimizer,batch norm'.")
    ] = "",
    budget: Annotated[
        str,
        typer.Option(metavar="AMOUNT", help="Start no run after this much: 90min, or 300passes over training images."),
    ] = "",
    jobs: Annotated[
        int, typer.Option(metavar="NUMBER", help="Runs at once, each in a process with its share of the processors.")
    ] = 1,
    plan: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file of your own studies.")] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
    fast: Fast = False,
) -> None:
    """Find which choices that the paper does not state decide how many negatives a network reads.

    Trains the paper's network with one choice changed at a time, follows negatives along training, and compares choices
    at the end and at equal validation accuracy. Runs come seed by seed, the most telling first. Writes
    sensitivity.json, .md, .png and .svg, and each run's rows. Stop it at any moment: the same command goes on.
    """
    expect_seeds(seeds)
    if jobs < 1:
        raise InputError(f"expected at least one job, got {jobs}")
    amount = _budget(budget)
    typer.echo("Preparing data, and timing this machine ...", err=True)
    with loading():
        from negatoscope.cli.study_progress import StudyWatch
        from negatoscope.hardware import pick_hardware
        from negatoscope.provenance import command_line
        from negatoscope.studies.sensitivity import Budget, StudyRequest, study_sensitivity

    told = {"studies": studies, "factors": factors, "seeds": seeds, "budget": budget, "jobs": jobs if jobs > 1 else ""}
    request = StudyRequest(
        seeds=seeds,
        studies=tuple(_split(studies)),
        factors=tuple(_split(factors)),
        budget=Budget(*amount) if amount else None,
        plan=plan,
        data_dir=data_dir,
        jobs=jobs,
        fast=fast,
        command=command_line("reproduce sensitivity", {**told, "plan": plan.name if plan else "", "fast": fast}),
    )
    hardware = pick_hardware(device, precision)
    with StudyWatch(hardware.description) as watch:
        result = study_sensitivity(request, out=out, hardware=hardware, watcher=watch)
    files = (
        "sensitivity.json, .md, .png and .svg" if result["studies"] else "sensitivity.json (no run of a default yet)"
    )
    typer.echo(f"{result['provenance']['runs']['made']} runs. Written to {out}: {files}.")


@app.command(
    epilog="Example:  negatoscope reproduce claims --table1 out/table1 --sensitivity out/sensitivity --out claims.md"
)
def claims(
    table1: Annotated[Path, typer.Option(metavar="FOLDER", help="What `reproduce table1` wrote.")] = Path("out/table1"),
    sensitivity: Annotated[Path, typer.Option(metavar="FOLDER", help="What `reproduce sensitivity` wrote.")] = Path(
        "out/sensitivity"
    ),
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the page goes.")] = Path("out/claims.md"),
) -> None:
    """Hold the papers' claims against what was run: test, numbers, verdict and condition of each, on one page."""
    with loading():
        from negatoscope.provenance import command_line
        from negatoscope.studies.claims import write_claims

    command = command_line(
        "reproduce claims", {"table1": table1.name, "sensitivity": sensitivity.name, "out": out.name}
    )
    typer.echo(f"Written: {write_claims(table1, sensitivity, out=out, command=command)}")


@app.command(epilog="Example:  negatoscope reproduce recipes --dataset mnist --out out/recipes")
def recipes(
    dataset: Annotated[str, typer.Option(metavar="NAME", help="mnist or gtsrb: whose candidates are tried.")] = "mnist",
    candidates: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file of your own candidates.")] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the runs are kept; a stopped search goes on.")
    ] = Path("out/recipes"),
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Choose a default recipe again: by validation accuracy and cost, without test images and without negatives."""
    with loading():
        from negatoscope.hardware import pick_hardware
        from negatoscope.studies.recipe_search import load_plan, packaged_plan, search

    plan = load_plan(candidates) if candidates else packaged_plan(dataset)
    file = out / f"{candidates.stem if candidates else dataset}.json"
    found = search(plan, out=file, data_dir=data_dir, hardware=pick_hardware(device, precision), tell=typer.echo)
    typer.echo(f"Chosen: {found['chosen']}. Written: {file}")


def _budget(text: str) -> tuple[float, str] | None:
    """An amount and its unit, such as "90min" or "300passes"."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|minutes|passes)\s*", text)
    if found:
        return float(found[1]), "passes" if found[2] == "passes" else "minutes"
    if text:
        raise InputError(f"expected a budget such as 90min or 300passes, got {text!r}")
    return None


DEFAULT = "0.0,0.05,0.1,0.2,0.5"


def _split(text: str) -> list[str]:
    """The parts between commas that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _listed(datasets: str) -> str:
    """The datasets as given, but no folder's path."""
    named = [f"folder:{Path(part[7:]).name}" if part.startswith("folder:") else part for part in _split(datasets)]
    return ",".join(named)


def _epsilons(text: str) -> tuple[float, ...]:
    """The numbers between commas, checked."""
    epsilons = tuple(_number(part) for part in _split(text))
    expect_epsilons(epsilons)
    return epsilons


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"expected numbers parted by commas in --epsilons, got {text!r}") from error
