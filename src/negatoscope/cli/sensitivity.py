"""`negatoscope reproduce sensitivity` and `claims`: studies about the paper."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import Context, DataDir, Device, Fast, Precision, command_line, split_list
from negatoscope.errors import InputError
from negatoscope.reproduce.checks import expect_seeds

if TYPE_CHECKING:
    from negatoscope.cli.progress import ProgressDisplay
    from negatoscope.studies.sensitivity_result import SkippedStudy
    from negatoscope.studies.sensitivity_run import StudyRun
    from negatoscope.training.loop import TrainingProgress


def sensitivity(
    context: Context,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where results go; a study that was stopped resumes from there.")
    ] = Path("out/sensitivity"),
    seeds: Annotated[int, typer.Option(metavar="NUMBER", help="Runs of each recipe; verdicts need 2 or more.")] = 3,
    studies: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Comma-separated, of mnist, gtsrb, mnist_robust, fashion_mnist; or all."),
    ] = "",
    factors: Annotated[
        str, typer.Option(metavar="NAMES", help="Only these, comma-separated, as in 'optimizer,batch norm'.")
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
    """Find which choices that the paper does not state decide a network's accuracy on negatives.

    Trains the paper's network with one choice changed at a time, follows accuracy on negatives through training, and
    compares choices at the end and at equal validation accuracy. Runs come seed by seed, the most informative first.
    Writes sensitivity.json, .md, .png and .svg, and each run's rows. Stop it at any moment: the same command resumes.
    """
    expect_seeds(seeds)
    if jobs < 1:
        raise InputError(f"expected at least one job, got {jobs}")
    amount = _budget(budget)
    typer.echo("Preparing data, and timing this machine ...", err=True)
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.studies.sensitivity import Budget, StudyRequest, study_sensitivity

    request = StudyRequest(
        seeds=seeds,
        studies=tuple(split_list(studies)),
        factors=tuple(split_list(factors)),
        budget=Budget(*amount) if amount else None,
        plan=plan,
        data_dir=data_dir,
        jobs=jobs,
        fast=fast,
        command=command_line(context),
    )
    hardware = pick_hardware(device, precision)
    with ProgressDisplay() as display:
        progress = StudyDisplay(display, hardware.description)
        result = study_sensitivity(request, out=out, hardware=hardware, progress=progress)
    files = "sensitivity.json, .md, .png and .svg" if result.studies else "sensitivity.json (no run of a default yet)"
    typer.echo(f"{result.made_runs} runs. Written to {out}: {files}.")


def claims(
    context: Context,
    table1: Annotated[Path, typer.Option(metavar="FOLDER", help="What `reproduce table1` wrote.")] = Path("out/table1"),
    sensitivity: Annotated[Path, typer.Option(metavar="FOLDER", help="What `reproduce sensitivity` wrote.")] = Path(
        "out/sensitivity"
    ),
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the page goes.")] = Path("out/claims.md"),
) -> None:
    """Test the papers' claims on what was run: test, numbers, verdict and condition of each, on one page."""
    with loading():
        from negatoscope.studies.claims_page import write_claims

    typer.echo(f"Written: {write_claims(table1, sensitivity, out=out, command=command_line(context))}")


class StudyDisplay:
    """Shows a run of `study_sensitivity`: a bar on a terminal, and a line for each run.

    Args:
        display: Where it is shown.
        hardware: What it runs on, in words.
    """

    def __init__(self, display: "ProgressDisplay", hardware: str) -> None:
        self.display, self.hardware = display, hardware

    def planned(self, runs: int, done: int, seconds: float, not_run: "Sequence[SkippedStudy]") -> None:
        """Say how much there is to do, and loudly what is not run."""
        from negatoscope.reports.formatting import counted, duration

        for entry in not_run:
            self.display.say(f"NOT RUN: {entry.study}: {entry.reason}.", loudly=True)
        self.display.expect(seconds)
        finished = f", {done} of them finished earlier" if done else ""
        self.display.say(f"{counted(runs, 'run')}{finished}; about {duration(seconds)} on {self.hardware}.")

    def moved(self, name: str, moment: "TrainingProgress | str") -> None:
        """Show where a run stands."""
        text = moment if isinstance(moment, str) else f"step {moment.step} of {moment.steps}"
        self.display.update(f"{name}: {text}", self.display.done)

    def finished(self, name: str, run: "StudyRun", seconds: float) -> None:
        """Say what a run came to."""
        from negatoscope.reports.formatting import percent

        self.display.update(name, self.display.done + seconds)
        test, negatives = (percent(rate.accuracy, unit=True) for rate in (run.test, run.negative_train))
        text = f"{name}: test {test}, negatives {negatives}"
        self.display.say("; ".join(filter(None, [text, self.display.left])))


def _budget(text: str) -> tuple[float, str] | None:
    """An amount and its unit, such as "90min" or "300passes"."""
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|minutes|passes)\s*", text)
    if matched:
        return float(matched[1]), "passes" if matched[2] == "passes" else "minutes"
    if text:
        raise InputError(f"expected a budget such as 90min or 300passes, got {text!r}")
    return None
