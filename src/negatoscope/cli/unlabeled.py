"""What `negatoscope audit` does with images that have no labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import Context, is_given
from negatoscope.cli.show import show
from negatoscope.errors import expect

if TYPE_CHECKING:
    from negatoscope.auditing.plan import AuditPlan

_NEED_LABELS = (
    *("label_columns", "fail_under", "baseline", "expect_accuracy", "max_unreadable", "no_report"),
    *("no_self_check", "executor", "dry_run", "keep_names"),
)


def expect_none_given(context: Context) -> None:
    """Refuse those of the command's options that only an audit of images with labels heeds."""
    for name in _NEED_LABELS:
        expect(not is_given(context, name), f"labels for --{name.replace('_', '-')}", "none; give --labels")


def classify_and_show(
    plans: "Sequence[AuditPlan]", folders: Sequence[Path], *, out: str, command: str, format: str
) -> None:
    """Classify images without labels with each model, write its page and its predictions, and print them."""
    expect(len(plans) == 1 or format not in ("json", "csv"), f"one model for --format {format}", f"{len(plans)} models")
    with loading():
        from negatoscope.auditing.unlabeled import run_unlabeled
        from negatoscope.auditing.unlabeled_text import unlabeled_csv, unlabeled_markdown, unlabeled_tables
        from negatoscope.cli.audit_display import AuditDisplay

    for plan, folder in zip(plans, folders, strict=True):
        with AuditDisplay() as display:
            display.planned(plan)
            found = run_unlabeled(plan, out=folder, command=command, progress=display.moved)
        show(
            found,
            format=format,
            terminal=lambda found=found: unlabeled_tables(found),  # type: ignore[misc]
            markdown=lambda found=found: unlabeled_markdown(found),  # type: ignore[misc]
            csv=lambda found=found: unlabeled_csv(found),  # type: ignore[misc]
        )
        there = out if len(plans) == 1 else f"{out}/{folder.name}"
        typer.echo(f"Written to {there}: report.html and predictions.json.", err=True)
