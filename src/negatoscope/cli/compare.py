"""`negatoscope compare`: audits side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from negatoscope.cli.loading import loading
from negatoscope.cli.options import option
from negatoscope.cli.show import Format, show

if TYPE_CHECKING:
    from negatoscope.auditing.audit_result import AuditResult
    from negatoscope.stores import AnyPath


def compare(
    a: Annotated[str, typer.Argument(help="The folder of an audit, or its URL.")],
    b: Annotated[str, typer.Argument(help="The folder of another, or its URL.")],
    more: Annotated[list[str] | None, typer.Argument(help="More of them; each is compared with A.")] = None,
    out: Annotated[str, option("FILE", "Also write the comparison as JSON to this file or URL.")] = "",
    html: Annotated[str, option("FILE", "Also write it as a page to this file or URL.")] = "",
    format: Format = "auto",
) -> None:
    """Set audits side by side: which classifier is better, by how much, and is that more than chance?"""
    with loading():
        from negatoscope.auditing.compare import open_audits
        from negatoscope.stores import path_of

    audits = open_audits((a, b, *(more or ())))
    show_comparison(audits, out=path_of(out) if out else None, html=path_of(html) if html else None, format=format)


def show_comparison(
    audits: "Sequence[AuditResult]", *, out: "AnyPath | None", html: "AnyPath | None", format: str
) -> None:
    """Compare finished audits, write what is asked for, and print the comparison."""
    with loading():
        from negatoscope.auditing.compare import compare as compare_audits
        from negatoscope.auditing.compare_models import ModelComparison, compare_models
        from negatoscope.auditing.compare_page import compare_html
        from negatoscope.auditing.compare_terminal import compare_tables, models_tables
        from negatoscope.auditing.page_csv import compare_csv
        from negatoscope.documents import write_document
        from negatoscope.files import write_whole

    comparison = compare_audits(*audits)
    if out:
        write_document(out, comparison)
    if html:
        write_whole(html, compare_html(compare_models(audits)).encode())
    show(
        comparison,
        format=format,
        terminal=lambda: (
            models_tables(comparison) if isinstance(comparison, ModelComparison) else compare_tables(comparison)
        ),
        markdown=lambda: str(comparison),
        csv=lambda: compare_csv(comparison),
    )
