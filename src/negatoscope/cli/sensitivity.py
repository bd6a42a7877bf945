"""`negatoscope reproduce sensitivity` and `claims`: studies about the paper."""

import re
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
from negatoscope.errors import InputError


@with_execution
def sensitivity(
    context: Context,
    out: Annotated[
        str, option("FOLDER", "Or URL: where results go; a study that was stopped resumes from there.")
    ] = "out/sensitivity",
    seeds: Annotated[int, option("NUMBER", "Runs of each recipe; verdicts need 2 or more.", check=within(1))] = 3,
    studies: Annotated[str, option("NAMES", "Comma-separated, such as mnist_plain,gtsrb_plain; by default all.")] = "",
    factors: Annotated[str, option("NAMES", "Only these, comma-separated, as in 'optimizer,batch norm'.")] = "",
    budget: Annotated[
        str, option("AMOUNT", "Start no run that would end after this much: 90min, or 300passes over training images.")
    ] = "",
    plan: Annotated[str, option("FILE", "A TOML file of your own studies.")] = "",
    dry_run: DryRunOption = False,
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
    expect_runs(dry_run=dry_run, only_report=only_report)
    amount = _budget(budget)
    typer.echo("Reading runs ..." if only_report else "Preparing data, and timing this machine ...", err=True)
    with loading():
        from negatoscope.cli.sensitivity_display import SensitivityDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.registry import split_list
        from negatoscope.reports.formatting import counted
        from negatoscope.stores import path_of
        from negatoscope.studies.sensitivity import Budget, StudyRequest, study_sensitivity
        from negatoscope.studies.sensitivity_dry_run import dry_run_sensitivity
        from negatoscope.studies.sensitivity_plan import choose_studies, load_studies
        from negatoscope.studies.sensitivity_report import KEEPS, report_sensitivity

    hardware = pick_hardware(device, precision)
    execution = execution_of(context, hardware)
    request = StudyRequest(
        seeds=seeds,
        studies=tuple(split_list(studies)),
        factors=tuple(split_list(factors)),
        budget=Budget(*amount) if amount else None,
        plan=path_of(plan) if plan else None,
        data_dir=data_dir,
        execution=execution,
        fast=fast,
        command=command_line(context),
    )
    place = runs_folder(context, out, keeps=KEEPS, dry_run=dry_run)
    if dry_run:
        show_dry_runs([dry_run_sensitivity(request, out=place, hardware=hardware)])
    if only_report:
        chosen = choose_studies(load_studies(request.plan), names=request.studies, factors=request.factors)
        result = report_sensitivity(chosen, out=place, seeds=seeds, command=request.command)
    else:
        with SensitivityDisplay(hardware.description) as display:
            result = study_sensitivity(request, out=place, hardware=hardware, progress=display)
    files = "sensitivity.json, .md, .png and .svg" if result.studies else "sensitivity.json (no run of a default yet)"
    typer.echo(f"{counted(result.made_runs, 'run')}. Written to {out}: {files}.")


def claims(
    context: Context,
    table1: Annotated[str, option("FOLDER", "Or URL: what `reproduce table1` wrote.")] = "out/table1",
    sensitivity: Annotated[str, option("FOLDER", "Or URL: what `reproduce sensitivity` wrote.")] = "out/sensitivity",
    discussion: Annotated[str, option("FOLDER", "Or URL: what `reproduce discussion` wrote, if it was run.")] = "",
    out: Annotated[str, option("FILE", "Or URL: where the page goes.")] = "out/claims.md",
) -> None:
    """Test the papers' claims on what was run: test, numbers, verdict and condition of each, on one page."""
    with loading():
        from negatoscope.stores import path_of
        from negatoscope.studies.claims_page import write_claims

    made = write_claims(
        path_of(table1),
        path_of(sensitivity),
        out=path_of(out),
        command=command_line(context),
        discussion=path_of(discussion) if discussion else None,
    )
    typer.echo(f"Written: {made}")


def _budget(text: str) -> tuple[float, str] | None:
    """An amount and its unit, such as "90min" or "300passes"."""
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(min|minutes|passes)\s*", text)
    if matched:
        return float(matched[1]), "passes" if matched[2] == "passes" else "minutes"
    if text:
        raise InputError(f"expected --budget such as 90min or 300passes, got {text!r}")
    return None
