"""The drawings of a search: accuracy against queries and against the size of a change, and the settings that fail."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from negatoscope.reports.figures import DARK, FAINT, GRAY, MARGIN, draw_legend, draw_panel, styled, write_at
from negatoscope.reports.formatting import MINUS, one_line
from negatoscope.reports.palette import PRINT
from negatoscope.searching.failing import FailingAxis, FailingMap
from negatoscope.searching.result import AccuracyInterval

_LOOKS: tuple[Mapping[str, Any], ...] = (
    {"color": PRINT["after"], "linestyle": "-"},
    {"color": DARK, "linestyle": "--"},
    {"color": PRINT["good"], "linestyle": "-."},
    {"color": GRAY, "linestyle": (0, (1, 1))},
    {"color": PRINT["bad"], "linestyle": (0, (6, 1.5))},
)
"""What the lines of spaces look like, one after the other."""

_GAP = 0.06  # of the width of a bar

Line = Sequence[tuple[float, AccuracyInterval]]
"""Accuracies with their intervals, each at a number of queries or at the size of a change."""


def draw_lines(
    lines: Mapping[str, Line], *, clean: float, chance: float, label: str, log: bool, narrow: bool = False
) -> Figure:
    """Accuracy that falls from left to right, a line with its interval for each space.

    Args:
        lines: By the name of the line.
        clean: Clean accuracy, in [0, 1].
        chance: That of guessing.
        label: What runs from left to right.
        log: Whether it does so from 1, each step a multiple of the one before; else from 0.
        narrow: Whether the drawing is for a phone.
    """
    columns = 1 if narrow else 2
    top = 0.3 + 0.19 * -(-(len(lines) + 2) // columns)
    with styled():
        figure, axes = draw_panel(*(4.3, 3.1 + top) if narrow else (7.6, 3.4 + top), top=top, bottom=0.5)
        _scale(axes, max(place for line in lines.values() for place, _ in line), log=log)
        axes.set_xlabel(label, loc="right")
        for number, (name, line) in enumerate(lines.items()):
            look, places = _LOOKS[number % len(_LOOKS)], [place for place, _ in line]
            low, rates, high = ([100 * getattr(rate, end) for _, rate in line] for end in ("low", "accuracy", "high"))
            axes.fill_between(places, low, high, color=look["color"], alpha=0.14, linewidth=0)
            shown = one_line(name, width=44 if narrow else 50)
            axes.plot(places, rates, linewidth=1.75, zorder=3, label=shown, clip_on=False, **look)
        axes.axhline(100 * clean, color=PRINT["before"], linewidth=1, zorder=1, label="clean")
        axes.axhline(100 * chance, color=GRAY, linestyle="--", linewidth=1, zorder=1, label="chance")
        draw_legend(figure, columns=columns)
    return figure


def draw_shares(shares: FailingMap, *, clean: float, most: float) -> Figure:
    """The share of misclassified images along one dimension: a bar for each part, and a line for clean images.

    Args:
        shares: Of one dimension.
        clean: The share that is misclassified clean, in [0, 1].
        most: Where the scale ends, in [0, 1].
    """
    (axis,) = shares.axes
    edges = np.array(axis.edges)
    with styled():
        figure, axes = _panel(3.4, 1.9)
        axes.set(ylim=(0, 100 * most), yticks=[0, 50 * most, 100 * most], xlim=edges[[0, -1]])
        write_at(axes, "misclassified, %", (0, 1), "axes fraction", offset=(-18, 7), color=GRAY)
        widths = np.diff(edges) * (1 - _GAP)
        heights = 100 * np.nan_to_num(shares.misclassified)
        axes.bar((edges[1:] + edges[:-1]) / 2, heights, widths, color=PRINT["after"], linewidth=0)
        axes.axhline(100 * clean, color=PRINT["before"], linewidth=1.25)
        if axis.identity is not None:
            axes.plot(axis.identity, 0, "^", color=PRINT["before"], markersize=6, clip_on=False, zorder=4)
        _mark_ends(axes.xaxis, axis)
        axes.set_xlabel(axis.name, loc="right")
    return figure


def draw_map(shares: FailingMap, *, most: float) -> Figure:
    """The share of misclassified images over two dimensions: the darker a cell, the more; a cross where none changes.

    Args:
        shares: Of two dimensions.
        most: The share at which a cell is darkest, in [0, 1].
    """
    across, up = shares.axes
    with styled():
        figure, axes = _panel(3.4, 3.5)
        axes.set(xlim=(across.edges[0], across.edges[-1]), ylim=(up.edges[0], up.edges[-1]))
        axes.grid(visible=False)
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, facecolor="none", edgecolor=FAINT))
        for (column, row), share in np.ndenumerate(shares.misclassified):
            if share > 0:
                left, bottom = across.edges[column], up.edges[row]
                size = across.edges[column + 1] - left, up.edges[row + 1] - bottom
                strength = min(1.0, share / most)
                axes.add_patch(Rectangle((left, bottom), *size, facecolor=PRINT["after"], alpha=strength, linewidth=0))
        if across.identity is not None and up.identity is not None:
            look: dict[str, Any] = {"markersize": 10, "markeredgewidth": 2.25, "color": PRINT["before"]}
            axes.plot(across.identity, up.identity, "+", clip_on=False, zorder=4, **look)
        _mark_ends(axes.xaxis, across)
        _mark_ends(axes.yaxis, up)
        axes.set_xlabel(across.name, loc="right")
        write_at(axes, up.name, (0, 1), "axes fraction", offset=(-18, 7), color=GRAY)
    return figure


def _scale(axes: Axes, end: float, *, log: bool) -> None:
    """The axis from left to right, from 1 or from 0 to `end`."""
    if not log:
        end = end or 1.0
        axes.set(xlim=(0, end), xticks=[tick for tick in MaxNLocator(6).tick_values(0, end) if tick <= end])
        return
    axes.set(xscale="log", xlim=(1, max(end, 2)))
    ticks = [factor * 10**power for power in range(7) for factor in (1, 2, 5) if factor * 10**power <= end]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xticks([], minor=True)


def _panel(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width + 2 * MARGIN, height + 2 * MARGIN))
    across, up = figure.get_size_inches()
    left, right, bottom, top = (MARGIN + room for room in (0.4, 0.12, 0.45, 0.28))
    axes = figure.add_axes((left / across, bottom / up, 1 - (left + right) / across, 1 - (bottom + top) / up))
    axes.tick_params(length=0, labelcolor=GRAY)
    return figure, axes


def _mark_ends(axis: Axis, shares: FailingAxis) -> None:
    """Ticks at both ends and in the middle, or the name of each choice."""
    first, last = shares.edges[0], shares.edges[-1]
    if shares.choices:
        axis.set_ticks([place + 0.5 for place in range(len(shares.choices))], list(shares.choices))
    else:
        ticks = [first, (first + last) / 2, last]
        axis.set_ticks(ticks, [f"{tick:g}".replace("-", MINUS) for tick in ticks])
