from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.optimize import isotonic_regression

from negatoscope.documents import from_plain
from negatoscope.errors import InputError
from negatoscope.reports.figures import styled
from negatoscope.reproduce import table1_figure
from negatoscope.reproduce.table1_document import Table1, summarize
from negatoscope.reproduce.table1_figure import spread

Document = dict[str, Any]
Maker = Callable[..., Document]


def draw_table1(document: Document) -> Figure:
    return table1_figure.draw_table1(from_plain(document, Table1))


def draw_epochs(document: Document) -> Figure:
    return table1_figure.draw_epochs(from_plain(document, Table1))


def heights(axes: Axes, label: str) -> list[float]:
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return [float(height) for height in line.get_ydata()]


def _beyond_the_axes(axes: Axes) -> list[Text]:
    """Labels of ticks that matplotlib keeps outside an axis's range and never draws."""
    ranges = ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
    ticks = [
        tick for axis, (low, high) in ranges for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high
    ]
    return [label for tick in ticks for label in (tick.label1, tick.label2)]


def assert_readable(figure: Figure) -> None:
    """Every text lies inside the figure, and none touches another."""
    with styled():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    spare = {id(label) for axes in figure.axes for label in _beyond_the_axes(axes)}
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible() and id(text) not in spare]
    boxes = {text.get_text() + str(index): text.get_window_extent() for index, text in enumerate(texts)}
    for name, box in boxes.items():
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, name
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, name
    for (first, box), (second, other) in combinations(boxes.items(), 2):
        assert not box.overlaps(other), (first, second)


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_accuracy_and_its_interval_is_a_point_of_the_table_figure(make_document: Maker, seeds: int) -> None:
    result = make_document(["mnist", "gtsrb"], seeds=seeds)
    figure = draw_table1(result)
    assert [axes.get_title("left") for axes in figure.axes] == ["MNIST", "GTSRB"]
    for axes, dataset in zip(figure.axes, ("mnist", "gtsrb"), strict=True):
        rows = [row for row in result["summary"] if row["dataset"] == dataset]
        bars = [segment[:, 1].tolist() for collection in axes.collections for segment in collection.get_segments()]
        for index, kind in enumerate(("test", "negative")):
            assert heights(axes, f"ours, {kind}") == pytest.approx([100 * row[kind]["accuracy"] for row in rows])
            assert heights(axes, f"paper, {kind}") == pytest.approx([100 * row[kind]["paper_accuracy"] for row in rows])
            expected = [[100 * row[kind]["low"], 100 * row[kind]["high"]] for row in rows]
            assert np.array(bars[5 * index : 5 * index + 5]) == pytest.approx(np.array(expected))


def test_ours_and_the_papers_points_stand_beside_each_other_at_their_tick(make_document: Maker) -> None:
    (axes,) = draw_table1(make_document(["mnist"])).axes
    places = {line.get_label(): np.array(line.get_xdata()) for line in axes.lines}
    for kind in ("test", "negative"):
        ours, paper = places[f"ours, {kind}"], places[f"paper, {kind}"]
        assert (ours < paper).all()
        assert (ours + paper) / 2 == pytest.approx(np.arange(5))


def test_a_number_that_the_paper_does_not_print_has_no_point(make_document: Maker) -> None:
    result = make_document(["mnist"])
    result["summary"][1]["test"]["paper_accuracy"] = None
    (axes,) = draw_table1(result).axes
    assert len(heights(axes, "paper, test")) == 4
    assert len(heights(axes, "paper, negative")) == len(heights(axes, "ours, test")) == 5


@pytest.mark.parametrize(("datasets", "entries"), [(["mnist"], 2), (["mnist_sample"], 1)])
def test_the_key_names_the_paper_only_where_it_printed_something(
    make_document: Maker, datasets: list[str], entries: int
) -> None:
    (key,) = draw_table1(make_document(datasets)).legends
    names = [text.get_text() for text in key.get_texts()]
    assert names == ["ours, with Wilson 95 % interval", "the paper's"][:entries]


def test_the_key_names_the_kind_of_interval(make_document: Maker) -> None:
    (key,) = draw_table1(make_document(["mnist"], seeds=3)).legends
    assert key.get_texts()[0].get_text() == "ours, with 95 % prediction interval"


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_run_is_a_line_over_its_epochs(make_document: Maker, seeds: int) -> None:
    result = make_document(["mnist", "gtsrb"], seeds=seeds)
    figure = draw_epochs(result)
    assert len(figure.axes) == 4
    names = ("validation_accuracy", "negative_accuracy")
    panels = [(dataset, name) for name in names for dataset in ("mnist", "gtsrb")]
    for axes, (dataset, name) in zip(figure.axes, panels, strict=True):
        runs = [run["epochs"] for run in result["runs"] if run["dataset"] == dataset]
        lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
        assert [line.get_xdata().tolist() for line in lines] == [[epoch["epoch"] for epoch in run] for run in runs]
        drawn = np.array([line.get_ydata() for line in lines])
        assert drawn == pytest.approx(np.array([[100 * epoch[name] for epoch in run] for run in runs]))
        assert len({line.get_color() for line in lines}) == len(runs) / seeds


@pytest.mark.parametrize("draw", [draw_table1, draw_epochs])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("datasets", [["mnist"], ["mnist", "gtsrb"], ["mnist", "gtsrb", "mnist_sample"]])
def test_no_text_is_cut_off_or_covers_another(
    make_document: Maker, draw: Callable[..., Figure], seeds: int, datasets: list[str]
) -> None:
    assert_readable(draw(make_document(datasets, seeds=seeds)))


