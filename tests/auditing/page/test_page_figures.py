import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from negatoscope.auditing.page_contents import curves
from negatoscope.auditing.page_figures import (
    draw_accuracies,
    draw_audit,
    draw_confusion,
    draw_path,
    draw_reliability,
)
from negatoscope.auditing.results import AuditSummary
from negatoscope.reports.figures import styled

Maker = Callable[..., tuple[Path, AuditSummary]]


def only(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def boxes(figure: Figure) -> list[tuple[str, Any]]:
    """Every text that stands beside a row or above the panel, with the place that it takes."""
    with styled():
        FigureCanvasAgg(figure).draw()
    return [(text.get_text(), text.get_window_extent()) for text in [*figure.texts, *figure.findobj(Annotation)]]


def test_each_accuracy_is_a_mark_hollow_where_it_is_not_told_apart(make_audit: Maker) -> None:
    _, summary = make_audit()
    axes = only(draw_accuracies(summary))
    marks = [line for line in axes.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in marks] == pytest.approx([100 * e.accuracy for e in summary.transforms])
    hollow = [line.get_markerfacecolor() == "white" for line in marks]
    assert hollow == [entry.p_holm >= 0.05 for entry in summary.transforms]
    assert True in hollow
    assert False in hollow


def test_rows_without_images_have_a_name_and_no_mark(make_audit: Maker) -> None:
    _, summary = make_audit(("negative", "flip"), lost=("flip",))
    figure = draw_accuracies(summary)
    assert "flip" in words(figure)
    assert len([line for line in only(figure).lines if line.get_marker() == "D"]) == 1


def test_each_way_to_the_negative_is_a_line_through_its_points(make_audit: Maker) -> None:
    _, summary = make_audit()
    ways = curves(summary)
    drawn = {line.get_label(): line for line in only(draw_path(summary, ways)).lines}
    for way, name in zip(ways, ("straight line", "pixel flips"), strict=True):
        expected = [(100 * point.share, 100 * point.accuracy) for point in way.points]
        assert np.array(drawn[name].get_xydata()) == pytest.approx(np.array(expected))


def test_each_bin_is_a_mark_whose_area_grows_with_its_images(make_audit: Maker) -> None:
    _, summary = make_audit()
    entry = summary.transforms[0]
    scatters = [one for one in only(draw_reliability(summary, entry)).collections if len(one.get_offsets())]
    drawn = [one for one in scatters if one.get_label().partition("\n")[0] in ("unchanged", "negative")]
    for one, bins in zip(drawn, (summary.clean.reliability, entry.reliability), strict=True):
        places = np.array([[100 * each.confidence, 100 * each.accuracy] for each in bins])
        assert np.array(one.get_offsets()) == pytest.approx(places)
        assert (
            np.argsort(one.get_sizes(), kind="stable").tolist()
            == np.argsort([e.n for e in bins], kind="stable").tolist()
        )


def test_each_frequent_error_is_a_bar(make_audit: Maker) -> None:
    _, summary = make_audit()
    entry = summary.transforms[0]
    figure = draw_confusion(summary, entry)
    shares = [100 * error.share for error in entry.confusion]
    assert [bar.get_width() for bar in only(figure).patches] == pytest.approx(shares)
    first = entry.confusion[0]
    assert f"bar {first.label} → bar {first.prediction}" in words(figure)


def test_names_are_no_formulas_and_letters_that_cannot_be_drawn_give_the_number(make_audit: Maker) -> None:
    _, summary = make_audit(names=("$x_1$ cost $", "漢字", "a\x07b"))
    summary = replace(summary, model=replace(summary.model, name="$\\frac{$"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in draw_audit(summary).values():
            boxes(figure)
    said = " ".join(words(draw_confusion(summary, summary.transforms[0])))
    assert "漢" not in said
    assert "\x07" not in said
    assert "class 1" in said or "class 2" in said


@pytest.mark.parametrize("name", ["bar", "a very long name of a class that would not fit anywhere at all"])
def test_no_text_leaves_the_figure_and_no_row_touches_another(make_audit: Maker, name: str) -> None:
    _, summary = make_audit(names=[f"{name} {index}" for index in range(3)])
    figures = draw_audit(summary)
    assert list(figures) == ["accuracy", "path", "reliability", "confusion"]
    for figure in (figures["accuracy"], figures["confusion"]):
        placed = boxes(figure)
        for text, box in placed:
            assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, text
            assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, text
        for index, (text, box) in enumerate(placed):
            assert not [other for other, near in placed[index + 1 :] if box.overlaps(near)], text


def test_what_has_no_numbers_has_no_figure(make_audit: Maker) -> None:
    _, summary = make_audit(("flip",), lost=("flip",))
    assert list(draw_audit(summary)) == ["accuracy"]
