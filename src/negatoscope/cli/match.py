"""`negatoscope reproduce match`: a search for recipes that reach both of the numbers that the paper prints."""

from typing import Annotated

import typer

from negatoscope.cli.checks import one_of, within
from negatoscope.cli.dry_run import expect_runs, show_dry_runs
from negatoscope.cli.execution import execution_of, with_execution
from negatoscope.cli.loading import loading
from negatoscope.cli.options import (
    Context,
    DataDir,
    Device,
    DryRunOption,
    Precision,
    command_line,
    flag,
    option,
)
from negatoscope.cli.runs_folder import runs_folder


@with_execution
def match(
    context: Context,
    dataset: Annotated[
        str, option("NAME", "mnist or gtsrb: whose pair is searched for.", check=one_of("mnist", "gtsrb"))
    ] = "mnist",
    trials: Annotated[
        int, option("NUMBER", "Recipes to train in all, with those of earlier calls.", check=within(5))
    ] = 60,
    out: Annotated[
        str, option("FOLDER", "Or URL: where the search is kept; one that was stopped resumes from there.")
    ] = "out/match",
    sensitivity: Annotated[
        str, option("FOLDER", "Or URL: what `reproduce sensitivity` wrote; its effects are shown, if there.")
    ] = "out/sensitivity",
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
    only_report: Annotated[
        bool, flag("--only-report", "Write page and figure anew from the match.json of --out.")
    ] = False,
) -> None:
    """Search all unstated choices at once for recipes that reach the paper's accuracy and its accuracy on negatives.

    Writes match.json, .md, .png and .svg. The search sees validation images only; test images are opened for the
    nearest five at its end.
    """
    expect_runs(dry_run=dry_run, only_report=only_report)
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.reports.formatting import percent
        from negatoscope.stores import path_of
        from negatoscope.studies.match import KEEPS, MatchRequest, report_match, reproduce_match
        from negatoscope.studies.match_dry_run import dry_run_match

    page = path_of(out) / "match.md"
    place = runs_folder(context, out, keeps=KEEPS, dry_run=dry_run)
    study = path_of(sensitivity)
    if only_report:
        report_match(place, sensitivity=study)
        typer.echo(f"Written: {page}")
        return
    hardware = pick_hardware(device, precision)
    execution = execution_of(context, hardware)
    request = MatchRequest(dataset, trials, data_dir=data_dir, execution=execution, command=command_line(context))
    if dry_run:
        show_dry_runs([dry_run_match(request, out=place, hardware=hardware)])
    with ProgressDisplay() as display:
        result = reproduce_match(request, out=place, hardware=hardware, sensitivity=study, progress=display.say)
    search = result.searches[-1]
    test, negatives = percent(search.nearest.test_accuracy), percent(search.nearest.negative_accuracy)
    paper = f"{percent(search.paper_test_accuracy)} and {percent(search.paper_negative_accuracy)} %"
    found = "Found" if search.found else "Not found"
    typer.echo(
        f"{found}: of {search.trials} recipes the nearest classifies {test} % of test images and {negatives} % of "
        f"negatives correctly, where the paper has {paper}. Written: {page}"
    )
