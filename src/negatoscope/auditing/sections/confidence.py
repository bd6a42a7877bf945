"""Confidence against accuracy, clean and under the transform in focus."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from negatoscope.auditing.measurement import Measurement
from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.auditing.sections import Report, Section, register_section, render_section
from negatoscope.reports.figures import GRAY, draw_legend, draw_panel, styled
from negatoscope.reports.formatting import one_line, percent
from negatoscope.reports.palette import PRINT


@register_section
def confidence(report: Report) -> Section | None:
    """A reliability diagram beside mean confidences and calibration errors."""
    if report.focus is None:
        return None
    chart = draw_reliability(report.summary, report.focus)
    figures = {"reliability": chart}
    return render_section("auditing/sections/confidence.jinja", place=30, figures=figures, report=report, chart=chart)


def draw_reliability(summary: AuditSummary, entry: TransformResult) -> Figure:
    """Accuracy against confidence, clean and under a transform; the area of a mark is the share of images."""
    with styled():
        figure, axes = draw_panel(4.0, 4.75, top=0.75, bottom=0.5)
        axes.set_aspect("equal")
        axes.tick_params(axis="x", pad=7)
        axes.set_xlabel("confidence, %", loc="right")
        axes.plot([0, 100], [0, 100], color=GRAY, linestyle="--", linewidth=1)
        _draw_bins(axes, summary.clean, "clean", color=PRINT["before"], marker="o")
        _draw_bins(axes, entry, one_line(entry.spec, width=22), color=PRINT["after"], marker="D")
        draw_legend(figure, columns=2)
    return figure


def _draw_bins(axes: Axes, predictions: Measurement, name: str, *, color: str, marker: str) -> None:
    bins = predictions.reliability
    x, y = [100 * part.confidence for part in bins], [100 * part.accuracy for part in bins]
    axes.vlines(x, x, y, color=color, linewidth=1, alpha=0.45)
    sizes = [12 + 130 * part.n / predictions.n for part in bins]
    axes.scatter(x, y, sizes, color=color, marker=marker, clip_on=False, zorder=3, linewidth=0)
    label = f"{name}\nECE {percent(predictions.ece, decimals=1)} points"
    axes.scatter([], [], 30, color=color, marker=marker, linewidth=0, label=label)
