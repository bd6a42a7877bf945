"""`negatoscope reproduce discussion`: what the paper says in its discussion, as experiments."""

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
from negatoscope.studies.experiments import choose_experiments


@with_execution
def discussion(
    context: Context,
    out: Annotated[
        str, option("FOLDER", "Or URL: where results go; what was stopped resumes from there.")
    ] = "out/discussion",
    experiments: Annotated[str, option("NAMES", "Comma-separated, from a to e, as in a,c; by default all.")] = "",
    datasets: Annotated[str, option("NAMES", "Comma-separated, of mnist and gtsrb; by default both.")] = "",
    seeds: Annotated[int, option("NUMBER", "Runs of each variant; verdicts need 3.", check=within(1))] = 3,
    plan: Annotated[str, option("FILE", "A TOML file of your own variants.")] = "",
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
    fast: Fast = False,
    only_report: OnlyReport = False,
) -> None:
    """Put the paper's discussion to networks: noise, learning negatives, concepts, and networks of today.

    a: is it the size of the change? b: how many negatives does it take? c: does learning negatives help on transforms
    never seen? d: is the concept learned, or the classes? e: do today's networks recognize negatives? Experiments share
    runs. Writes discussion.json, .md, a figure for each, and each run's rows. Stop it at any moment: it resumes.
    """
    from negatoscope.registry import split_list

    chosen = split_list(experiments)
    choose_experiments(chosen)
    expect_runs(dry_run=dry_run, only_report=only_report)
    typer.echo("Reading runs ..." if only_report else "Preparing data ...", err=True)
    with loading():
        from negatoscope.cli.discussion_display import DiscussionDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.reports.formatting import counted
        from negatoscope.stores import path_of
        from negatoscope.studies.discussion import DiscussionRequest, run_discussion
        from negatoscope.studies.discussion_dry_run import dry_run_discussion
        from negatoscope.studies.discussion_plan import choose_datasets, load_plan
        from negatoscope.studies.discussion_report import KEEPS, report_discussion

    hardware = pick_hardware(device, precision)
    execution = execution_of(context, hardware)
    request = DiscussionRequest(
        experiments=tuple(chosen),
        datasets=tuple(split_list(datasets)),
        seeds=seeds,
        plan=path_of(plan) if plan else None,
        data_dir=data_dir,
        execution=execution,
        fast=fast,
        command=command_line(context),
    )
    place = runs_folder(context, out, keeps=KEEPS, dry_run=dry_run)
    if dry_run:
        show_dry_runs([dry_run_discussion(request, out=place, hardware=hardware)])
    if only_report:
        variants = load_plan(request.plan)
        result = report_discussion(
            variants,
            out=place,
            experiments=choose_experiments(request.experiments),
            datasets=choose_datasets(variants, request.datasets),
            seeds=seeds,
            command=request.command,
        )
    else:
        with DiscussionDisplay(hardware.description) as display:
            result = run_discussion(request, out=place, hardware=hardware, progress=display)
    typer.echo(f"{counted(result.made_runs, 'run')}. Written to {out}: discussion.json, .md, and figures.")
