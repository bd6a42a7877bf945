"""The report of an audit: one page that opens without a network, with its figures and a JUnit file beside it.

What the page shows section by section is in `sections/`; its style sheet and colors are in `negatoscope/reports/`.
"""

from collections.abc import Mapping
from pathlib import Path

from negatoscope.auditing import page_text
from negatoscope.auditing.junit import junit_xml
from negatoscope.auditing.page_contents import Report
from negatoscope.auditing.page_gallery import read_gallery
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.sections import make_sections
from negatoscope.files import write_whole
from negatoscope.reports.figures import save_figure
from negatoscope.reports.page import Section
from negatoscope.reports.templates import render


def write_report(out: Path, summary: AuditSummary) -> None:
    """Write `report.html`, `junit.xml` and `figures/` to `out`; pictures come from `gallery/` there, if there is one.

    Raises:
        DataError: The gallery is damaged.
        OutputError: The folder cannot be written or the disk is full.
    """
    report = Report(summary, tuple(read_gallery(out / "gallery")) if (out / "gallery").is_dir() else ())
    sections = make_sections(report)
    for section in sections.values():
        for name, figure in section.figures.items():
            save_figure(figure, out / "figures", name)
    write_whole(out / "junit.xml", junit_xml(summary).encode())
    write_whole(out / "report.html", audit_html(report, sections).encode())


def audit_html(report: Report, sections: Mapping[str, Section]) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped."""
    return str(render("auditing/report.html.jinja", report=report, sections=sections, text=page_text))


def audit_notebook(summary: AuditSummary) -> str:
    """The verdict and the picture of all transforms as a piece of HTML for a notebook's cell, light or dark."""
    return str(render("auditing/notebook.html.jinja", summary=summary, groups=Report(summary).groups))
