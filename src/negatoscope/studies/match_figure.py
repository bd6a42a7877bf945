"""A search for the paper's pair at a glance: every recipe at its nearest epoch, the pair, and the nearest five."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from negatoscope.reports.figures import DARK, GRAY, draw_grid, styled
from negatoscope.reports.formatting import counted
from negatoscope.reports.palette import NEGATIVES, TEST_IMAGES
from negatoscope.reproduce.paper import dataset_name
from negatoscope.studies.match_result import FOUND_ACCURACY, FOUND_NEGATIVES, OPENED, Match, MatchSearch
from negatoscope.studies.sensitivity_figure import error_of, show_errors

_LABEL: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "va": "center"}
_MARKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 90)


def draw_match(result: Match) -> Figure:
    """A panel for each search; the accuracy's axis is logarithmic in the error."""
    with styled():
        figure, places = draw_grid(1, len(result.searches), size=(4.6, 3.6), top=0.6, share="y")
        for axes, search in zip(places[0], result.searches, strict=True):
            _draw(axes, search)
        places[0, 0].set_ylabel("accuracy on negatives, %")
    return figure


def _draw(axes: Axes, search: MatchSearch) -> None:
    ends = [(error_of(each.validation_accuracy), 100 * each.negative_accuracy) for each in search.candidates]
    _scatter(axes, ends, s=16, color=GRAY, alpha=0.5, linewidth=0)
    _scatter(axes, ends[:OPENED], s=22, color=DARK, linewidth=0, zorder=3)
    fresh = [run for run in search.opened if run.seed < OPENED]
    again = [(error_of(run.test.accuracy), 100 * run.negative_train.accuracy) for run in fresh]
    look: dict[str, Any] = {"marker": "D", "facecolor": "none", "edgecolor": TEST_IMAGES, "linewidth": 1, "zorder": 4}
    _scatter(axes, again, s=22, **look)
    pair = error_of(search.paper_test_accuracy), 100 * search.paper_negative_accuracy
    low, high = (error_of(search.paper_test_accuracy + sign * FOUND_ACCURACY) for sign in (1, -1))
    axes.add_patch(
        Rectangle(
            (low, pair[1] - 100 * FOUND_NEGATIVES),
            high - low,
            200 * FOUND_NEGATIVES,
            fill=False,
            edgecolor=NEGATIVES,
            linewidth=0.9,
            zorder=2,
        )
    )
    axes.plot(*pair, marker="*", markersize=12, color=NEGATIVES, markeredgecolor="white", linewidth=0, zorder=5)
    errors = [*(end[0] for end in (*ends, *again)), low, high]
    show_errors(axes, "validation accuracy", min(errors) / 1.2, max(errors) * 1.2, marks=_MARKS)
    axes.set_ylim(0, axes.get_ylim()[1])
    _number(axes, ends[:OPENED], beyond=low)
    axes.set_title(f"{dataset_name(search.dataset)}, {counted(search.trials, 'recipe')}", pad=24)
    key = [
        ("★ the paper, and what counts as found", NEGATIVES),
        ("● nearest five", DARK),
        ("◇ fresh runs, test", TEST_IMAGES),
    ]
    beside: dict[str, Any] = {**_LABEL, "xycoords": "axes fraction", "fontsize": 7.5}
    for left, (text, color) in zip((0.0, 0.53, 0.75), key, strict=True):
        axes.annotate(text, (left, 1), xytext=(0, 9), color=color, **beside)


def _number(axes: Axes, ends: Sequence[tuple[float, float]], *, beyond: float) -> None:
    """1, 2, ... in a column to the right of all points and of `beyond`, each with a line to its point."""
    line = {"arrowstyle": "-", "color": GRAY, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 2}
    column, free = max(_points(axes, (x, 0.0))[0] for x in (*(end[0] for end in ends), beyond)) + 8, 0.0
    for place, end in sorted(enumerate(ends, start=1), key=lambda each: each[1][1]):
        x, height = _points(axes, end)
        rise = max(0.0, free - height)
        axes.annotate(str(place), end, xytext=(column - x, rise), color=DARK, arrowprops=line, **_LABEL)
        free = height + rise + 8.5


def _points(axes: Axes, end: tuple[float, float]) -> tuple[float, float]:
    """Where something is drawn, in points."""
    x, y = axes.transData.transform(end) * 72 / axes.figure.dpi
    return float(x), float(y)


def _scatter(axes: Axes, ends: Sequence[tuple[float, float]], **look: Any) -> None:
    axes.scatter([end[0] for end in ends], [end[1] for end in ends], **look)
