"""The drawings of a search: accuracy against queries and against the size of a change, and the settings that fail."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from negatoscope.reports.figures import DARK, FAINT, GRAY, MARGIN, draw_legend, draw_panel, styled, write_at
from negatoscope.reports.formatting import MINUS, one_line
from negatoscope.reports.palette import PRINT
from negatoscope.searching.result import AccuracyInterval, DimensionSummary, FailingMap

_LOOKS: tuple[Mapping[str, Any], ...] = (
    {"color": PRINT["after"], "linestyle": "-"},
    {"color": DARK, "linestyle": "--"},
    {"color": PRINT["good"], "linestyle": "-."},
    {"color": GRAY, "linestyle": (0, (1, 1))},
    {"color": PRINT["bad"], "linestyle": (0, (6, 1.5))},
)
"""What the lines of spaces look like, one after the other."""

_GAP, _NAMED = 0.06, 6  # of the width of a bar; choices whose names find room

Line = Sequence[tuple[float, AccuracyInterval]]
"""Accuracies with their intervals, each at a number of queries or at the size of a change."""


def draw_lines(
    lines: Mapping[str, Line], *, clean: float, chance: float, label: str, log: bool, narrow: bool = False
) -> Figure:
    """Accuracy that falls from left to right, a line with its interval for each space.

    It runs from 1, each tick a multiple of the one before, if `log`, else from 0, in steps; `narrow` is for a phone.
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
            band: dict[str, Any] = {"color": look["color"], "alpha": 0.14, "linewidth": 0}
            axes.fill_between(places, low, high, step=None if log else "post", **band)
            shown = one_line(name, width=44 if narrow else 50)
            drawn = "default" if log else "steps-post"
            axes.plot(places, rates, drawstyle=drawn, linewidth=1.75, zorder=3, label=shown, clip_on=False, **look)
        axes.axhline(100 * clean, color=PRINT["before"], linewidth=1, zorder=1, label="clean")
        axes.axhline(100 * chance, color=GRAY, linestyle="--", linewidth=1, zorder=1, label="chance")
        draw_legend(figure, columns=columns)
    return figure


def draw_shares(shares: FailingMap, axis: DimensionSummary, *, clean: float, most: float) -> Figure:
    """The share of misclassified images along one dimension: a bar for each part, and a line for clean images.

    `most` is where the scale ends, in [0, 1].
    """
    edges = edges_of(axis, shares.parts[0])
    with styled():
        figure, axes = _panel(3.4, 1.9)
        axes.set(ylim=(0, 100 * most), yticks=[0, 50 * most, 100 * most], xlim=edges[[0, -1]])
        write_at(axes, "misclassified, %", (0, 1), "axes fraction", offset=(-18, 7), color=GRAY)
        heights, middles = 100 * np.nan_to_num(misclassified(shares)), (edges[1:] + edges[:-1]) / 2
        axes.bar(middles, heights, np.diff(edges) * (1 - _GAP), color=PRINT["after"], linewidth=0)
        axes.axhline(100 * clean, color=PRINT["before"], linewidth=1.25)
        if axis.identity is not None:
            axes.plot(axis.identity, 0, "^", color=PRINT["before"], markersize=6, clip_on=False, zorder=4)
        _mark_ends(axes.xaxis, axis, edges)
        axes.set_xlabel(axis.name, loc="right")
    return figure


def draw_map(shares: FailingMap, across: DimensionSummary, up: DimensionSummary, *, most: float) -> Figure:
    """The share of misclassified images over two dimensions: the darker a cell, the more; a cross where none changes.

    `most` is the share at which a cell is darkest, in [0, 1].
    """
    lefts, bottoms = edges_of(across, shares.parts[0]), edges_of(up, shares.parts[1])
    with styled():
        figure, axes = _panel(3.4, 3.5)
        axes.set(xlim=lefts[[0, -1]], ylim=bottoms[[0, -1]])
        axes.grid(visible=False)
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, facecolor="none", edgecolor=FAINT))
        for (column, row), share in np.ndenumerate(misclassified(shares)):
            if share > 0:
                left, bottom = float(lefts[column]), float(bottoms[row])
                size = float(lefts[column + 1]) - left, float(bottoms[row + 1]) - bottom
                alpha = min(1.0, float(share) / most)
                axes.add_patch(Rectangle((left, bottom), *size, facecolor=PRINT["after"], alpha=alpha, linewidth=0))
        if across.identity is not None and up.identity is not None:
            look: dict[str, Any] = {"markersize": 10, "markeredgewidth": 2.25, "color": PRINT["before"]}
            axes.plot(across.identity, up.identity, "+", clip_on=False, zorder=4, **look)
        _mark_ends(axes.xaxis, across, lefts)
        _mark_ends(axes.yaxis, up, bottoms)
        axes.set_xlabel(across.name, loc="right")
        write_at(axes, up.name, (0, 1), "axes fraction", offset=(-18, 7), color=GRAY)
    return figure


def edges_of(dimension: DimensionSummary, parts: int) -> Float[np.ndarray, " edges"]:
    """Where parts of equal width begin and end."""
    beyond = 0.5 if dimension.whole or dimension.choices else 0.0
    return np.linspace(dimension.low - beyond, dimension.high + beyond, parts + 1)


def misclassified(shares: FailingMap) -> Float[np.ndarray, "..."]:
    """The share of images in each part or cell, NaN where there is none."""
    n, failed = (
        np.array(counts, dtype=np.float64).reshape(shares.parts) for counts in (shares.n, shares.misclassified)
    )
    share: Float[np.ndarray, ...] = np.divide(failed, n, out=np.full(n.shape, np.nan), where=n > 0)
    return share


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


def _mark_ends(axis: Axis, side: DimensionSummary, edges: Float[np.ndarray, " edges"]) -> None:
    """Ticks at both ends and in the middle, or the name of each choice where there are few."""
    if side.choices:
        named = list(side.choices) if len(side.choices) <= _NAMED else []
        axis.set_ticks((edges[1:] + edges[:-1])[: len(named)] / 2, named)
    else:
        middle = (side.low + side.high) / 2
        ticks = [side.low, side.high] if side.whole and middle % 1 else [side.low, middle, side.high]
        axis.set_ticks(ticks, [f"{tick:g}".replace("-", MINUS) for tick in ticks])
