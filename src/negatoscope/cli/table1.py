"""`negatoscope reproduce table1` and `figure1`: the paper's table and figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import Context, DataDir, Device, Fast, Precision, command_line, split_list
from negatoscope.errors import InputError
from negatoscope.reproduce.checks import expect_epsilons, expect_seeds

if TYPE_CHECKING:
    from rich.console import RenderableType

    from negatoscope.cli.progress import ProgressDisplay
    from negatoscope.reproduce.runs import RunSpec
    from negatoscope.reproduce.table1 import Table1Plan
    from negatoscope.reproduce.table1_document import SummaryRow
    from negatoscope.reproduce.table1_run import Table1Run
    from negatoscope.training.loop import TrainingProgress


def table1(
    context: Context,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where results go; a run that was stopped resumes from there.")
    ] = Path("out/table1"),
    seeds: Annotated[int, typer.Option(metavar="NUMBER", help="Runs of each classifier; verdicts need 3.")] = 1,
    datasets: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Comma-separated names or specs. By default the recipe's, or mnist,gtsrb or what stands in for them.",
        ),
    ] = "",
    epsilons: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS", help="Comma-separated, in [0, 1]: the largest change of a pixel; 0 is the plain DNN."
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
    """Train the paper's ten classifiers, measure their accuracy on negatives, and say where its numbers hold.

    Writes table1.json, .md, .csv, .png and .svg, epochs.png and .svg, rows.parquet, and each classifier's weights.
    Stop it at any moment: the same command resumes.
    """
    rows = _epsilons(epsilons)
    expect_seeds(seeds)
    typer.echo("Preparing data, and timing this machine ...", err=True)  # what is imported below takes seconds
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.reproduce.table1 import Table1Request, reproduce_table1
        from negatoscope.reproduce.table1_page import table1_markdown
        from negatoscope.training.recipe import load_recipe

    request = Table1Request(
        datasets=tuple(split_list(datasets)),
        epsilons=rows,
        seeds=seeds,
        recipe=load_recipe(recipe) if recipe else None,
        data_dir=data_dir,
        fast=fast,
        command=command_line(context),
    )
    hardware = pick_hardware(device, precision)
    with ProgressDisplay() as display:
        progress = Table1Display(display, hardware.description)
        result = reproduce_table1(request, out=out, hardware=hardware, progress=progress)
    typer.echo(table1_markdown(result))
    typer.echo(f"Written to {out}: table1.json, table1.md, table1.csv, rows.parquet, and figures.", err=True)


def figure1(
    context: Context,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the figure goes.")] = Path("out/figure1"),
    table1: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="What `reproduce table1` wrote: the classifiers come from there."),
    ] = Path("out/table1"),
    epsilons: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS", help="Comma-separated: whose predictions are shown, one row each; 0 is the plain DNN."
        ),
    ] = "0.0",
    data_dir: DataDir = None,
) -> None:
    """Draw a digit and a sign beside their negatives, each with a trained classifier's prediction.

    Writes figure1.png, .svg and .json.
    """
    rows = _epsilons(epsilons)
    with loading():
        from negatoscope.reproduce.figure1 import reproduce_figure1

    command = command_line(context)
    for path in reproduce_figure1(table1, out=out, epsilons=rows, data_dir=data_dir, command=command):
        typer.echo(f"Written: {path}")


class Table1Display:
    """Shows a run of `reproduce_table1`: on a terminal with the table as it fills in, elsewhere one line an epoch.

    Args:
        display: Where it is shown.
        hardware: What it runs on, in words.
    """

    def __init__(self, display: "ProgressDisplay", hardware: str) -> None:
        self.display, self.hardware = display, hardware
        self.seconds: dict[RunSpec, float] = {}
        self.summary: Sequence[SummaryRow] = []
        self.finished_seconds = 0.0
        self.epochs = -1
        display.below = self._table

    def planned(self, plan: "Table1Plan") -> None:
        """Say loudly what is not run, and what stands in for it."""
        for entry in plan.not_run:
            self.display.say(f"NOT RUN: {entry.dataset}: {entry.reason}.", loudly=True)
        if plan.not_run and "mnist_sample" in plan.data:
            self.display.say(
                "INSTEAD OF MNIST: a sample of 5,000 of its images. Not comparable with the paper.", loudly=True
            )

    def estimated(self, seconds: Mapping["RunSpec", float]) -> None:
        """Say how much there is to do."""
        from negatoscope.reports.formatting import counted, duration

        self.seconds, total = dict(seconds), sum(seconds.values())
        self.display.expect(total)
        if seconds:
            number = counted(len(seconds), "classifier")
            self.display.say(f"{number} to make, about {duration(total)} on {self.hardware}.")

    def moved(self, spec: "RunSpec", progress: "TrainingProgress | str") -> None:
        """Show where a classifier stands."""
        from negatoscope.reports.formatting import percent

        seconds = self.seconds.get(spec, 0.0)
        if isinstance(progress, str):
            self.display.update(f"{_name(spec)}: measuring: {progress}", self.finished_seconds + 0.97 * seconds)
            return
        text = f"{_name(spec)}: step {progress.step} of {progress.steps}"
        if progress.history:
            last = progress.history[-1]
            text += f", epoch {last.epoch}: validation {percent(last.validation_accuracy, unit=True)}"
            text += f", negatives {percent(last.negative_accuracy, unit=True)}"
        self.display.update(text, self.finished_seconds + 0.9 * seconds * progress.step / progress.steps)
        if len(progress.history) != self.epochs:
            self.epochs = len(progress.history)
            self.display.step(text)

    def finished(self, spec: "RunSpec", run: "Table1Run", summary: "Sequence[SummaryRow]") -> None:
        """Put a classifier into the table."""
        from negatoscope.reports.formatting import percent

        self.summary, self.epochs = summary, -1
        self.finished_seconds += self.seconds.pop(spec, 0.0)
        test, negatives = (percent(rate.accuracy, unit=True) for rate in (run.test, run.negative_train))
        text = f"{_name(spec)}: done: test {test}, negatives {negatives}"
        self.display.update(text, self.finished_seconds)
        self.display.step(text)

    def _table(self) -> "RenderableType":
        from negatoscope.reproduce.table1_columns import table1_live

        return table1_live(self.summary, pending=[(spec.dataset, spec.epsilon) for spec in self.seconds])


def _name(spec: "RunSpec") -> str:
    return f"{spec.dataset}, epsilon {spec.epsilon:g}, seed {spec.seed}"


def _epsilons(text: str) -> tuple[float, ...]:
    try:
        epsilons = tuple(float(part) for part in split_list(text))
    except ValueError as error:
        raise InputError(f"expected comma-separated numbers in --epsilons, got {text!r}") from error
    expect_epsilons(epsilons)
    return epsilons
