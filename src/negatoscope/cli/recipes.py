"""`negatoscope reproduce recipes`: how the default recipes were chosen."""

from pathlib import Path
from typing import Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import DataDir, Device, Precision, option


def recipes(
    dataset: Annotated[str, option("NAME", "mnist or gtsrb: whose candidates are tried.")] = "mnist",
    candidates: Annotated[Path | None, option("FILE", "A TOML file of your own candidates.")] = None,
    out: Annotated[Path, option("FOLDER", "Where runs are kept; a search that was stopped resumes from there.")] = Path(
        "out/recipes"
    ),
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Choose a default recipe again: by validation accuracy and cost, without test images and without negatives."""
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.studies.recipe_search import load_candidates, packaged_candidates, search_recipes

    tried = load_candidates(candidates) if candidates else packaged_candidates(dataset)
    file = out / f"{candidates.stem if candidates else dataset}.json"
    with ProgressDisplay() as progress:
        hardware = pick_hardware(device, precision)
        result = search_recipes(tried, out=file, data_dir=data_dir, hardware=hardware, progress=progress.say)
    typer.echo(f"Chosen: {result.chosen}. Written: {file}")
