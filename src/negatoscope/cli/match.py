"""`negatoscope reproduce match`: a search for recipes that reach both of the numbers that the paper prints."""

from pathlib import Path
from typing import Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import Context, DataDir, Device, Precision, command_line, option


def match(
    context: Context,
    dataset: Annotated[str, option("NAME", "mnist or gtsrb: whose pair is searched for.")] = "mnist",
    trials: Annotated[int, option("NUMBER", "Recipes to train in all, with those of earlier calls.")] = 60,
    out: Annotated[Path, option("FOLDER", "Where the search is kept; one that was stopped resumes from there.")] = Path(
        "out/match"
    ),
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Search all unstated choices at once for recipes that reach the paper's accuracy and its accuracy on negatives.

    Writes match.json. The search sees validation images only; test images are opened for the nearest five at its end.
    """
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.reports.formatting import percent
        from negatoscope.studies.match import MatchRequest, reproduce_match

    request = MatchRequest(dataset, trials, data_dir=data_dir, command=command_line(context))
    with ProgressDisplay() as display:
        result = reproduce_match(request, out=out, hardware=pick_hardware(device, precision), progress=display.say)
    search = result.searches[-1]
    test, negatives = percent(search.nearest.test_accuracy), percent(search.nearest.negative_accuracy)
    paper = f"{percent(search.paper_test_accuracy)} and {percent(search.paper_negative_accuracy)} %"
    found = "Found" if search.found else "Not found"
    typer.echo(
        f"{found}: of {search.trials} recipes the nearest reads {test} % of test images "
        f"and {negatives} % of negatives, where the paper has {paper}. Written: {out / 'match.json'}"
    )
