"""`negatoscope reproduce sensitivity` and `claims`: studies about the paper."""

import re
from pathlib import Path
from typing import Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import (
    Address,
    Context,
    DataDir,
    Device,
    ExecutorName,
    Fast,
    OnlyReport,
    Precision,
    Threads,
    Workers,
    command_line,
    option,
)
from negatoscope.errors import InputError
from negatoscope.reproduce.checks import expect_seeds


def sensitivity(
    context: Context,
    out: Annotated[Path, option("FOLDER", "Where results go; a study that was stopped resumes from there.")] = Path(
        "out/sensitivity"
    ),
    seeds: Annotated[int, option("NUMBER", "Runs of each recipe; verdicts need 2 or more.")] = 3,
    studies: Annotated[
        str, option("NAMES", "Comma-separated, of mnist, gtsrb, mnist_robust, fashion_mnist; or all.")
    ] = "",
    factors: Annotated[str, option("NAMES", "Only these, comma-separated, as in 'optimizer,batch norm'.")] = "",
    budget: Annotated[
        str, option("AMOUNT", "Start no run after this much: 90min, or 300passes over training images.")
    ] = "",
    jobs: Annotated[int, option("NUMBER", "Runs at once, each in a process with its share of the processors.")] = 1,
    plan: Annotated[Path | None, option("FILE", "A TOML file of your own studies.")] = None,
    executor: ExecutorName = "local",
    workers: Workers = None,
    address: Address = "",
    threads: Threads = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
    fast: Fast = False,
    only_report: OnlyReport = False,
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
    typer.echo("Reading runs ..." if only_report else "Preparing data, and timing this machine ...", err=True)
    with loading():
        from negatoscope.cli.sensitivity_display import SensitivityDisplay
        from negatoscope.executors import Execution, using_threads
        from negatoscope.hardware import pick_hardware
        from negatoscope.registry import split_list
        from negatoscope.studies.sensitivity import Budget, StudyRequest, study_sensitivity
        from negatoscope.studies.sensitivity_plan import choose_studies, load_studies
        from negatoscope.studies.sensitivity_report import report_sensitivity

    hardware = pick_hardware(device, precision)
    execution = Execution(executor, workers, address, threads, gpus=int(hardware.device.type == "cuda"))
    context.with_resource(using_threads(execution.threads))
    request = StudyRequest(
        seeds=seeds,
        studies=tuple(split_list(studies)),
        factors=tuple(split_list(factors)),
        budget=Budget(*amount) if amount else None,
        plan=plan,
        data_dir=data_dir,
        jobs=jobs,
        execution=execution,
        fast=fast,
        command=command_line(context),
    )
    if only_report:
        chosen = choose_studies(load_studies(plan), names=request.studies, factors=request.factors)
        result = report_sensitivity(chosen, out=out, seeds=seeds, command=request.command)
    else:
        with SensitivityDisplay(hardware.description) as display:
            result = study_sensitivity(request, out=out, hardware=hardware, progress=display)
    files = "sensitivity.json, .md, .png and .svg" if result.studies else "sensitivity.json (no run of a default yet)"
    typer.echo(f"{result.made_runs} runs. Written to {out}: {files}.")


def claims(
    context: Context,
    table1: Annotated[Path, option("FOLDER", "What `reproduce table1` wrote.")] = Path("out/table1"),
    sensitivity: Annotated[Path, option("FOLDER", "What `reproduce sensitivity` wrote.")] = Path("out/sensitivity"),
    discussion: Annotated[Path | None, option("FOLDER", "What `reproduce discussion` wrote, if it was run.")] = None,
    out: Annotated[Path, option("FILE", "Where the page goes.")] = Path("out/claims.md"),
) -> None:
    """Test the papers' claims on what was run: test, numbers, verdict and condition of each, on one page."""
    with loading():
        from negatoscope.studies.claims_page import write_claims

    command = command_line(context)
    typer.echo(f"Written: {write_claims(table1, sensitivity, out=out, command=command, discussion=discussion)}")


def _budget(text: str) -> tuple[float, str] | None:
    """An amount and its unit, such as "90min" or "300passes"."""
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|minutes|passes)\s*", text)
    if matched:
        return float(matched[1]), "passes" if matched[2] == "passes" else "minutes"
    if text:
        raise InputError(f"expected a budget such as 90min or 300passes, got {text!r}")
    return None
