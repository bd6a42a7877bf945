"""What images are misclassified as under the transform in focus."""

import math
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from negatoscope.auditing.results import DatasetSummary, TransformResult
from negatoscope.auditing.sections import Report, Section, register_section, render_section
from negatoscope.reports.figures import draw_rows, styled, write_beside
from negatoscope.reports.formatting import one_line, percent
from negatoscope.reports.palette import PRINT


@register_section
def confusion(report: Report) -> Section | None:
    """The most frequent errors, each with a bar."""
    dataset, focus = report.summary.dataset, report.focus
    if focus is None:
        return None
    figures = {"confusion": draw_confusion(dataset, focus)} if focus.confusion else {}
    classes = round(1 / report.summary.chance)
    shown: dict[str, Any] = {"figures": figures, "classes": classes, "even_bits": math.log2(classes)}
    return render_section("auditing/sections/confusion.jinja", place=40, report=report, **shown)


def draw_confusion(dataset: DatasetSummary, entry: TransformResult) -> Figure:
    """The most frequent errors under a transform, as shares of the images of the true class."""
    with styled():
        figure, axes = draw_rows(len(entry.confusion), f"The most frequent errors under {entry.spec}")
        axes.set_xlabel("of the images of the true class, %")
        for row, error in enumerate(entry.confusion):
            axes.barh(row, 100 * error.share, height=0.5, color=PRINT["after"])
            label, prediction = (_drawable(dataset, index) for index in (error.label, error.prediction))
            write_beside(axes, row, f"{label} → {prediction}", side="left")
            write_beside(axes, row, f"{percent(error.share, decimals=1)}  ({error.n:,})", side="right")
    return figure


def _drawable(dataset: DatasetSummary, index: int) -> str:
    """A class's name where the figures' font has all its letters, else its number."""
    name = one_line(dataset.class_name(index), width=20)
    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    return name if all(ord(letter) in glyphs for letter in name) else f"class {index}"
