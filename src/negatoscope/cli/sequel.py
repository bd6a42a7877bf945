"""`negatoscope reproduce sequel`: random shifts of hue and saturation, as in the authors' second paper."""

from typing import Annotated

import typer

from negatoscope.cli.audit import given_options, named
from negatoscope.cli.checks import LAST_SEED, within
from negatoscope.cli.dry_run import expect_runs, show_dry_runs
from negatoscope.cli.execution import execution_of, with_execution
from negatoscope.cli.loading import loading
from negatoscope.cli.model_options import with_model_options
from negatoscope.cli.options import (
    Context,
    DataDir,
    Device,
    DryRunOption,
    NoSelfCheck,
    Precision,
    command_line,
    flag,
    is_given,
    option,
)
from negatoscope.cli.runs_folder import runs_folder
from negatoscope.errors import expect


@with_model_options
@with_execution
def sequel(
    context: Context,
    model: Annotated[
        str, option("MODEL", "Search this model, what audit takes, in place of networks trained here.")
    ] = "",
    data: Annotated[str, option("DATA", "The images that --model is searched on, in color.")] = "",
    seeds: Annotated[int, option("NUMBER", "Networks to train by the recipe.", check=within(1))] = 3,
    trials: Annotated[int, option("NUMBER", "Maximum number of trials per image.", check=within(1, 999_999))] = 1000,
    limit: Annotated[
        int, option("NUMBER", "At most this many test images, each class in proportion.", check=within(1))
    ] = 2000,
    seed: Annotated[
        int,
        option("NUMBER", "Seed for choosing the images and for every random draw.", check=within(0, LAST_SEED)),
    ] = 0,
    recipe: Annotated[str, option("FILE", "A TOML file of your own in place of the recipe for GTSRB in color.")] = "",
    out: Annotated[
        str, option("FOLDER", "Or URL: where results go; what was stopped resumes from there.")
    ] = "out/sequel",
    no_self_check: NoSelfCheck = False,
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    precision: Precision = "auto",
    only_report: Annotated[
        bool,
        flag("--only-report", "Write page and figures anew from the sequel.json of --out."),
    ] = False,
) -> None:
    """Shift the hue and the saturation of each image at random until it is misclassified, as the authors did in 2018.

    Trains networks for GTSRB in color and searches them; --model and --data search another model, beside those that
    --out holds. Writes sequel.json, .md, .png and .svg, and pictures. Stop it at any moment: the same command resumes.
    """
    expect(bool(model) == bool(data), "--model and --data", "one of them; give both, or none to train networks here")
    beside = [f"--{name}" for name in ("recipe", "seeds") if is_given(context, name)] if model else []
    expect(
        not beside, "--model or options of networks that are trained here", f"{', '.join(beside)}, too; leave it out"
    )
    of_model = [] if model else [f"--{name.replace('_', '-')}" for name in given_options(context)]
    expect(not of_model, "--model and --data beside options of a model", f"{', '.join(of_model)} alone; leave it out")
    expect_runs(dry_run=dry_run, only_report=only_report)
    with loading():
        from negatoscope.cli.sequel_display import SequelDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.stores import path_of
        from negatoscope.studies.sequel import SequelRequest, report_sequel, reproduce_sequel
        from negatoscope.studies.sequel_dry_run import dry_run_sequel
        from negatoscope.studies.sequel_page import answer
        from negatoscope.studies.sequel_result import group_models
        from negatoscope.studies.sequel_run import KEEPS
        from negatoscope.training.recipe import load_recipe

    page = path_of(out) / "sequel.md"
    place = runs_folder(context, out, keeps=KEEPS, dry_run=dry_run)
    if only_report:
        report_sequel(place)
        typer.echo(f"Written: {page}")
        return
    hardware = pick_hardware(device, precision, exact=True)
    execution = execution_of(context, hardware)
    own = named(context, model, hardware) if model else None
    request = SequelRequest(
        seeds=seeds,
        trials=trials,
        limit=limit,
        seed=seed,
        recipe=load_recipe(recipe) if recipe else None,
        no_self_check=no_self_check,
        named=own,
        data_dir=data_dir,
        execution=execution,
        command=command_line(context),
    )
    if dry_run:
        show_dry_runs([dry_run_sequel(request, out=place, hardware=hardware)])
    with SequelDisplay(1 if own else seeds) as display:
        result = reproduce_sequel(request, out=place, hardware=hardware, moved=display.moved)
    for text in map(answer, group_models(result.models)):
        typer.echo(text.replace("**", ""))
    typer.echo(f"Written: {page}")
