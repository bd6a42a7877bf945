"""Accuracy against the number of trials, on all images and on those of classes that keep their label."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from negatoscope.reports.figures import DARK, GRAY, draw_legend, draw_panel, styled
from negatoscope.reports.formatting import one_line
from negatoscope.reports.palette import NEGATIVES, PRINT, TEST_IMAGES
from negatoscope.studies.sequel_result import (
    PAPER_ACCURACY,
    PAPER_MODEL,
    PAPER_TRIALS,
    ModelGroup,
    Sequel,
    ShiftedRates,
    group_models,
)

_COLORS = (TEST_IMAGES, DARK, PRINT["good"], PRINT["bad"], GRAY)
"""Of the classifiers, one after the other."""

_CLEAN = 0.5  # where clean images stand on a logarithmic axis of trials


def draw_sequel(result: Sequel) -> Figure:
    """A line for each group of classifiers, the mean over its seeds, each a thin line; and the paper's number."""
    groups = group_models(result.models)
    with styled():
        lines = 1 + sum(1 if group.models[0].preserved is None else 2 for group in groups)
        top = 0.3 + 0.19 * lines
        figure, axes = draw_panel(7.6, 3.4 + top, top=top, bottom=0.5)
        most = max(PAPER_TRIALS, *(model.trials for model in result.models))
        axes.set(xscale="log", xlim=(_CLEAN, most))
        ticks = [factor * 10**power for power in range(7) for factor in (1, 2, 5) if factor * 10**power <= most]
        axes.set_xticks([_CLEAN, *ticks], ["clean", *(f"{tick:,}" for tick in ticks)])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("trials for each image", loc="right")
        for number, group in enumerate(groups):
            _draw_group(axes, group, color=_COLORS[number % len(_COLORS)])
        star: dict[str, Any] = {"markersize": 11, "color": NEGATIVES, "linewidth": 0, "clip_on": False, "zorder": 5}
        axes.plot(PAPER_TRIALS, 100 * PAPER_ACCURACY, "*", label=PAPER_MODEL, **star)
        draw_legend(figure, columns=1)
    return figure


def _draw_group(axes: Axes, group: ModelGroup, *, color: str) -> None:
    name = one_line(group.name, width=44)
    _draw_rates(axes, [model.images for model in group.models], f"{name}, all classes", color=color, linestyle="-")
    kept = [model.preserved for model in group.models if model.preserved is not None]
    if kept:
        _draw_rates(axes, kept, f"{name}, those that keep their meaning", color=color, linestyle="--")


def _draw_rates(axes: Axes, rates: Sequence[ShiftedRates], name: str, **look: Any) -> None:
    trials = [max(_CLEAN, point.queries - 1) for point in rates[0].curve]
    lines = np.array([[100 * point.accuracy for point in each.curve] for each in rates])
    for line in lines if len(lines) > 1 else ():
        axes.plot(trials, line, linewidth=0.6, alpha=0.4, **look)
    axes.plot(trials, lines.mean(axis=0), linewidth=1.75, zorder=3, label=name, **look)
