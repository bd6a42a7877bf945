"""`negatoscope reproduce recipes` and `epochs`: how recipes were chosen, and how long the plain ones train."""

from typing import Annotated

import typer

from negatoscope.cli.checks import LAST_SEED, one_of, within
from negatoscope.cli.loading import loading
from negatoscope.cli.options import Context, DataDir, Device, Precision, is_given, option
from negatoscope.errors import expect


def recipes(
    context: Context,
    dataset: Annotated[
        str, option("NAME", "mnist or gtsrb: whose candidates are tried.", check=one_of("mnist", "gtsrb"))
    ] = "mnist",
    candidates: Annotated[str, option("FILE", "A TOML file of your own candidates.")] = "",
    out: Annotated[
        str, option("FOLDER", "Or URL: where runs are kept; a search that was stopped resumes from there.")
    ] = "out/recipes",
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Choose the recipe `accurate` again: by validation accuracy and cost, never by test images or negatives."""
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.result_folder import result_folder
        from negatoscope.stores import path_of
        from negatoscope.studies.recipe_search import load_candidates, packaged_candidates, search_recipes

    expect(not (candidates and is_given(context, "dataset")), "--dataset or --candidates, which name theirs", "both")
    own = path_of(candidates) if candidates else None
    tried = load_candidates(own) if own else packaged_candidates(dataset)
    name = f"{own.stem if own else dataset}.json"
    file = context.with_resource(result_folder(out, keeps=(name,))) / name
    with ProgressDisplay() as progress:
        hardware = pick_hardware(device, precision)
        result = search_recipes(tried, out=file, data_dir=data_dir, hardware=hardware, progress=progress.say)
    typer.echo(f"Chosen: {result.chosen}. Written: {path_of(out) / name}")


def epochs(
    context: Context,
    recipe: Annotated[str, option("NAME", "A recipe with a constant step size.")] = "sgd",
    dataset: Annotated[str, option("NAME", "mnist, gtsrb, fashion_mnist or mnist_sample.")] = "mnist",
    accuracy: Annotated[
        float, option("NUMBER", "On training images, in (0, 1]: where training ends.", check=within(0, 1, above=True))
    ] = 0.999,
    seed: Annotated[int, option("NUMBER", "One that no table reports.", check=within(0, LAST_SEED))] = 1000,
    epochs: Annotated[int, option("NUMBER", "End after so many in any case.", check=within(1))] = 100,
    out: Annotated[
        str, option("FOLDER", "Or URL: where the result goes; a run that was stopped resumes from there.")
    ] = "out/recipes",
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Count the epochs after which a plain DNN knows its training images: the paper says about 100 % of its own.

    Writes epochs-RECIPE-DATASET.json. Neither test images nor negatives are looked at.
    """
    with loading():
        from negatoscope.cli.progress import ProgressDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.reports.formatting import percent
        from negatoscope.result_folder import result_folder
        from negatoscope.stores import path_of
        from negatoscope.studies.epochs import count_epochs
        from negatoscope.training.loop import TrainingProgress
        from negatoscope.training.recipe import named_recipe

    name = f"epochs-{recipe}-{dataset}"
    file = context.with_resource(result_folder(out, keeps=(name,))) / f"{name}.json"
    shown = 0
    with ProgressDisplay() as display:

        def progress(moment: TrainingProgress) -> None:
            nonlocal shown
            if len(moment.history) > shown:
                last, shown = moment.history[-1], len(moment.history)
                display.say(f"epoch {last.epoch}: {percent(last.validation_accuracy, unit=True)} of training images")

        result = count_epochs(
            named_recipe(recipe, dataset),
            out=file,
            mark=accuracy,
            seed=seed,
            most=epochs,
            data_dir=data_dir,
            hardware=pick_hardware(device, precision),
            progress=progress,
        )
    typer.echo(f"First epoch: {result.first or 'not reached'}. Written: {path_of(out) / file.name}")
