"""A sensitivity study at a glance: each choice's accuracy on negatives, and every run beside the paper's."""

import math
from collections.abc import Collection, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from negatoscope.errors import InputError
from negatoscope.reports.figures import DARK, GRAY, styled
from negatoscope.reports.formatting import counted, percent
from negatoscope.reports.palette import NEGATIVES, TEST_IMAGES, UNDECIDED
from negatoscope.reproduce.paper import SMOKE
from negatoscope.studies.sensitivity_page import study_title
from negatoscope.studies.sensitivity_plan import DEFAULT
from negatoscope.studies.sensitivity_result import Curve, FactorResult, LevelResult, SensitivityResult, StudyResult

_COLORS = {"decides": NEGATIVES, "does not matter": TEST_IMAGES, "undecided": UNDECIDED, "not judged": UNDECIDED}
_PAPER = NEGATIVES
_MARKS = [*(0.1 * step for step in (1, 2, 3, 5, 7)), *(1, 1.5, 2, 3, 5, 7), *(10, 15, 20, 30, 50, 70, 100)]
_WIDE_MARKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_ROW, _WIDTH, _TOP, _BOTTOM, _GAP = 0.175, 11.0, 0.9, 0.55, 1.0
_LEFT, _PANEL = 0.415, 0.27
_RIGHT, _SQUARE = 0.755, 0.235
_LONG = 30  # characters of a run's name beside its mark
_LONG_NAME, _LONG_VALUE = 24, 40  # characters of a factor's name beside its default, and of a level's
_BETWEEN = 0.45
"""Of a row, between factors."""

_BESIDE: dict[str, Any] = {"textcoords": "offset points", "va": "center"}
_IN_ROW: dict[str, Any] = {**_BESIDE, "xycoords": ("axes fraction", "data")}
_NAME_SHARE = 0.12  # of the axis, that the name of a line takes
_DASHED, _DOTTED = (0, (4, 3)), (0, (1, 2))
_AXIS = "accuracy on negatives, %"


def draw_sensitivity(result: SensitivityResult) -> Figure:
    """For each plainly trained study two panels: its factors, the strongest first, and all of its runs.

    Raises:
        InputError: No study was run.
    """
    studies = [study for study in result.studies if not study.epsilon] or list(result.studies)
    if not studies:
        raise InputError("expected a study to draw in the result, got none; run one first")
    groups = [result.factors_of(study) for study in studies]
    rows = [sum(len(factor.levels) - 1 for factor in group) + _BETWEEN * len(group) for group in groups]
    heights = [max(1.3, _ROW * count + 0.2) for count in rows]
    total = _TOP + sum(heights) + (len(heights) - 1) * _GAP + _BOTTOM
    with styled():
        figure = Figure(figsize=(_WIDTH, total))
        top = total - _TOP
        for study, group, height in zip(studies, groups, heights, strict=True):
            square, rest = min(height, 3.2), height - min(height, 3.2) - 0.95
            left = figure.add_axes((_LEFT, (top - height) / total, _PANEL, height / total))
            _draw_factors(left, study, group, result)
            _draw_runs(figure.add_axes((_RIGHT, (top - square) / total, _SQUARE, square / total)), study, result)
            if rest > 1.2:
                along = figure.add_axes((_RIGHT, (top - height) / total, _SQUARE, min(rest, 3.2) / total))
                _draw_along(along, study, result)
            top -= height + _GAP
        _draw_key(figure, total, {factor.verdict for group in groups for factor in group})
    return figure


def _limit(study: StudyResult) -> float:
    """Where axes end, in percent: only networks that were trained on negatives may lie beyond."""
    return min(100.0, 10.0 * math.ceil(12.5 * max(study.along_training.highest or 0, study.default_negative_accuracy)))


def _curves(result: SensitivityResult, study: StudyResult) -> list[Curve]:
    """The runs of a study that were not trained on negatives."""
    return [curve for curve in result.curves if curve.study == study.name and not curve.negative_share]


