"""A sensitivity study at a glance: each choice's accuracy on negatives, and every run beside the paper's."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from negatoscope.errors import InputError
from negatoscope.reports.figures import DARK, GREY, styled
from negatoscope.reports.sections import SMOKE, Document, counted, percent
from negatoscope.reports.sensitivity_page import study_title

_COLORS = {"decides": "#b84a00", "does not matter": "#0072b2", "undecided": "#888888"}
_MARKS = [*(0.1 * step for step in (1, 2, 3, 5, 7)), *(1, 1.5, 2, 3, 5, 7), *(10, 15, 20, 30, 50, 70, 100)]
_WIDE_MARKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_ROW, _WIDTH, _TOP, _BOTTOM, _GAP = 0.165, 10.4, 0.75, 0.55, 0.75


def draw_sensitivity(result: Document) -> Figure:
    """For each plainly trained study two panels: its factors, the strongest first, and all of its runs.

    Raises:
        InputError: No study was run.
    """
    studies = [study for study in result["studies"] if not study["epsilon"]] or list(result["studies"])
    if not studies:
        raise InputError("expected a study to draw in the result document, got none; run one first")
    groups = [_ordered(result, study) for study in studies]
    heights = [_ROW * (sum(len(factor["levels"]) for factor in group) + 0.6 * len(group)) + 0.2 for group in groups]
    total = _TOP + sum(heights) + (len(heights) - 1) * (_GAP + 0.25) + _BOTTOM
    with styled():
        figure = Figure(figsize=(_WIDTH, total))
        top = total - _TOP
        for study, group, height in zip(studies, groups, heights, strict=True):
            box = [(top - height) / total, height / total]
            left = figure.add_axes((0.27, box[0], 0.33, box[1]))
            square = min(height, 3.2)
            right = figure.add_axes((0.7, (top - square) / total, 0.27, square / total))
            _draw_factors(left, study, group, fast=bool(result["provenance"]["settings"]["fast"]))
            _draw_runs(right, study, result)
            top -= height + _GAP + 0.25
        _draw_key(figure, total)
    return figure


def _ordered(result: Document, study: Document) -> list[Document]:
    factors = [factor for factor in result["factors"] if factor["study"] == study["name"]]
    return sorted(factors, key=lambda factor: -abs(factor["effect"]))


def _draw_factors(axes: Axes, study: Document, factors: Sequence[Document], *, fast: bool) -> None:
    """A line for each value; the default's stands dashed through all."""
    place, names = 0.0, []
    for factor in factors:
        color = _COLORS[factor["verdict"]]
        for index, level in enumerate(factor["levels"]):
            rate = 100 * level["negative_accuracy"]
            look: dict[str, Any] = {"color": color, "clip_on": False, "zorder": 3}
            if level["low"] is not None:
                axes.hlines(place, 100 * level["low"], 100 * level["high"], linewidth=1.6, **look)
            axes.plot([rate], [place], marker="o", markersize=5, markerfacecolor=color if index else "white", **look)
            names.append((place, str(level["value"]), index == 0, factor["name"], color))
            place += 1
        place += 0.6
    for where, value, first, name, color in names:
        at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
        axes.annotate(value, (0, where), xytext=(-6, 0), ha="right", fontsize=8, color=GREY if first else DARK, **at)
        if first:
            axes.annotate(name, (0, where), xytext=(-166, 0), ha="left", fontsize=8.5, color=color, weight="bold", **at)
    _draw_levels(axes, study, factors)
    axes.set(ylim=(place - 0.6, -0.8), yticks=[], xlim=(0, 100), xlabel="negatives read, %")
    axes.grid(visible=True, axis="x")
    axes.set_title(study_title(study) + (SMOKE if fast else ""), x=-0.665, pad=14)


def _draw_levels(axes: Axes, study: Document, factors: Sequence[Document]) -> None:
    default = 100 * factors[0]["levels"][0]["negative_accuracy"] if factors else 0.0
    chance = 100 * study["chance"]
    axes.axvline(default, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    axes.axvline(chance, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 7.5}
    for name, rate, right in (("default", default, default > chance), ("chance", chance, default <= chance)):
        axes.annotate(
            name, (rate, 1), xytext=(3 if right else -3, 2), ha="left" if right else "right", color=GREY, **at
        )


def _draw_runs(axes: Axes, study: Document, result: Document) -> None:
    """Every run's end, and the pair that the paper prints."""
    runs = [curve for curve in result["curves"] if curve["study"] == study["name"]]
    wrong = [max(0.01, 100 * (1 - run["test_accuracy"])) for run in runs]
    axes.scatter(wrong, [100 * run["negative_accuracy"] for run in runs], s=14, color=DARK, alpha=0.55, linewidth=0)
    closest = result["closest_to_paper"].get(study["name"])
    if closest:
        paper = closest["paper"]
        pair = 100 * (1 - paper["test_accuracy"]), 100 * paper["negative_accuracy"]
        wrong.append(pair[0])
        axes.plot(*pair, marker="*", markersize=13, color="#b84a00", markeredgecolor="white", linewidth=0, zorder=4)
    low, high = min(wrong) / 1.3, max(wrong) * 1.3
    if closest:
        above = pair[1] > 100 * study["chance"]
        right = math.log(pair[0] / low) > math.log(high / low) / 2  # the axis runs from high to low
        near: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": "#b84a00", "fontsize": 8.5}
        side: dict[str, Any] = {"xytext": (9 if right else -9, 6 if above else -4), "ha": "left" if right else "right"}
        axes.annotate(f"the paper: {percent(paper['negative_accuracy'], decimals=1)} %", pair, **near, **side)
    axes.axhline(100 * study["chance"], color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.set(xscale="log", xlabel="wrong on test images, % (log)", ylabel="negatives read, %", ylim=(0, 100))
    marks = _WIDE_MARKS if high > 10 * low else _MARKS
    axes.xaxis.set_major_locator(FixedLocator([mark for mark in marks if low <= mark <= high]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(high, low)
    axes.set_title(f"all {counted(len(runs), 'run')}" if len(runs) > 1 else "the one run", fontsize=9, pad=14)


def _draw_key(figure: Figure, height: float) -> None:
    place = 0.02
    for verdict, color in _COLORS.items():
        figure.text(place, 1 - 0.2 / height, f"● {verdict}", color=color, fontsize=8.5, va="center")
        place += 0.008 * len(verdict) + 0.03
    told = "hollow: the default's value.  Bars: 95 % intervals of the mean of these seeds."
    figure.text(place + 0.01, 1 - 0.2 / height, told, color=GREY, fontsize=8.5, va="center")
