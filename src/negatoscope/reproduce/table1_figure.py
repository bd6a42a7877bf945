"""Accuracy on images and on their negatives: beside the paper's, and along training."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from negatoscope.errors import InputError
from negatoscope.reports.figures import DARK, GRAY, draw_grid, styled
from negatoscope.reports.formatting import counted, percent
from negatoscope.reports.palette import NEGATIVES, TEST_IMAGES
from negatoscope.reproduce.paper import SMOKE, dataset_name, short_classifier_name
from negatoscope.reproduce.table1_columns import Classifier, Table1Section, plain_classifiers, sections

if TYPE_CHECKING:  # they would load torch
    from negatoscope.reproduce.table1_document import SummaryRow, Table1
    from negatoscope.training.loop import Epoch

_SERIES = (("test", TEST_IMAGES, "o", "test images"), ("negative", NEGATIVES, "D", "negatives"))
_INTERVALS = {"wilson": "Wilson 95 % interval", "prediction": "95 % prediction interval"}
_APART = 0.09

_Label = tuple[float, str, Any]
"""Height in the axes' units, text, color."""


def draw_table1(result: "Table1") -> Figure:
    """The paper's Table I beside ours, a panel for each dataset, ours filled with its interval, the paper's hollow.

    Of several recipes the one with the most rows is shown so, and above it the plain DNN by each of them.

    Raises:
        InputError: No dataset was run.
    """
    shown = _some(result)
    by_dataset: dict[str, list[Table1Section]] = {}
    for section in shown:
        by_dataset.setdefault(section.rows[0].dataset, []).append(section)
    fullest = {dataset: max(of, key=lambda section: len(section.rows)) for dataset, of in by_dataset.items()}
    panels = {dataset: plain_classifiers(shown, dataset) for dataset in fullest}
    several = any(len(lines) > 1 for lines in panels.values())
    with styled():
        figure, places = draw_grid(1 + several, len(fullest), size=(3.5, 2.6), top=0.85, share="y", between=1.3)
        for row in places:
            row[0].set(ylim=(0, 100), ylabel="accuracy, %")
        for column, (dataset, section) in enumerate(fullest.items()):
            if several and not panels[dataset]:
                places[0, column].set_visible(False)
            elif several:
                _draw_panel(places[0, column], panels[dataset])
            _draw_section(places[-1, column], section)
        _draw_key(figure, result.summary)
    return figure


def draw_epochs(result: "Table1") -> Figure:
    """Accuracy along training, on validation images above and on negatives below: a line for each run.

    Of several recipes the plain DNNs are shown; where none has one, and of one recipe, its classifiers.

    Raises:
        InputError: No dataset was run.
    """
    shown = _some(result)
    with styled():
        groups = _followed(shown)
        figure, places = draw_grid(2, len(groups), size=(3.5, 2.2), top=0.4, share="x")
        for column, (title, lines) in enumerate(groups.items()):
            _draw_training(places[0, column], lines, lambda epoch: epoch.validation_accuracy)
            _draw_training(places[1, column], lines, lambda epoch: epoch.negative_accuracy, chance=True)
            places[0, column].set_title(title)
            places[1, column].set_xlabel("epoch")
        places[0, 0].set_ylabel("validation accuracy, %")
        places[1, 0].set_ylabel("accuracy on negatives, %")
    return figure


