"""`negatoscope compare`: two audits side by side."""

from pathlib import Path
from typing import Annotated

import typer

from negatoscope.cli.loading import loading


def compare(
    a: Annotated[Path, typer.Argument(help="The folder of an audit.")],
    b: Annotated[Path, typer.Argument(help="The folder of another.")],
    out: Annotated[Path | None, typer.Option(help="Also write the comparison as JSON to this file.")] = None,
) -> None:
    """Set two audits side by side: which classifier is better, by how much, and is that more than chance?"""
    with loading():
        from negatoscope.auditing.compare import compare as compare_audits
        from negatoscope.documents import write_document

    comparison = compare_audits(a, b)
    if out:
        write_document(out, comparison)
    typer.echo(comparison)