def _draw_factors(axes: Axes, study: StudyResult, factors: Sequence[FactorResult], result: SensitivityResult) -> None:
    """A line for each value beside the default's, which stands dotted through all."""
    place, limit = 0.0, _limit(study)
    for factor in factors:
        color = _COLORS[factor.verdict]
        axes.annotate(factor.name, (0, place), xytext=(-318, 0), fontsize=8.5, color=color, weight="bold", **_IN_ROW)
        default, below = f"{factor.default}  →", 0.8 * (len(factor.name) > _LONG_NAME)
        axes.annotate(default, (0, place + below), xytext=(-150, 0), ha="right", fontsize=8, color=GRAY, **_IN_ROW)
        for level in factor.levels[1:]:
            _draw_level(axes, level, place, color, limit)
            size = 8 if len(level.value) <= _LONG_VALUE else 6.5
            axes.annotate(level.value, (0, place), xytext=(-6, 0), ha="right", fontsize=size, color=DARK, **_IN_ROW)
            place += 1
        place += _BETWEEN
    _draw_lines(axes, study, result)
    axes.set(ylim=(max(place - _BETWEEN, 1) - 0.4, -0.8), yticks=[], xlim=(0, limit), xlabel=_AXIS)
    axes.grid(visible=True, axis="x")
    axes.set_title(study_title(study) + (SMOKE if result.fast else ""), x=-1.49, pad=20)


def _draw_level(axes: Axes, level: LevelResult, place: float, color: str, limit: float) -> None:
    rate = 100 * level.negative_accuracy
    if rate > limit:
        text = f"{rate:.0f} %  →"
        axes.annotate(text, (limit, place), xytext=(-3, 0), ha="right", fontsize=8, color=color, **_BESIDE)
        return
    look: dict[str, Any] = {"color": color, "clip_on": False, "zorder": 3}
    if level.low is not None and level.high is not None:
        axes.hlines(place, 100 * level.low, min(100 * level.high, limit), linewidth=1.6, **look)
    axes.plot(
        [rate], [place], marker="o", markersize=5, markerfacecolor="white" if level.low is None else color, **look
    )


def _draw_lines(axes: Axes, study: StudyResult, result: SensitivityResult) -> None:
    """The default, chance and the paper, with their names above: where two would meet, one above the other."""
    lines: list[tuple[float, str, str, Any]] = [
        (100 * result.default_of(study), "default", GRAY, _DOTTED),
        (100 * study.chance, "chance", GRAY, _DASHED),
    ]
    if closest := result.closest_to_paper.get(study.name):
        lines.append((100 * closest.negative_accuracy, "paper", _PAPER, (0, ())))
    at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 7.5}
    before, rise = -math.inf, 2
    for index, (rate, name, color, style) in enumerate(sorted(lines)):
        axes.axvline(rate, color=color, linewidth=0.9, linestyle=style, zorder=1)
        rise = rise + 8 if index > 1 and rate - before < _NAME_SHARE * _limit(study) else 2
        side: dict[str, Any] = {"xytext": (3 if index else -3, rise), "ha": "left" if index else "right"}
        axes.annotate(name, (rate, 1), color=color, **side, **at)
        before = rate


