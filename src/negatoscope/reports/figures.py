"""How every figure looks, and how it is written: the same bytes for the same numbers."""

import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from negatoscope.files import write_whole
from negatoscope.reports.formatting import one_line
from negatoscope.reports.palette import PRINT

DARK, GRAY, FAINT = (PRINT[name] for name in ("ink", "soft", "line"))

_XY = tuple[float, float]

_LEFT, _RIGHT, _BOTTOM, _BETWEEN = 0.6, 1.1, 0.5, 0.35  # inches
_ROW, _HEAD, _NAMES, _PLOT, _VALUES = 0.25, 0.85, 3.5, 4.2, 1.5

_COLORS = {
    **dict.fromkeys(("text.color", "xtick.labelcolor"), DARK),
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.labelcolor"), GRAY),
    "grid.color": FAINT,
}
"""The rest of the look is in figures.mplstyle."""

MARGIN = 0.15
"""Inches of empty paper around a figure of `draw_panel`; inside a page there is none."""

TICKS = (0, 25, 50, 75, 100)


def styled() -> AbstractContextManager[None]:
    """The look of all figures, whatever the user's own settings, for as long as the block runs."""
    return style.context(["default", Path(__file__).with_suffix(".mplstyle"), _COLORS])


def draw_grid(
    rows: int, columns: int, *, size: tuple[float, float], top: float, share: str, between: float = _BETWEEN
) -> tuple[Figure, Any]:
    """A figure of empty panels with room to the right of each for the names of its lines.

    Args:
        rows: How many panels stand above each other.
        columns: How many panels stand beside each other.
        size: Width and height of a panel in inches.
        top: Room above the panels in inches.
        share: Which axis the panels of a row ("y") or of a column ("x") have in common.
        between: Room between rows in inches.

    Returns:
        The figure, and its axes as an array with `rows` rows and `columns` columns.
    """
    width = _LEFT + columns * (size[0] + _RIGHT) + (columns - 1) * _BETWEEN
    height = top + rows * size[1] + (rows - 1) * between + _BOTTOM
    room = {
        "left": _LEFT / width,
        "right": 1 - _RIGHT / width,
        "bottom": _BOTTOM / height,
        "top": 1 - top / height,
        "wspace": (_RIGHT + _BETWEEN) / size[0],
        "hspace": between / size[1],
    }
    figure = Figure(figsize=(width, height))
    common: dict[str, Any] = {"sharex": "col"} if share == "x" else {"sharey": "row"}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=room, **common)
    return figure, axes


def draw_panel(width: float, height: float, *, top: float, bottom: float) -> tuple[Figure, Axes]:
    """A panel from 0 to 100 % both ways, with room above it for a legend of `top` inches; all sizes are in inches."""
    figure = Figure(figsize=(width + 2 * MARGIN, height + 2 * MARGIN))
    across, up = figure.get_size_inches()
    left, right = MARGIN + 0.35, MARGIN + 0.15
    axes = figure.add_axes(
        (left / across, (MARGIN + bottom) / up, 1 - (left + right) / across, 1 - (2 * MARGIN + bottom + top) / up)
    )
    axes.set(xlim=(0, 100), ylim=(0, 100), xticks=TICKS, yticks=TICKS)
    axes.tick_params(axis="x", length=0, labelcolor=GRAY)
    write_at(axes, "accuracy, %", (0, 1), "axes fraction", offset=(-18, 9), color=GRAY)
    return figure, axes


def draw_legend(figure: Figure, *, columns: int) -> None:
    """A legend above the panel of `draw_panel`, in so many columns."""
    corner = MARGIN / figure.get_figwidth(), 1 - MARGIN / figure.get_figheight()
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": corner, "borderpad": 0, "borderaxespad": 0}
    look: dict[str, Any] = {"handletextpad": 0.6, "handlelength": 2.0, "columnspacing": 1.8, "labelcolor": GRAY}
    legend = figure.legend(ncols=columns, **place, **look)
    for text in legend.get_texts():
        text.set_parse_math(False)


def draw_rows(count: int, heading: str) -> tuple[Figure, Axes]:
    """A panel of `count` rows from 0 to 100 %, the first on top, with room for `write_beside` on both sides."""
    width, height = _NAMES + _PLOT + _VALUES, _HEAD + _ROW * count + _BOTTOM
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((_NAMES / width, _BOTTOM / height, _PLOT / width, _ROW * count / height))
    axes.set(xlim=(0, 100), ylim=(count - 0.5, -0.5), yticks=[])
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    look: dict[str, Any] = {"fontsize": 11, "fontweight": "bold", "parse_math": False}
    figure.text(0.2 / width, 1 - 0.18 / height, one_line(heading, width=90), ha="left", va="top", **look)
    return figure, axes


def write_beside(axes: Axes, row: int, text: str, *, side: Literal["left", "right"], weight: str = "normal") -> None:
    """Write a text to the left or right of a row."""
    x, offset, align = (0, -9, "right") if side == "left" else (1, 9, "left")
    write_at(axes, text, (x, row), ("axes fraction", "data"), offset=(offset, 0), ha=align, va="center", weight=weight)


def write_at(axes: Axes, text: str, place: _XY, frame: str | tuple[str, str], *, offset: _XY, **look: Any) -> None:
    """Write a text, never as a formula, some points away from a place in `frame` (matplotlib's `xycoords`)."""
    where: dict[str, Any] = {"xycoords": frame, "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(text, place, offset, parse_math=False, **where, **look)


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name.png`` (200 dpi) and ``name.svg`` into `folder`, each whole or not at all.

    Neither holds a date or a version, so the same figure gives the same bytes.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    written = []
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        content = io.BytesIO()
        with styled():
            figure.savefig(content, format=kind, dpi=200, metadata=metadata)
        written.append(folder / f"{name}.{kind}")
        write_whole(written[-1], content.getvalue())
    return written
