"""The report of an audit: one page that opens without a network, with its figures and a JUnit file beside it.

What the page shows section by section is in `sections/`; its style sheet and colors are in `negatoscope/reports/`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from negatoscope.auditing.junit import junit_xml
from negatoscope.auditing.page_contents import groups, is_significant
from negatoscope.auditing.page_gallery import Pair, read_gallery
from negatoscope.auditing.page_text import title
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.sections import Report, make_sections
from negatoscope.files import write_whole
from negatoscope.reports.figures import save_figure
from negatoscope.reports.page import Section, render

_FOOTER = "Made by negatoscope. This page needs no network. Beside it: summary.json, rows.parquet, junit.xml, figures."


def write_report(out: Path, summary: AuditSummary) -> None:
    """Write `report.html`, `junit.xml` and `figures/` to `out`; pictures come from `gallery/` there, if there is one.

    Args:
        out: The folder of the audit.
        summary: What the audit found.

    Raises:
        DataError: The gallery is damaged.
        OutputError: The folder cannot be written or the disk is full.
    """
    pairs = read_gallery(out / "gallery") if (out / "gallery").is_dir() else []
    report = Report(summary, tuple(pairs))
    sections = make_sections(report)
    for section in sections.values():
        for name, figure in section.figures.items():
            save_figure(figure, out / "figures", name)
    write_whole(out / "junit.xml", junit_xml(summary).encode())
    write_whole(out / "report.html", _html(report, sections).encode())


def audit_html(summary: AuditSummary, *, pairs: Sequence[Pair] = ()) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped.

    Args:
        summary: What the audit found.
        pairs: Pictures of misclassified images.
    """
    report = Report(summary, tuple(pairs))
    return _html(report, make_sections(report))


def audit_notebook(summary: AuditSummary) -> str:
    """The verdict and the picture of all transforms as a piece of HTML for a notebook's cell, light or dark."""
    context = {"summary": summary, "title": title(summary), "groups": groups(summary), "is_significant": is_significant}
    return str(render("auditing/notebook.html.jinja", **context))


def _html(report: Report, sections: Mapping[str, Section]) -> str:
    page = render(
        "reports/page.html.jinja",
        title=f"{title(report.summary)}: negatoscope audit",
        question="Does it still see what a person sees?",
        head=render("auditing/page_head.jinja", summary=report.summary, focus=report.focus),
        sections=sections,
        footer=_FOOTER,
    )
    return str(page)
