"""The numbers of a search, counted from the query of each image's first error."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from negatoscope.auditing.measure import measure_classes
from negatoscope.auditing.parts import ROWS
from negatoscope.errors import DataError, InputError
from negatoscope.rows import RowKey, make_rows, write_rows
from negatoscope.searching.gate import parse_rules
from negatoscope.searching.measure import (
    accuracy_interval,
    curve_budgets,
    measure_curve,
    measure_first_errors,
    over_spaces,
)
from negatoscope.searching.searched import (
    SETTINGS,
    SearchedImages,
    make_settings,
    read_searched,
    searched_table,
    write_settings,
)
from negatoscope.searching.universal import fit_half
from negatoscope.statistics.intervals import wilson

FIRST_ERRORS = np.array([0, 1, 7, 30, 0, 2, 100, 0, 1, 12])


def searched(
    first_errors: np.ndarray = FIRST_ERRORS, *, tracks: np.ndarray | None = None, first: int = 0
) -> SearchedImages:
    n = len(first_errors)
    labels = np.arange(n) % 2
    return SearchedImages(
        samples=np.arange(first, first + n),
        labels=labels,
        tracks=tracks,
        clean_predictions=np.where(first_errors == 1, 1 - labels, labels),
        clean_confidences=np.full(n, 0.9, np.float32),
        predictions=np.where(first_errors > 0, 1 - labels, labels),
        confidences=np.full(n, 0.6, np.float32),
        queries=np.where(first_errors == 0, 100, first_errors),
        first_errors=first_errors,
        margins=np.full(n, 0.1, np.float32),
        parameters=[f"gamma(exponent={1 + index / 10})" for index in range(n)],
        points=np.linspace(0, 1, n)[:, None],
    )


def test_the_curve_falls_from_the_clean_accuracy_to_that_under_attack() -> None:
    curve = measure_curve(FIRST_ERRORS, None, budget=100)
    by_queries = {point.queries: point.accuracy for point in curve}
    assert (curve[0].queries, curve[-1].queries) == (1, 100)
    assert by_queries[1] == 0.8
    assert by_queries[2] == by_queries[6] == pytest.approx(0.7)
    assert by_queries[7] == pytest.approx(0.6)
    assert by_queries[100] == pytest.approx(0.3)
    assert all(later.accuracy <= earlier.accuracy for earlier, later in pairwise(curve))
    for point in curve:
        assert (point.low, point.high) == pytest.approx(tuple(vars(wilson(round(10 * point.accuracy), 10)).values()))


def test_frames_of_one_object_widen_the_intervals() -> None:
    correct = np.repeat([True, False], 50)
    frames, alone = accuracy_interval(correct, np.repeat([0, 1, 2, 3], 25)), accuracy_interval(correct, None)
    assert frames.accuracy == alone.accuracy == 0.5
    assert frames.high - frames.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize("budget", [1, 2, 9, 10, 11, 100, 1000, 12_345])
def test_a_curve_begins_with_the_clean_image_and_ends_with_the_budget(budget: int) -> None:
    budgets = curve_budgets(budget)
    assert (budgets[0], budgets[-1]) == (1, budget)
    assert budgets == sorted(set(budgets))
    assert len(budgets) <= 50


def test_queries_to_the_first_error_leave_out_images_that_are_misclassified_clean() -> None:
    found = measure_first_errors(searched())
    assert (found.n, found.median, found.most) == (5, 12, 100)
    assert measure_first_errors(searched(np.array([0, 1, 0]))).median is None


def test_the_worst_case_over_spaces_takes_the_fewest_queries_of_each_image() -> None:
    both = [[0, 1, 9], [1, 4, 0, 8]]
    one, other = (searched(np.array(errors, dtype=np.int32), first=first) for first, errors in enumerate(both))
    first_errors, tracks = over_spaces([one, other])
    assert first_errors.tolist() == [0, 1, 4, 0, 8]
    assert tracks is None


def test_every_class_has_its_accuracy_under_attack() -> None:
    classes = {
        entry.name: (entry.n, entry.accuracy)
        for entry in measure_classes(searched().labels, searched().correct, ["even", "odd"])
    }
    assert classes == {"even": (5, pytest.approx(0.4)), "odd": (5, pytest.approx(0.2))}


@pytest.mark.parametrize("seed", range(5))
def test_no_object_has_frames_on_both_sides_of_a_universal_setting(seed: int) -> None:
    tracks = np.arange(40) // 4
    fit = fit_half(searched(np.zeros(40, dtype=np.int64), tracks=tracks), seed=seed)
    assert not set(tracks[fit]) & set(tracks[~fit])
    assert fit.sum() == 20


def test_one_object_alone_gives_no_half() -> None:
    assert not fit_half(searched(tracks=np.zeros(10, dtype=np.int64)), seed=0).any()


def write_search(out: Path, searched: SearchedImages, space: str = "gamma(exponent=1..2)") -> None:
    (out / ROWS).mkdir()
    (out / SETTINGS).mkdir()
    columns: dict[str, Any] = {
        "sample": searched.samples,
        "sample_hash": searched.samples.astype(np.uint64),
        "label": searched.labels,
        "label_confidence": searched.confidences,
        "label_rank": (searched.predictions != searched.labels).astype(int),
        "track": searched.tracks,
    }
    clean = columns | {"prediction": searched.clean_predictions, "confidence": searched.clean_confidences}
    found = columns | {
        "prediction": searched.predictions,
        "confidence": searched.confidences,
        "parameters": np.array(searched.parameters, dtype=object),
        "queries": searched.queries,
    }
    tables = [
        make_rows(RowKey("digits", "test", "net", spec, 0), of) for spec, of in (("clean", clean), (space, found))
    ]
    write_rows(out / ROWS / "000000.parquet", tables)
    settings = make_settings(
        space,
        samples=searched.samples,
        first_errors=searched.first_errors,
        margins=searched.margins,
        points=searched.points,
    )
    write_settings(out / SETTINGS / "000000.parquet", [settings])


def test_what_was_found_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = searched(tracks=np.arange(10) // 2)
    write_search(tmp_path, written)
    read = read_searched(tmp_path, "gamma(exponent=1..2)")
    for name, values in vars(written).items():
        np.testing.assert_array_equal(np.asarray(getattr(read, name)), np.asarray(values), err_msg=name)
    table = searched_table(tmp_path)
    assert table["point"].to_pylist() == written.points.tolist()
    assert table["queries"].to_pylist() == written.queries.tolist()


def test_settings_that_are_damaged_or_gone_are_refused_in_one_sentence(tmp_path: Path) -> None:
    write_search(tmp_path, searched())
    file = tmp_path / SETTINGS / "000000.parquet"
    with pytest.raises(DataError, match="expected rows of"):
        read_searched(tmp_path, "gamma(exponent=1..3)")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match="expected settings in"):
        read_searched(tmp_path, "gamma(exponent=1..2)")
    file.unlink()
    with pytest.raises(DataError, match="got none; search again"):
        read_searched(tmp_path, "gamma(exponent=1..2)")


@pytest.mark.parametrize("rule", ["robust", "robust=2", "robust=nan", "=0.5", "negative=0.5", "robust=0.5=1", ""])
def test_a_rule_on_nothing_that_a_search_measures_is_refused(rule: str) -> None:
    with pytest.raises(InputError, match="expected a rule"):
        parse_rules([rule])
