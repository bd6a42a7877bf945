"""What the sequel counts of a finished search, by hand on a few images."""

import numpy as np
import pytest

from negatoscope.searching.searched import SearchedImages
from negatoscope.statistics.intervals import wilson
from negatoscope.studies.sequel_run import measure_shifted, measure_shifted_classes

# Of eight images, two are misclassified clean, three fooled at queries 2, 5 and 11, and three never.
FIRST_ERRORS = np.array([0, 1, 2, 5, 0, 11, 1, 0])
LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2])
BUDGET = 11


def searched(*, tracks: np.ndarray | None = None, chosen: slice = slice(None)) -> SearchedImages:
    first_errors, labels = FIRST_ERRORS[chosen], LABELS[chosen]
    n = len(labels)
    return SearchedImages(
        samples=np.arange(n),
        labels=labels,
        tracks=tracks,
        clean_predictions=np.where(first_errors == 1, (labels + 1) % 3, labels),
        clean_confidences=np.full(n, 0.9, np.float32),
        predictions=np.where(first_errors > 0, (labels + 1) % 3, labels),
        confidences=np.full(n, 0.6, np.float32),
        queries=np.where(first_errors == 0, BUDGET, first_errors),
        first_errors=first_errors,
        margins=np.full(n, 0.1, np.float32),
        parameters=["hue_shift(degrees=10.0)"] * n,
        points=np.zeros((n, 1)),
    )


def test_success_is_counted_among_images_that_were_right_before_and_accuracy_among_all() -> None:
    rates = measure_shifted(searched(), budget=BUDGET)
    assert (rates.n, rates.correct) == (8, 6)
    assert rates.clean.accuracy == 6 / 8
    assert rates.under_attack.accuracy == 3 / 8
    assert rates.attack_success_rate == 3 / 6
    interval = wilson(3, 6)
    assert (rates.attack_success_low, rates.attack_success_high) == pytest.approx((interval.low, interval.high))
    assert (rates.first_errors.n, rates.first_errors.median, rates.first_errors.most) == (3, 5, 11)


def test_accuracy_after_fewer_trials_lies_between() -> None:
    curve = {point.queries: point.accuracy for point in measure_shifted(searched(), budget=BUDGET).curve}
    assert [curve[queries] for queries in (1, 2, 4, 5, 10, 11)] == [6 / 8, 5 / 8, 5 / 8, 4 / 8, 4 / 8, 3 / 8]


def test_frames_of_one_object_widen_intervals() -> None:
    tracks = np.array([0, 1, 1, 1, 0, 2, 2, 0])  # the three that nothing fools are of one object
    alone, frames = (measure_shifted(searched(tracks=each), budget=BUDGET) for each in (None, tracks))
    assert frames.attack_success_rate == alone.attack_success_rate
    assert frames.under_attack.accuracy == alone.under_attack.accuracy
    assert frames.under_attack.low < alone.under_attack.low
    assert frames.under_attack.high > alone.under_attack.high
    ends = (alone.attack_success_low, alone.attack_success_high)
    assert (frames.attack_success_low, frames.attack_success_high) != ends
    last = (frames.curve[-1].accuracy, frames.curve[-1].low, frames.curve[-1].high)
    assert last == (frames.under_attack.accuracy, frames.under_attack.low, frames.under_attack.high)


def test_where_no_image_is_right_before_there_is_no_success_to_count() -> None:
    wrong = searched(chosen=slice(1, 2))
    rates = measure_shifted(wrong, budget=BUDGET)
    assert (rates.n, rates.correct, rates.clean.accuracy, rates.under_attack.accuracy) == (1, 0, 0, 0)
    assert (rates.attack_success_rate, rates.attack_success_low, rates.attack_success_high) == (None, None, None)
    assert rates.first_errors.n == 0
    (entry,) = measure_shifted_classes(wrong, ("a", "b", "c"), None)
    assert (entry.name, entry.n, entry.attack_success_rate, entry.preserved) == ("a", 1, None, None)


def test_every_class_that_has_images_is_counted_by_itself() -> None:
    classes = measure_shifted_classes(searched(), ("a", "b", "c", "d"), (True, False, True, True))
    assert [(each.label, each.name, each.n) for each in classes] == [(0, "a", 3), (1, "b", 3), (2, "c", 2)]
    assert [each.clean_accuracy for each in classes] == [2 / 3, 1, 1 / 2]
    assert [each.accuracy_under_attack for each in classes] == [1 / 3, 1 / 3, 1 / 2]
    assert [each.attack_success_rate for each in classes] == pytest.approx([1 / 2, 2 / 3, 0])
    assert [each.preserved for each in classes] == [True, False, True]


def test_classes_together_are_the_whole() -> None:
    rates = measure_shifted(searched(), budget=BUDGET)
    classes = measure_shifted_classes(searched(), ("a", "b", "c"), None)
    right = sum(each.n * each.clean_accuracy for each in classes)
    fooled = sum(each.n * each.clean_accuracy * (each.attack_success_rate or 0) for each in classes)
    assert right == pytest.approx(rates.correct)
    assert fooled / right == pytest.approx(rates.attack_success_rate)