@pytest.mark.parametrize("draw", [draw_table1, draw_epochs])
def test_lines_that_end_together_keep_readable_names(make_document: Maker, draw: Callable[..., Figure]) -> None:
    result = make_document(["mnist"])
    for row in result["summary"]:
        row["test"]["accuracy"] = row["negative"]["accuracy"] = 0.1
    for run in result["runs"]:
        run["epochs"][-1] |= {"validation_accuracy": 0.99, "negative_accuracy": 0.1}
    assert_readable(draw(result))


def test_one_classifier_trained_for_one_epoch_can_be_drawn(make_document: Maker) -> None:
    result = make_document(["mnist"])
    result["summary"], result["runs"] = result["summary"][:1], result["runs"][:1]
    result["runs"][0]["epochs"] = result["runs"][0]["epochs"][:1]
    assert_readable(draw_table1(result))
    assert_readable(draw_epochs(result))


def test_one_epoch_has_one_tick(make_document: Maker) -> None:
    result = make_document(["mnist"])
    for run in result["runs"]:
        run["epochs"] = run["epochs"][:1]
    for axes in draw_epochs(result).axes:
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


@pytest.mark.parametrize("draw", [draw_table1, draw_epochs])
def test_a_smoke_run_is_called_one_in_its_titles(make_document: Maker, draw: Callable[..., Figure]) -> None:
    result = make_document(["mnist", "mnist_sample"])
    result["fast"] = True
    figure = draw(result)
    titles = [axes.get_title("left") for axes in figure.axes[:2]]
    assert titles == ["MNIST, smoke run", "MNIST sample, smoke run"]
    assert_readable(figure)


@pytest.mark.parametrize("draw", [draw_table1, draw_epochs])
def test_nothing_to_draw_is_an_error(make_document: Maker, draw: Callable[..., Figure]) -> None:
    with pytest.raises(InputError, match="expected a dataset to draw"):
        draw(make_document([], not_run=["mnist"]))


VALUES = st.lists(st.floats(0, 100), min_size=1, max_size=8)


@given(VALUES, st.floats(0.1, 20))
def test_spread_is_scipys_isotonic_regression_where_there_is_room(values: list[float], gap: float) -> None:
    ordered = np.sort(values)
    ranks = np.arange(len(values))
    expected = isotonic_regression(ordered - ranks * gap).x + ranks * gap
    placed = spread(values, gap=gap, low=-1000, high=1000)
    assert np.sort(placed) == pytest.approx(expected, abs=1e-9)


@given(VALUES, st.floats(0.1, 10))
def test_spread_keeps_order_distance_and_bounds(values: list[float], gap: float) -> None:
    placed = spread(values, gap=gap, low=0, high=100)
    for (first, place), (second, other) in combinations(zip(values, placed, strict=True), 2):
        assert abs(place - other) >= gap - 1e-9
        assert first == second or (first < second) == (place < other)
    assert min(placed) >= 0
    assert max(placed) <= 100 + 1e-9


def test_spread_leaves_alone_what_is_far_apart() -> None:
    assert spread([50, 10, 90], gap=5, low=0, high=100) == pytest.approx([50, 10, 90])


def of_two_recipes(make_document: Maker) -> Table1:
    """A table with all classifiers of one recipe and the plain DNN of another one before it."""
    table = from_plain(make_document(["mnist", "gtsrb"], seeds=3), Table1)
    plain = [replace(run, recipe=replace(run.recipe, name="sgd")) for run in table.runs if run.epsilon == 0]
    runs = (*plain, *(replace(run, recipe=replace(run.recipe, name="accurate")) for run in table.runs))
    return replace(table, runs=runs, summary=summarize(runs))


def test_several_recipes_stand_in_panels_above_the_one_with_the_most_rows(make_document: Maker) -> None:
    table = of_two_recipes(make_document)
    figure = table1_figure.draw_table1(table)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["MNIST", "GTSRB", "MNIST, recipe accurate", "GTSRB, recipe accurate"]
    rows = [row for row in table.summary if (row.dataset, row.epsilon) == ("mnist", 0.0)]
    assert heights(figure.axes[0], "ours, negative") == pytest.approx([100 * row.negative_accuracy for row in rows])
    assert len(heights(figure.axes[2], "ours, negative")) == 5
    assert_readable(figure)


def test_training_is_followed_by_recipe_where_there_are_several(make_document: Maker) -> None:
    figure = table1_figure.draw_epochs(of_two_recipes(make_document))
    assert [axes.get_title("left") for axes in figure.axes[:2]] == ["MNIST, plain DNN", "GTSRB, plain DNN"]
    assert {"sgd", "accurate"} <= {text.get_text() for text in figure.findobj(Text)}
    assert len(figure.axes[0].lines) == 6
    assert_readable(figure)


def test_recipes_without_a_plain_dnn_are_drawn_by_epsilon(make_document: Maker) -> None:
    table = of_two_recipes(make_document)
    robust = [run for run in table.runs if run.epsilon]
    others = [replace(run, recipe=replace(run.recipe, name="adam")) for run in robust if run.epsilon == 0.1]
    none = replace(table, runs=(*robust, *others), summary=summarize([*robust, *others]))
    titles = [axes.get_title("left") for axes in table1_figure.draw_epochs(none).axes[:4]]
    assert titles == [f"{name}, recipe {recipe}" for name in ("MNIST", "GTSRB") for recipe in ("accurate", "adam")]
    assert_readable(table1_figure.draw_table1(none))
    plain = [run for run in table.runs if (run.dataset, run.epsilon) == ("gtsrb", 0.0)]
    half = replace(table, runs=(*robust, *others, *plain), summary=summarize([*robust, *others, *plain]))
    assert [axes.get_visible() for axes in table1_figure.draw_table1(half).axes] == [False, True, True, True]
    assert table1_figure.draw_epochs(half).axes[2].get_title("left") == "GTSRB, plain DNN"
