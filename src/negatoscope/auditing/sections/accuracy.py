"""Accuracy under each transform."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from negatoscope.auditing.results import TransformResult
from negatoscope.auditing.sections import Report, Section, register_section, render_section
from negatoscope.reports.figures import GRAY, draw_rows, styled, write_at, write_beside
from negatoscope.reports.formatting import measured, one_line, percent
from negatoscope.reports.palette import PRINT


@register_section
def accuracy(report: Report) -> Section | None:
    """A row for each transform, by kind; nothing where clean images alone were audited."""
    if not report.groups:
        return None
    figures = {"accuracy": draw_accuracies(report)}
    return render_section("auditing/sections/accuracy.jinja", place=10, figures=figures, report=report)


def draw_accuracies(report: Report) -> Figure:
    """Accuracy with its interval under each transform, by kind; hollow where the difference is not significant."""
    summary = report.summary
    rows: list[str | TransformResult] = []
    for title, entries in report.groups.items():
        rows += [title, *entries]
    with styled():
        figure, axes = draw_rows(len(rows), summary.title)
        axes.set_xlabel("accuracy, %")
        lift = 11 if abs(summary.clean.accuracy - summary.chance) < 0.4 else 0
        _draw_reference(axes, summary.chance, "chance", color=GRAY, dashes="--")
        _draw_reference(axes, summary.clean.accuracy, "clean", color=PRINT["before"], dashes="-", lift=lift)
        for place, row in enumerate(rows):
            if isinstance(row, str):
                write_beside(axes, place, row, side="left", weight="bold")
            else:
                write_beside(axes, place, one_line(row.spec, width=42), side="left")
                _draw_accuracy(axes, place, row)
    return figure


def _draw_accuracy(axes: Axes, place: int, entry: TransformResult) -> None:
    if not entry.n:
        return
    after, rates = PRINT["after"], (entry.low, entry.accuracy, entry.high, entry.clean_accuracy)
    low, value, high, clean = (100 * (rate or 0.0) for rate in rates)
    axes.plot([clean, value], [place, place], color=after, linewidth=1, alpha=0.4)
    axes.plot([low, high], [place, place], color=after, linewidth=4, alpha=0.4, solid_capstyle="butt")
    face = after if entry.significant else PRINT["paper"]
    axes.plot(value, place, "D", color=after, markerfacecolor=face, markersize=4.5, clip_on=False, zorder=3)
    write_beside(axes, place, measured(entry.accuracy, entry.low, entry.high, decimals=1), side="right")


def _draw_reference(axes: Axes, share: float, name: str, *, color: str, dashes: str, lift: float = 0) -> None:
    """A line over all rows, its name above it (`lift` points higher), inside the panel's width."""
    axes.axvline(100 * share, color=color, linestyle=dashes, linewidth=1, zorder=1)
    label, frame = f"{name} {percent(share, decimals=1)}", ("data", "axes fraction")
    align = "right" if share > 0.5 else "left"
    write_at(axes, label, (100 * share, 1), frame, offset=(0, 5 + lift), color=color, ha=align, fontsize=8)