def _draw_runs(axes: Axes, study: StudyResult, result: SensitivityResult) -> None:
    """The end of every run that was not trained on negatives, and the pair that the paper prints."""
    if not (runs := _curves(result, study)):
        axes.set_visible(False)
        return
    ends = [(error_of(run.test_accuracy), 100 * run.negative_accuracy) for run in runs]
    errors = [end[0] for end in ends]
    axes.scatter(errors, [end[1] for end in ends], s=14, color=DARK, alpha=0.55, linewidth=0)
    names: list[tuple[str, tuple[float, float], str, float]] = []
    if closest := result.closest_to_paper.get(study.name):
        pair = error_of(closest.test_accuracy), 100 * closest.negative_accuracy
        errors.append(pair[0])
        axes.plot(*pair, marker="*", markersize=13, color=_PAPER, markeredgecolor="white", linewidth=0, zorder=4)
        text = f"the paper: {percent(closest.negative_accuracy, decimals=1, unit=True)}"
        names.append((text, pair, _PAPER, -9 if pair[1] < 100 * study.chance else 0))
    for pick in (min, max) if len(runs) > 1 else ():
        index = ends.index(pick(ends, key=lambda end: end[1]))
        text = runs[index].recipe.removeprefix("combination: ")
        names.append((text if len(text) <= _LONG else text.partition(":")[0], ends[index], GRAY, 0))
    low, high = min(errors) / 1.3, max(errors) * 1.3
    for text, end, color, rise in names:
        right = math.log(end[0] / low) > math.log(high / low) / 2  # the axis runs from high to low
        side: dict[str, Any] = {"xytext": (8 if right else -8, rise), "ha": "left" if right else "right"}
        axes.annotate(text, end, color=color, fontsize=8, **side, **_BESIDE)
    _show_axes(axes, study, "test accuracy", low, high)
    axes.set_title(f"{counted(len(runs), 'run')} not trained on negatives", fontsize=9, pad=8)


def _draw_along(axes: Axes, study: StudyResult, result: SensitivityResult) -> None:
    """The same runs along training, the default's among them dark; the mark at which they are compared."""
    errors = []
    if not (curves := _curves(result, study)):
        axes.set_visible(False)
        return
    for curve in curves:
        x = [error_of(point.validation_accuracy) for point in curve.points]
        y = [100 * point.negative_accuracy for point in curve.points]
        color, width, alpha, order = (DARK, 1.2, 0.9, 3) if curve.recipe == DEFAULT else (GRAY, 0.6, 0.4, 2)
        axes.plot(x, y, color=color, linewidth=width, alpha=alpha, zorder=order)
        errors += x
    _show_axes(axes, study, "validation accuracy", min(errors) / 1.1, max(errors) * 1.1)
    axes.axvline(100 * (1 - study.decisive_accuracy), color=GRAY, linewidth=0.9, linestyle=_DOTTED, zorder=1)
    axes.set_title("along training (dark: the default)", fontsize=9, pad=8)


def _show_axes(axes: Axes, study: StudyResult, accuracy: str, low: float, high: float) -> None:
    """Accuracy by its error, on negatives with chance dashed."""
    axes.axhline(100 * study.chance, color=GRAY, linewidth=0.9, linestyle=_DASHED, zorder=1)
    axes.set(ylabel=_AXIS, ylim=(0, _limit(study)))
    show_errors(axes, accuracy, low, high, marks=_WIDE_MARKS if high > 10 * low else _MARKS)


def error_of(accuracy: float) -> float:
    """The error in percent, as a logarithmic axis can show it."""
    return max(0.01, 100 * (1 - accuracy))


def show_errors(axes: Axes, accuracy: str, low: float, high: float, *, marks: Sequence[float]) -> None:
    """An axis from an error of `high` percent to one of `low`, logarithmic and marked with accuracies."""
    axes.set(xscale="log", xlabel=f"{accuracy}, % (log of the error)")
    axes.xaxis.set_major_locator(FixedLocator([mark for mark in marks if low <= mark <= high]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 - value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(high, low)


def _draw_key(figure: Figure, height: float, verdicts: Collection[str]) -> None:
    place = 0.02
    for verdict, color in _COLORS.items():
        if verdict in verdicts:
            figure.text(place, 1 - 0.2 / height, f"● {verdict}", color=color, fontsize=8.5, va="center")
            place += 0.008 * len(verdict) + 0.03
    text = "default → other value.  Bars: 95 % intervals of the mean of these seeds.  Hollow: one run."
    figure.text(place + 0.01, 1 - 0.2 / height, text, color=GRAY, fontsize=8.5, va="center")
