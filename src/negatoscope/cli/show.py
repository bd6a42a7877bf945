"""How a command shows its result: tables on a terminal; Markdown, JSON or CSV elsewhere or where that is asked for."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDEST = 110
"""The most columns of a terminal that sentences and tables take."""

Format = Annotated[
    Literal["auto", "markdown", "json", "csv"],
    typer.Option(help="How the result is printed; auto: tables on a terminal, Markdown elsewhere."),
]


def show(
    document: object,
    *,
    format: str,
    terminal: "Callable[[], RenderableType]",
    markdown: Callable[[], str],
    csv: Callable[[], str],
) -> None:
    """Print a result on standard output.

    Args:
        document: What "json" prints.
        format: One of `Format`.
        terminal: Makes what a terminal shows; rich folds it to the terminal's width.
        markdown: Makes the Markdown.
        csv: Makes the CSV.
    """
    from rich.console import Console

    from negatoscope.documents import to_json

    if format == "auto" and sys.stdout.isatty():
        console = Console(highlight=False)
        console.print(terminal(), width=min(console.width, WIDEST))
    elif format in ("json", "csv"):
        typer.echo(to_json(document).decode() if format == "json" else csv(), nl=False)
    else:
        typer.echo(markdown())
