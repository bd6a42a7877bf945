"""What images are misclassified as under the transform in focus."""

from functools import partial

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from negatoscope.auditing.page_contents import class_name
from negatoscope.auditing.page_text import destinations
from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.auditing.sections import Report, register_section
from negatoscope.reports.figures import draw_rows, styled, write_beside
from negatoscope.reports.formatting import one_line, percent
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.palette import PRINT


@register_section
def confusion(report: Report) -> Section | None:
    """The most frequent errors, each with a bar."""
    summary, focus = report.summary, report.focus
    if focus is None:
        return None
    names = partial(class_name, summary)
    return render_section(
        "auditing/sections/confusion.jinja",
        place=40,
        figures={"confusion": draw_confusion(summary, focus)} if focus.confusion else {},
        focus=focus,
        destinations=destinations(focus, classes=len(summary.dataset.class_names)),
        errors=[(names(error.label), names(error.prediction), error) for error in focus.confusion],
    )


def draw_confusion(summary: AuditSummary, entry: TransformResult) -> Figure:
    """The most frequent errors under a transform, as shares of the images of the true class."""
    with styled():
        figure, axes = draw_rows(len(entry.confusion), f"The most frequent errors under {entry.spec}")
        axes.set_xlabel("of the images of the true class, %")
        for place, error in enumerate(entry.confusion):
            axes.barh(place, 100 * error.share, height=0.5, color=PRINT["after"])
            pair = [_drawable(class_name(summary, index), index) for index in (error.label, error.prediction)]
            write_beside(axes, place, " → ".join(pair), side="left")
            write_beside(axes, place, f"{percent(error.share, decimals=1)}  ({error.n:,})", side="right")
    return figure


def _drawable(name: str, index: int) -> str:
    """A class's name where the figures' font has all its letters, else its number."""
    shown = one_line(name, width=20)
    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    return shown if all(ord(letter) in glyphs for letter in shown) else f"class {index}"