def spread(values: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """The positions nearest to `values` that keep their order, are at least `gap` apart and lie from `low` to `high`.

    Nearest in least squares: isotonic regression of the values less their gaps. Where there is no room for all, the
    highest lie above `high`.
    """
    order, ranks = np.argsort(values, kind="stable"), gap * np.arange(len(values))
    levels = isotonic_regression(np.asarray(values)[order] - ranks).x
    placed = np.empty(len(values))
    placed[order] = np.clip(levels, low, max(low, high - ranks[-1])) + ranks
    return [float(place) for place in placed]


def _followed(shown: Sequence[Table1Section]) -> dict[str, list[tuple[str, Classifier]]]:
    """By dataset the classifiers whose training is shown, named by recipe where there are several, else by epsilon."""
    groups: dict[str, list[tuple[str, Classifier]]] = {}
    for dataset in dict.fromkeys(section.rows[0].dataset for section in shown):
        sections = [section for section in shown if section.rows[0].dataset == dataset]
        title = dataset_name(dataset) + (SMOKE if sections[0].fast else "")
        plain = plain_classifiers(sections, dataset)
        if len(sections) > 1 and plain:
            groups[f"{title}, plain DNN"] = [(line.row.recipe, line) for line in plain]
            continue
        for section in sections:
            lines = [(short_classifier_name(line.row.epsilon), line) for line in section.classifiers]
            groups[section.title] = lines
    return groups


def _draw_panel(axes: Axes, lines: Sequence[Classifier]) -> None:
    """The plain DNN by each recipe."""
    labels = [_draw_chance(axes, lines[0].row.chance)]
    for kind, color, marker, name in _SERIES:
        _draw_series(axes, [line.row for line in lines], kind, color=color, marker=marker)
        labels.append((100 * lines[-1].row.comparisons[kind].accuracy, name, color))
    _label_at_end(axes, labels, gap=0.065)
    axes.set_xticks(range(len(lines)), [line.row.recipe.replace("-", "-\n") for line in lines], fontsize=8)
    axes.set(xlim=(-0.5, len(lines) - 0.5), xlabel="recipe of the plain DNN")
    axes.set_title(dataset_name(lines[0].row.dataset), pad=20)


def _draw_section(axes: Axes, section: Table1Section) -> None:
    labels = [_draw_chance(axes, section.rows[0].chance)]
    for kind, color, marker, name in _SERIES:
        _draw_series(axes, section.rows, kind, color=color, marker=marker)
        labels.append((100 * section.rows[-1].comparisons[kind].accuracy, name, color))
    _label_at_end(axes, labels, gap=0.065)
    axes.set_xticks(range(len(section.rows)), [f"{row.epsilon:.3g}" if row.epsilon else "DNN" for row in section.rows])
    axes.set(xlim=(-0.5, len(section.rows) - 0.5), xlabel="ε of adversarial training (DNN: none)")
    axes.set_title(section.title, pad=20)
    first = section.rows[0]
    size = f"{first.test.n:,} test images, {first.negative.n:,} negatives of training images, "
    beneath: dict[str, Any] = {"xytext": (0, 6), "xycoords": "axes fraction", "textcoords": "offset points"}
    fewest, most = (pick(row.seeds for row in section.rows) for pick in (min, max))
    runs = counted(most, "run") if fewest == most else f"{fewest} to {counted(most, 'run')} each"
    axes.annotate(size + runs, (0, 1), color=GRAY, fontsize=8, **beneath)


def _draw_series(axes: Axes, rows: "Sequence[SummaryRow]", kind: str, *, color: str, marker: str) -> None:
    """Ours to the left of each tick, with its interval; the paper's to the right, where it prints one."""
    look: dict[str, Any] = {"color": color, "marker": marker, "markersize": 5.5, "clip_on": False, "zorder": 3}
    places = [index - _APART for index in range(len(rows))]
    compared = [row.comparisons[kind] for row in rows]
    low, high = [100 * rate.low for rate in compared], [100 * rate.high for rate in compared]
    axes.vlines(places, low, high, color=color, linewidth=1.6, clip_on=False)
    axes.plot(places, [100 * rate.accuracy for rate in compared], linewidth=0, label=f"ours, {kind}", **look)
    papers = [rate.paper_accuracy for rate in compared]
    known = [(index + _APART, 100 * paper) for index, paper in enumerate(papers) if paper is not None]
    hollow: dict[str, Any] = {"linewidth": 0, "markerfacecolor": "white", "label": f"paper, {kind}"}
    axes.plot([place for place, _ in known], [rate for _, rate in known], **look, **hollow)


def _draw_chance(axes: Axes, chance: float) -> _Label:
    axes.axhline(100 * chance, color=GRAY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    return 100 * chance, f"chance {percent(chance, decimals=1)} %", GRAY


def _draw_training(
    axes: Axes, lines: Sequence[tuple[str, Classifier]], accuracy: "Callable[[Epoch], float]", *, chance: bool = False
) -> None:
    ends: list[_Label] = []
    for index, (name, classifier) in enumerate(lines):
        color = colormaps["inferno"](0.05 + 0.63 * index / max(1, len(lines) - 1))
        histories = [[(epoch.epoch, 100 * accuracy(epoch)) for epoch in run.epochs] for run in classifier.runs]
        for history in histories:
            axes.plot(*zip(*history, strict=True), color=color, linewidth=1.4, marker="o", markersize=2.5)
        end = fmean(history[-1][1] for history in histories)
        ends.append((end, name, color))
    if chance:
        ends.append(_draw_chance(axes, lines[0][1].row.chance))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    _label_at_end(axes, ends, gap=0.075)


def _label_at_end(axes: Axes, labels: Sequence[_Label], *, gap: float) -> None:
    """Write each text to the right of the panel, at its height or as near to it as the others allow.

    `gap` is a share of the panel's height.
    """
    low, high = axes.get_ylim()
    heights = spread([height for height, _, _ in labels], gap=gap * (high - low), low=low, high=high)
    for place, (_, text, color) in zip(heights, labels, strict=True):
        beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
        axes.annotate(text, (1, place), (5, 0), color=color, annotation_clip=False, **beside)


def _draw_key(figure: Figure, summary: "Sequence[SummaryRow]") -> None:
    look: dict[str, Any] = {"color": DARK, "linewidth": 0, "markersize": 5.5}
    bar = Line2D([], [], **{**look, "marker": "|", "markersize": 13, "markeredgewidth": 1.6})
    ours, papers = (Line2D([], [], marker="o", markerfacecolor=face, **look) for face in (DARK, "white"))
    kinds = {row.interval for row in summary}
    key: dict[str, Any] = {f"ours, with {_INTERVALS[kinds.pop()] if len(kinds) == 1 else '95 % interval'}": (bar, ours)}
    if any(rate.paper_accuracy is not None for row in summary for rate in row.comparisons.values()):
        key["the paper's"] = papers
    corner = (figure.axes[0].get_position().x0, 1)
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": corner, "borderpad": 0, "borderaxespad": 0.8}
    figure.legend([*key.values()], [*key], ncols=2, handlelength=0.7, **place)


def _some(result: "Table1") -> list[Table1Section]:
    shown = sections(result)
    if not shown:
        raise InputError("expected a dataset to draw in the result document, got none; run one first")
    return shown
