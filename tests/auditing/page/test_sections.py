import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from negatoscope.auditing.page import audit_html
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.sections import SECTIONS, Report, make_sections, register_section
from negatoscope.auditing.sections.accuracy import draw_accuracies
from negatoscope.auditing.sections.classes import class_rows
from negatoscope.auditing.sections.confidence import draw_reliability
from negatoscope.auditing.sections.confusion import draw_confusion
from negatoscope.auditing.sections.path import draw_path, measured_paths
from negatoscope.reports.figures import styled
from negatoscope.reports.page import Section
from negatoscope.reports.palette import PRINT

Maker = Callable[..., tuple[Path, AuditSummary]]


def figures_of(summary: AuditSummary) -> dict[str, Figure]:
    """Every figure of the page's sections by the name of its file."""
    return {name: figure for each in make_sections(Report(summary)).values() for name, figure in each.figures.items()}


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


def test_sections_stand_in_the_order_of_their_places_and_those_without_numbers_are_left_out(make_audit: Maker) -> None:
    _, summary = make_audit()
    everything = ["notes", "accuracy", "path", "confidence", "confusion", "classes", "numbers", "method"]
    assert list(make_sections(Report(summary))) == everything
    _, nothing = make_audit(("flip",), lost=("flip",))
    assert list(make_sections(Report(nothing))) == ["notes", "accuracy", "numbers", "method"]


def test_a_section_is_one_registered_function(make_audit: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SECTIONS, "_functions", {name: SECTIONS.get(name) for name in SECTIONS.names()})

    @register_section
    def hardest_class(report: Report) -> Section | None:
        worst = report.summary.clean.worst_class
        return Section(title="Hardest class", place=55, body=Markup("<p>{}</p>").format(worst.name)) if worst else None

    _, summary = make_audit(names=("<i>0", "<i>1", "<i>2"))
    report = Report(summary)
    html = audit_html(report, make_sections(report))
    assert '<a href="#hardest_class">Hardest class</a>' in html
    assert html.index('id="classes"') < html.index('id="hardest_class"') < html.index('id="numbers"')
    assert f"<p>{escape(summary.clean.worst_class.name)}</p>" in html


def test_a_path_goes_from_the_clean_images_to_the_negative(make_audit: Maker) -> None:
    _, summary = make_audit(("negative_path(share=0.5)", "negative", "negative_path(share=0.25)"))
    half, negative, quarter = summary.transforms
    points = [(0.0, summary.clean), (0.25, quarter), (0.5, half), (1.0, negative)]
    assert measured_paths(summary) == {"negative_path": points}


def test_a_path_has_no_ends_that_were_measured_on_other_images(make_audit: Maker) -> None:
    _, summary = make_audit(("negative_path(share=0.5)", "negative"), lost=("negative",))
    assert measured_paths(summary) == {"negative_path": [(0.0, summary.clean), (0.5, summary.transforms[0])]}


def test_a_path_keeps_its_own_end(make_audit: Maker) -> None:
    _, summary = make_audit(("pixel_flips(probability=1.0)", "negative"))
    assert measured_paths(summary) == {"pixel_flips": [(0.0, summary.clean), (1.0, summary.transforms[0])]}


def test_classes_come_by_accuracy_with_that_of_clean_images(make_audit: Maker) -> None:
    _, summary = make_audit(("negative", "flip"))
    for entry in summary.transforms:
        rows = class_rows(summary, entry)
        assert sum(row.n for _, row in rows) == entry.n
        assert [row.accuracy for _, row in rows] == sorted(row.accuracy for _, row in rows)
        assert all(clean in summary.clean.per_class and clean.label == row.label for clean, row in rows)
        assert sum(row.n * row.accuracy for _, row in rows) == pytest.approx(entry.correct)


def test_each_accuracy_is_a_mark_hollow_where_the_difference_is_not_significant(make_audit: Maker) -> None:
    _, summary = make_audit()
    axes = only(draw_accuracies(Report(summary)))
    marks = [line for line in axes.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in marks] == pytest.approx([100 * e.accuracy for e in summary.transforms])
    hollow = [line.get_markerfacecolor() == PRINT["paper"] for line in marks]
    assert hollow == [entry.p_holm >= 0.05 for entry in summary.transforms]
    assert True in hollow
    assert False in hollow


def test_rows_without_images_have_a_name_and_no_mark(make_audit: Maker) -> None:
    _, summary = make_audit(("negative", "flip"), lost=("flip",))
    figure = draw_accuracies(Report(summary))
    assert "flip" in words(figure)
    assert len([line for line in only(figure).lines if line.get_marker() == "D"]) == 1


def test_each_path_to_the_negative_is_a_line_through_its_points(make_audit: Maker) -> None:
    _, summary = make_audit()
    paths = measured_paths(summary)
    drawn = {line.get_label(): line for line in only(draw_path(summary, paths)).lines}
    for points, name in zip(paths.values(), ("straight line", "pixel flips"), strict=True):
        expected = [(100 * share, 100 * entry.accuracy) for share, entry in points]
        assert np.array(drawn[name].get_xydata()) == pytest.approx(np.array(expected))


def test_each_bin_is_a_mark_whose_area_grows_with_its_images(make_audit: Maker) -> None:
    _, summary = make_audit()
    entry = summary.transforms[0]
    collections = only(draw_reliability(summary, entry)).collections
    drawn = [marks for marks in collections if isinstance(marks, PathCollection) and len(marks.get_offsets())]
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
    figure = draw_confusion(summary.dataset, entry)
    shares = [100 * error.share for error in entry.confusion]
    assert [bar.get_width() for bar in only(figure).patches] == pytest.approx(shares)
    first = entry.confusion[0]
    assert f"bar {first.label} → bar {first.prediction}" in words(figure)


def test_names_are_no_formulas_and_letters_that_cannot_be_drawn_give_the_number(make_audit: Maker) -> None:
    _, summary = make_audit(names=("$x_1$ cost $", "漢字", "a\x07b"))
    summary = replace(summary, model=replace(summary.model, name="$\\frac{$"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in figures_of(summary).values():
            boxes(figure)
    text = " ".join(words(draw_confusion(summary.dataset, summary.transforms[0])))
    assert "漢" not in text
    assert "\x07" not in text
    assert "class 1" in text or "class 2" in text


@pytest.mark.parametrize("name", ["bar", "a very long name of a class that would not fit anywhere at all"])
def test_no_text_leaves_the_figure_and_no_row_touches_another(make_audit: Maker, name: str) -> None:
    _, summary = make_audit(names=tuple(f"{name} {index}" for index in range(3)))
    figures = figures_of(summary)
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
    assert list(figures_of(summary)) == ["accuracy"]
