"""The page of a proof: whether hardening is worth it, by which method, at what cost, and what else changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from negatoscope.auditing.compare import RateDifference
from negatoscope.auditing.page_contents import KINDS
from negatoscope.auditing.sections.method import facts
from negatoscope.documents import to_plain
from negatoscope.files import write_whole
from negatoscope.hardening.pictures import Case
from negatoscope.hardening.result import HardenedMethod, HardenSummary
from negatoscope.hardening.text import harden_markdown, harden_notes
from negatoscope.reports.chart_scale import chart_scale
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.templates import render
from negatoscope.transforms import CLEAN


def write_harden_report(out: Path, summary: HardenSummary, cases: Mapping[str, Sequence[Case]]) -> None:
    """Write `report.html` and `report.md` to `out`.

    Args:
        out: The folder.
        summary: What was measured.
        cases: Pictures under the best method, by what they show.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    write_whole(out / "report.md", harden_markdown(summary).encode())
    write_whole(out / "report.html", harden_html(summary, cases).encode())


def harden_html(summary: HardenSummary, cases: Mapping[str, Sequence[Case]]) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped."""
    best = summary.best
    context: dict[str, Any] = {"summary": summary, "best": best, "cases": cases}
    sections: dict[str, Section] = {}
    for place, name in enumerate(("methods", "elements", "others", "pictures", "cost", "use", "method"), start=1):
        if (name == "elements" and len(summary.elements) < 2) or (name == "pictures" and not cases):
            continue
        sections[name] = render_section(
            f"hardening/harden_{name}.jinja",
            place=10 * place,
            wide=name in ("pictures", "method", "elements"),
            groups=other_changes(summary, best),
            elements=[change for change in best.changes if change.spec in summary.elements],
            facts=facts({"data": to_plain(summary.provenance)}),
            **context,
        )
    return str(render("hardening/harden.html.jinja", sections=sections, notes=harden_notes(summary), **context))


def other_changes(summary: HardenSummary, best: HardenedMethod) -> dict[str, tuple[int, list[RateDifference]]]:
    """What else changed under the best method: by kind, the points to both ends of its chart, and the differences."""
    groups, shown_above = {}, (CLEAN, *summary.elements)
    for kind, title in KINDS.items():
        of_kind = [
            change
            for change in best.changes
            if change.kind == kind and change.difference is not None and change.spec not in shown_above
        ]
        if of_kind:
            groups[title] = chart_scale(end for change in of_kind for end in (change.low, change.high)), of_kind
    return groups
