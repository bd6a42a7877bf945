"""The discussion's experiments at a glance: a figure for each, a panel for each dataset."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from negatoscope.reports.figures import DARK, GRAY, TICKS, draw_grid, styled, write_at, write_beside
from negatoscope.reports.palette import NEGATIVES, TEST_IMAGES
from negatoscope.reproduce.paper import SMOKE, dataset_name
from negatoscope.studies.discussion_result import Discussion, MeanOverSeeds, NumberResult

_ROW, _TOP, _BOTTOM, _NAMES, _PANEL, _GAP, _LEAST = 0.36, 1.05, 0.5, 3.05, 3.1, 0.35, 8.6
"""Inches: of a row's height, the room around panels, a panel's width, and the least width of a figure."""

_LETTER, _LINE = 0.063, 0.22
"""Inches of a letter and of a line of the key."""

_APART = 0.18
"""Of a row, between its marks."""

_NEAR = 8
"""Points of accuracy from which on the names of two lines would meet."""

_DASHED = (0, (4, 3))


@dataclass(frozen=True)
class _Mark:
    """How one rate of a row is drawn."""

    name: str
    color: str
    filled: bool = True


_Row = Mapping[_Mark, MeanOverSeeds | None]

_CLEAN, _NEGATIVE = _Mark("clean images", TEST_IMAGES), _Mark("negatives", NEGATIVES)
_TRANSFORM = _Mark("the transform", NEGATIVES)
_NOISE, _CLIPPED = _Mark("noise of its size", GRAY), _Mark("the same, clipped to [0, 1]", GRAY, filled=False)
_WITHOUT = _Mark("no negatives learned", GRAY)
_SHOWN, _OTHERS = _Mark("classes shown", TEST_IMAGES), _Mark("the other classes", NEGATIVES)
_OTHERS_PLAIN = _Mark("these, no negatives shown", GRAY)
_OTHERS_ALL = _Mark("these, all shown", GRAY, filled=False)


def draw_experiment(result: Discussion, experiment: str) -> Figure:
    """The figure of one of the experiments from a to e, of those datasets where it was run."""
    with styled():
        return _FIGURES[experiment](result)


def _draw_noise(result: Discussion) -> Figure:
    rows: dict[str, dict[str, _Row]] = {}
    for each in sorted(result.noise, key=lambda each: -each.l2):
        marks = {_TRANSFORM: each.transformed, _NOISE: each.noise, _CLIPPED: each.clipped_noise}
        rows.setdefault(each.dataset, {})[each.transform] = marks
    sizes = {(each.dataset, each.transform): f"{each.l2:.1f}" for each in result.noise}
    return _draw_rows(result, rows, beside=sizes, after="At the right end: the mean L2 norm of the change.")


def _draw_unseen(result: Discussion) -> Figure:
    """Of a plan with several variants, each has a mark of its own: the first is filled."""
    variants = list(dict.fromkeys(each.variant for each in result.unseen))
    learned = {name: _Mark(name, NEGATIVES, filled=place == 0) for place, name in enumerate(variants)}
    rows: dict[str, dict[str, dict[_Mark, MeanOverSeeds | None]]] = {}
    for each in result.unseen:
        name = f"{each.transform} (seen)" if each.is_seen else each.transform
        row = rows.setdefault(each.dataset, {}).setdefault(name, {_WITHOUT: each.plain})
        row[learned[each.variant]] = each.learned
    return _draw_rows(result, rows)


def _draw_transfer(result: Discussion) -> Figure:
    rows: dict[str, dict[str, _Row]] = {}
    for each in result.transfer:
        rows.setdefault(each.dataset, {})[each.variant] = {
            _SHOWN: each.shown,
            _OTHERS: each.others,
            _OTHERS_PLAIN: each.plain_others,
            _OTHERS_ALL: each.all_others,
        }
    return _draw_rows(result, rows, before="negatives of:")


def _draw_networks(result: Discussion) -> Figure:
    rows: dict[str, dict[str, _Row]] = {}
    for each in result.networks:
        rows.setdefault(each.dataset, {})[each.variant] = {_CLEAN: each.clean, _NEGATIVE: each.negative}
    return _draw_rows(result, rows)


def _draw_rows(
    result: Discussion,
    rows: Mapping[str, Mapping[str, _Row]],
    *,
    beside: Mapping[tuple[str, str], str] | None = None,
    before: str = "",
    after: str = "",
) -> Figure:
    """A panel for each dataset with a row for each name; a name that only one of them has is a gap in the others.

    Args:
        result: Where the rows come from.
        rows: Of each dataset, by their names.
        beside: What stands at the right end of a row, by dataset and name.
        before: What the key begins with.
        after: What it ends with.
    """
    names = list(dict.fromkeys(name for named in rows.values() for name in named))
    gap = _GAP + 0.35 * bool(beside)
    width = max(_LEAST, _NAMES + len(rows) * (_PANEL + gap))
    height = _TOP + _ROW * len(names) + _BOTTOM
    figure = Figure(figsize=(width, height))
    for place, (dataset, named) in enumerate(rows.items()):
        left = _NAMES + place * (_PANEL + gap)
        axes = figure.add_axes((left / width, _BOTTOM / height, _PANEL / width, _ROW * len(names) / height))
        axes.set(xlim=(0, 100), ylim=(len(names) - 0.5, -0.5), yticks=[], xticks=TICKS, xlabel="accuracy, %")
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
        axes.set_title(dataset_name(dataset) + (SMOKE if result.fast else ""))
        axes.axvline(100 * result.chance[dataset], color=GRAY, linewidth=0.9, linestyle=_DASHED, zorder=1)
        for row, name in enumerate(names):
            if place == 0:
                write_beside(axes, row, name, side="left")
            marks = named.get(name, {})
            for index, (mark, mean) in enumerate(marks.items()):
                _draw_mark(axes, row + _APART * (index - (len(marks) - 1) / 2), mark, mean)
            if beside and (dataset, name) in beside:
                write_beside(axes, row, beside[dataset, name], side="right")
    every = dict.fromkeys(mark for named in rows.values() for row in named.values() for mark in row)
    _draw_key(figure, list(every), before, after)
    return figure


def _draw_mark(axes: Axes, place: float, mark: _Mark, mean: MeanOverSeeds | None) -> None:
    if mean is None:
        return
    look: dict[str, Any] = {"color": mark.color, "clip_on": False, "zorder": 3}
    if mean.low is not None and mean.high is not None:
        axes.hlines(place, 100 * mean.low, 100 * mean.high, linewidth=1.2, alpha=0.6, **look)
    face = mark.color if mark.filled else "white"
    axes.plot([100 * mean.mean], [place], marker="o", markersize=5, markerfacecolor=face, linewidth=0, **look)


def _draw_key(figure: Figure, marks: Sequence[_Mark], before: str = "", after: str = "") -> None:
    """The marks with their names in a line above all panels, and below them what else there is to say."""
    width, height = figure.get_size_inches()
    place = 0.15
    look: dict[str, Any] = {"fontsize": 8.5, "va": "center", "parse_math": False}
    named = [(f"{'●' if mark.filled else '○'} {mark.name}", mark.color) for mark in marks]
    for text, color in [*([(before, GRAY)] if before else []), *named]:
        figure.text(place / width, 1 - _LINE / height, text, color=color, **look)
        place += _LETTER * len(text) + 0.2
    rest = f"Bars, bands: 95 % intervals over seeds; none where it is one seed. Dashed: chance. {after}".strip()
    figure.text(0.15 / width, 1 - 2 * _LINE / height, rest, color=GRAY, **look)


def _draw_number(result: Discussion) -> Figure:
    """A row of panels for each dataset, a panel for each way to learn; more negatives to the right."""
    datasets = list(dict.fromkeys(each.dataset for each in result.number))
    ways = list(dict.fromkeys(each.way for each in result.number))
    figure, places = draw_grid(len(datasets), len(ways), size=(2.4, 1.9), top=1.0, share="y", between=0.85)
    for dataset, panels in zip(datasets, places, strict=True):
        for way, axes in zip(ways, panels, strict=True):
            numbers = [each for each in result.number if (each.dataset, each.way) == (dataset, way)]
            _draw_lines(axes, numbers)
            axes.axhline(100 * result.chance[dataset], color=GRAY, linewidth=0.9, linestyle=_DASHED, zorder=1)
            axes.set(ylim=(0, 100), yticks=TICKS, xlabel="negatives trained on")
            title = f"{dataset_name(dataset)}, {way}" + (SMOKE if result.fast else "")
            axes.set_title(title, fontsize=9.5)
        panels[0].set_ylabel("accuracy, %")
    _draw_key(figure, [_CLEAN, _NEGATIVE])
    return figure


def _draw_lines(axes: Axes, numbers: Sequence[NumberResult]) -> None:
    x = [0.0 if not each.negatives else 1 + math.log10(each.negatives) for each in numbers]
    lines = {_CLEAN: [each.clean for each in numbers], _NEGATIVE: [each.negative for each in numbers]}
    ends = [100 * means[-1].mean for means in lines.values()]
    aside = 4 * (abs(ends[0] - ends[1]) < _NEAR)  # points
    for mark, means in lines.items():
        y = [100 * mean.mean for mean in means]
        axes.plot(x, y, color=mark.color, marker="o", markersize=4, linewidth=1.4, clip_on=False, zorder=3)
        bands = [(100 * mean.low, 100 * mean.high) for mean in means if mean.low is not None and mean.high is not None]
        if len(bands) == len(x):
            low, high = zip(*bands, strict=True)
            axes.fill_between(x, low, high, color=mark.color, alpha=0.15, linewidth=0, zorder=2)
        rise = aside if y[-1] == max(ends) else -aside
        look: dict[str, Any] = {"color": mark.color, "va": "center", "fontsize": 8}
        write_at(axes, f"{y[-1]:.1f}", (x[-1], y[-1]), "data", offset=(6, rise), **look)
    marks = [0, *range(1, 1 + math.ceil(max(x)))]
    axes.set_xticks(marks, ["0", *(["1", "10", "100", "1k", "10k", "100k", "1M"][: len(marks) - 1])])
    axes.tick_params(axis="x", labelsize=7.5, labelcolor=DARK)


_FIGURES: Mapping[str, Callable[[Discussion], Figure]] = {
    "a": _draw_noise,
    "b": _draw_number,
    "c": _draw_unseen,
    "d": _draw_transfer,
    "e": _draw_networks,
}
