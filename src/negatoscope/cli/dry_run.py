"""How every command shows what it would run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from negatoscope.cli.show import show
from negatoscope.errors import expect

if TYPE_CHECKING:
    from negatoscope.reports.dry_run import DryRun


def expect_runs(*, dry_run: bool, only_report: bool) -> None:
    """Refuse a dry run of what only writes files anew."""
    expect(not (only_report and dry_run), "--only-report or --dry-run", "both; leave one out")


def show_dry_runs(runs: "Sequence[DryRun]", *, format: str = "markdown") -> NoReturn:
    """Print what would run, as text, or in `format` as JSON or CSV, and end the command."""
    from rich.text import Text

    from negatoscope.documents import to_plain
    from negatoscope.reports.csv_table import csv_table

    def text() -> str:
        return "\n".join([*map(str, runs), "Nothing was run and nothing was written."])

    show(
        list(runs),
        format=format,
        terminal=lambda: Text(text()),
        markdown=text,
        csv=lambda: csv_table([{**to_plain(run), "notes": "; ".join(run.notes)} for run in runs]),
    )
    raise typer.Exit(0)
