"""Accuracy under each transform."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from negatoscope.auditing.page_contents import groups, is_significant
from negatoscope.auditing.page_text import preserved_note, title
from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.auditing.sections import Report, register_section
from negatoscope.reports.figures import GRAY, draw_rows, styled, write_beside
from negatoscope.reports.formatting import measured, one_line, percent
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.palette import PRINT


@register_section
def accuracy(report: Report) -> Section:
    """A row for each transform, by kind."""
    summary = report.summary
    return render_section(
        "auditing/sections/accuracy.jinja",
        place=10,
        figures={"accuracy": draw_accuracies(summary)},
        summary=summary,
        groups=groups(summary),
        is_significant=is_significant,
        preserved_note=preserved_note,
    )


def draw_accuracies(summary: AuditSummary) -> Figure:
    """Accuracy with its interval under each transform, by kind; hollow where the difference is not significant."""
    rows: list[str | TransformResult] = []
    for group in groups(summary):
        rows += [group.title, *group.transforms]
    with styled():
        figure, axes = draw_rows(len(rows), title(summary))
        axes.set_xlabel("accuracy, %")
        chance, clean = summary.chance, summary.clean.accuracy
        _draw_reference(axes, chance, "chance", color=GRAY, dashes="--")
        lift = 11 if abs(clean - chance) < 0.4 else 0
        _draw_reference(axes, clean, "clean", color=PRINT["before"], dashes="-", lift=lift)
        for place, row in enumerate(rows):
            if isinstance(row, str):
                write_beside(axes, place, row, side="left", weight="bold")
            else:
                _draw_accuracy(axes, place, row)
    return figure


def _draw_accuracy(axes: Axes, place: int, entry: TransformResult) -> None:
    write_beside(axes, place, one_line(entry.spec, width=42), side="left")
    if not entry.n:
        return
    after, rates = PRINT["after"], (entry.low, entry.accuracy, entry.high, entry.clean_accuracy)
    low, value, high, clean = (100 * (rate or 0.0) for rate in rates)
    axes.plot([clean, value], [place, place], color=after, linewidth=1, alpha=0.4)
    axes.plot([low, high], [place, place], color=after, linewidth=4, alpha=0.4, solid_capstyle="butt")
    face = after if is_significant(entry) else PRINT["paper"]
    axes.plot(value, place, "D", color=after, markerfacecolor=face, markersize=4.5, clip_on=False, zorder=3)
    write_beside(axes, place, measured(entry.accuracy, entry.low, entry.high, decimals=1), side="right")


def _draw_reference(axes: Axes, share: float, name: str, *, color: str, dashes: str, lift: float = 0) -> None:
    """A line over all rows, its name above it (`lift` points higher), inside the panel's width."""
    axes.axvline(100 * share, color=color, linestyle=dashes, linewidth=1, zorder=1)
    align = "right" if share > 0.5 else "left"
    where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 8}
    label = f"{name} {percent(share, decimals=1)}"
    axes.annotate(label, (100 * share, 1), xytext=(0, 5 + lift), color=color, ha=align, **where)
