"""`negatoscope harden`: a classifier that sees negatives, and the proof."""

from typing import Annotated

import typer

from negatoscope.cli.audit import named
from negatoscope.cli.checks import within
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
    LabelColumns,
    LabelPreserving,
    Labels,
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
def harden(
    context: Context,
    model: Model,
    fit: Annotated[str, option("DATA", "Images that look as they should, with or without labels: mnist:train.")],
    data: Annotated[str, option("DATA", "Evaluation images with labels: mnist:test.")],
    invariant: Annotated[
        str,
        option(
            "GROUPS", "Groups of transforms that predictions must be invariant to, comma-separated; see list groups."
        ),
    ] = "negative",
    method: Annotated[
        str,
        option("METHODS", "How: methods such as \"average(of='logits')\", comma-separated, or all; see list methods."),
    ] = "canonicalize",
    out: Annotated[
        str, option("FOLDER", "The folder or URL of the report; what was stopped resumes from there.")
    ] = "out/harden",
    seeds: Annotated[
        int, option("NUMBER", "Fit each randomized method this many times, with seeds 0, 1, ...", check=within(1))
    ] = 1,
    suite: Annotated[
        str, option("NAME", "What else is measured before and after: negative, semantic, all, or none.")
    ] = "semantic",
    transform: Annotated[
        list[str] | None, option("SPEC", 'One more, such as "gamma(exponent=2.0)"; repeatable.')
    ] = None,
    labels: Labels = "",
    label_columns: LabelColumns = "",
    limit: Annotated[
        int | None, option("NUMBER", "At most this many evaluation images, each class in proportion.", check=within(1))
    ] = None,
    label_preserving: LabelPreserving = "",
    bits: Bits = None,
    window: Window = None,
    no_self_check: NoSelfCheck = False,
    overwrite: Annotated[bool, flag("--overwrite", "Replace another model's results that are there.")] = False,
    dry_run: DryRunOption = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    format: Format = "auto",
) -> None:
    """Make any classifier give an image and its negative the same prediction, and measure what that costs.

    Writes report.html, harden.json and the audits before and after. Stop it at any moment: the same command resumes
    after the last method that was fitted and audited.
    """
    with loading():
        from negatoscope.auditing.arguments import as_file, provenance_of
        from negatoscope.auditing.plan import AuditConfig
        from negatoscope.cli.harden_display import HardenDisplay
        from negatoscope.hardening.dry_run import dry_run_harden
        from negatoscope.hardening.jobs import KEEPS
        from negatoscope.hardening.plan import NamedHarden
        from negatoscope.hardening.run import run_harden
        from negatoscope.hardening.text import harden_csv, harden_tables
        from negatoscope.hardware import pick_hardware
        from negatoscope.result_folder import result_folder, result_names

    hardware = pick_hardware(device, "float32")
    execution = execution_of(context, hardware)
    config = settings_of(
        context,
        AuditConfig,
        transforms=transform or (),
        label_preserving=as_file(label_preserving),
        threads=execution.threads,
    )
    with HardenDisplay() as display:
        plan = NamedHarden(named(context, model, hardware), fit, invariant, method, seeds, config).open()
        if dry_run:
            names = context.with_resource(result_names(out, keeps=KEEPS))
            show_dry_runs([dry_run_harden(plan, out=names, execution=execution)], format=format)
        display.planned(plan)
        place = context.with_resource(result_folder(out, keeps=KEEPS))
        provenance = provenance_of(plan.classifier, *plan.datasets, command=command_line(context))
        result = run_harden(
            plan, out=place, provenance=provenance, progress=display.moved, warn=display.say, execution=execution
        )
    show(
        result.summary,
        format=format,
        terminal=lambda: harden_tables(result.summary),
        markdown=lambda: str(result),
        csv=lambda: harden_csv(result.summary),
    )
    typer.echo(f"Written to {out}: harden.json, report.html and the audits before and after.", err=True)
