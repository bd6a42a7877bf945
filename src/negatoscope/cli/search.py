"""`negatoscope search`: for each image the setting that fools a classifier."""

from typing import Annotated, Any, Literal

import typer

from negatoscope.cli.audit import Data, given_options, named
from negatoscope.cli.checks import LAST_SEED, within
from negatoscope.cli.dry_run import show_dry_runs
from negatoscope.cli.execution import execution_of, with_execution
from negatoscope.cli.loading import loading
from negatoscope.cli.model_options import with_model_options
from negatoscope.cli.options import (
    Bits,
    Context,
    DataDir,
    Device,
    DryRunOption,
    ExpectAccuracy,
    LabelColumns,
    LabelPreserving,
    Labels,
    Limit,
    Model,
    NoSelfCheck,
    Window,
    command_line,
    flag,
    option,
    settings_of,
)
from negatoscope.cli.show import Format, show


@with_model_options
@with_execution
def search(
    context: Context,
    model: Model,
    data: Data,
    space: Annotated[
        list[str] | None,
        option(
            "SPACE",
            "Transforms with ranges, as in gamma(exponent=0.5..2), joined by |, or a named space (see negatoscope list "
            "spaces): tone, color, geometry, color_cube, color_shift, all (the default); repeatable.",
        ),
    ] = None,
    strategy: Annotated[str, option("SPEC", "How settings are proposed; see list strategies.")] = "local",
    budget: Annotated[
        int,
        option("NUMBER", "Queries for each image in each space, the clean one included.", check=within(1, 1_000_000)),
    ] = 100,
    feedback: Annotated[
        Literal["scores", "labels"],
        typer.Option(help="What the search may use of the model's output: scores, or predicted labels only."),
    ] = "scores",
    transfer: Annotated[
        list[str] | None,
        option("MODEL", "Another model that is shown what was found, without a query to it; repeatable."),
    ] = None,
    labels: Labels = "",
    label_columns: LabelColumns = "",
    limit: Limit = None,
    seed: Annotated[
        int, option("NUMBER", "Decides which images --limit chooses, and every draw.", check=within(0, LAST_SEED))
    ] = 0,
    label_preserving: LabelPreserving = "",
    fail_under: Annotated[
        list[str] | None,
        option("RULE", 'Exit code 1: "robust=0.5", a bound on the lower end of the interval; repeatable.'),
    ] = None,
    expect_accuracy: ExpectAccuracy = None,
    no_self_check: NoSelfCheck = False,
    bits: Bits = None,
    window: Window = None,
    out: Annotated[
        str,
        option("FOLDER", "The folder or URL of the report; a search that was stopped resumes from there."),
    ] = "out/search",
    overwrite: Annotated[bool, flag("--overwrite", "Replace another search that is there.")] = False,
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    format: Format = "auto",
) -> None:
    """Find, for each image, the setting that fools a classifier: the worst case, from its answers alone.

    Writes report.html, search.json and rows.parquet. Stop it at any moment: the same command resumes. Exit code 0:
    done and passed; 1: the gate failed; 2: something given is unusable.
    """
    with loading():
        from negatoscope.auditing.arguments import as_file, provenance_of
        from negatoscope.cli.search_display import SearchDisplay
        from negatoscope.hardware import pick_hardware
        from negatoscope.models.open import open_classifier
        from negatoscope.models.options import options_of_others
        from negatoscope.result_folder import result_folder, result_names
        from negatoscope.searching.dry_run import dry_run_search
        from negatoscope.searching.plan import SearchConfig, expect_possible, make_search_plan
        from negatoscope.searching.run import run_search
        from negatoscope.searching.text import search_csv, search_tables

    hardware = pick_hardware(device, "float32", exact=True)
    execution = execution_of(context, hardware)
    config = settings_of(context, SearchConfig, label_preserving=as_file(label_preserving), threads=execution.threads)
    searched = named(context, model, hardware)
    expect_possible(config)
    classifier, dataset = searched.open()
    classes: dict[str, Any] = {"data_classes": len(dataset.class_names), "class_names": dataset.class_names}
    beside = options_of_others(given_options(context)) if transfer else {}
    others = [open_classifier(other, **beside, **classes, device=hardware.device) for other in transfer or ()]
    plan = make_search_plan(classifier, dataset, config, transfer=others, named=searched)
    if dry_run:
        with result_names(out) as names:
            show_dry_runs([dry_run_search(plan, out=names, execution=execution)], format=format)
    provenance = provenance_of(plan.classifier, dataset, command=command_line(context))
    place = context.with_resource(result_folder(out))
    with SearchDisplay() as display:
        display.planned(plan)
        result = run_search(
            plan, out=place, provenance=provenance, progress=display.moved, warn=display.say, execution=execution
        )
    show(
        result.summary,
        format=format,
        terminal=lambda: search_tables(result.summary),
        markdown=lambda: str(result),
        csv=lambda: search_csv(result.summary),
    )
    typer.echo(f"Written to {out}: report.html, search.json and rows.parquet.", err=True)
    raise typer.Exit(0 if result.passed else 1)
