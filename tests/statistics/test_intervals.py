"""Intervals of rates, held against statsmodels, scipy and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from negatoscope.errors import InputError
from negatoscope.statistics.intervals import (
    Interval,
    Rate,
    mean_and_deviation,
    prediction_interval,
    rates_by_class,
    wilson,
)

RUNS = [0.9812, 0.9830, 0.9807, 0.9821]
successes = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.floats(0.01, 0.999)
rates = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20)


def test_an_interval_holds_its_ends_and_nothing_outside_them():
    interval = Interval(0.25, 0.5)
    assert all(value in interval for value in (0.25, 0.3, 0.5))
    assert not any(value in interval for value in (0.2499, 0.5001, math.nan))


@given(successes, confidences)
def test_wilson_agrees_with_statsmodels(pair, confidence):
    correct, n = pair
    low, high = proportion_confint(correct, n, alpha=1 - confidence, method="wilson")
    ours = wilson(correct, n, confidence=confidence)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)


@given(successes, confidences)
def test_wilson_holds_the_observed_rate_and_stays_among_rates(pair, confidence):
    correct, n = pair
    interval = wilson(correct, n, confidence=confidence)
    assert 0 <= interval.low <= interval.high <= 1
    assert correct / n == pytest.approx(min(max(correct / n, interval.low), interval.high), abs=1e-12)


@given(successes, st.integers(2, 50))
def test_wilson_shrinks_as_images_are_added_at_the_same_rate(pair, times):
    correct, n = pair
    few, many = wilson(correct, n), wilson(times * correct, times * n)
    assert many.high - many.low < few.high - few.low


def test_wilson_of_one_image_is_wide_but_closed_at_its_own_end():
    assert wilson(0, 1).low == 0
    assert wilson(0, 1).high == pytest.approx(0.7934506856)
    assert wilson(1, 1).high == 1
    assert wilson(1, 1).low == pytest.approx(0.2065493144)


@pytest.mark.parametrize(
    ("correct", "n", "confidence", "named"),
    [
        (0, 0, 0.95, "n "),
        (-1, 5, 0.95, "correct "),
        (6, 5, 0.95, "correct "),
        (1, 5, 0.0, "confidence "),
        (1, 5, 1, ""),
    ],
)
def test_wilson_refuses_impossible_counts(correct, n, confidence, named):
    with pytest.raises(InputError, match=f"expected {named}"):
        wilson(correct, n, confidence=confidence)


def test_a_rate_counts_what_is_right():
    rate = Rate.of(np.array([True] * 7 + [False] * 3))
    interval = wilson(7, 10)
    assert rate == Rate(n=10, correct=7, accuracy=0.7, low=interval.low, high=interval.high)


@pytest.mark.parametrize("right", [True, False])
def test_a_rate_of_one_image_is_0_or_1(right):
    rate = Rate.of(np.array([right]))
    assert (rate.n, rate.correct, rate.accuracy) == (1, int(right), float(right))


def test_a_rate_of_no_images_is_refused():
    with pytest.raises(InputError, match="expected n at least 1"):
        Rate.of(np.array([], dtype=bool))


@given(rates, confidences)
def test_the_prediction_interval_is_that_of_a_statsmodels_regression_on_a_constant(values, confidence):
    fitted = OLS(np.array(values), np.ones(len(values))).fit()
    low, high = fitted.get_prediction(np.ones(1)).conf_int(obs=True, alpha=1 - confidence)[0]
    ours = prediction_interval(values, confidence=confidence, bounds=(0.0, 1.0))
    assert (ours.low, ours.high) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-7)


@given(rates)
def test_the_prediction_interval_holds_the_mean_and_keeps_its_bounds(values):
    interval = prediction_interval(values)
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.low - 1e-12 <= np.mean(values) <= interval.high + 1e-12


@pytest.mark.parametrize("runs", [2, 3, 5, 10])
def test_the_prediction_interval_holds_one_new_run_in_95_of_100_cases(runs):
    generator = np.random.default_rng(runs)
    trials = 2000
    drawn = generator.normal(0.5, 0.01, size=(trials, runs + 1))
    held = sum(row[-1] in prediction_interval(row[:-1].tolist(), bounds=(-math.inf, math.inf)) for row in drawn)
    assert stats.binomtest(held, trials, 0.95).pvalue > 0.001


def test_runs_without_scatter_predict_only_themselves():
    assert prediction_interval([0.5, 0.5, 0.5]) == Interval(0.5, 0.5)


@pytest.mark.parametrize("values", [[], [0.5]])
def test_a_prediction_needs_two_runs(values):
    with pytest.raises(InputError):
        prediction_interval(values)


@pytest.mark.parametrize("value", [-0.01, 1.01, 98.1, math.nan])
def test_a_value_outside_its_bounds_is_refused_rather_than_clipped(value):
    with pytest.raises(InputError, match="expected values from"):
        prediction_interval([0.5, value])


def test_the_mean_and_the_sample_deviation_are_those_of_scipy():
    described = stats.describe(RUNS)
    mean, deviation = mean_and_deviation(RUNS)
    assert (mean, deviation) == pytest.approx((described.mean, math.sqrt(described.variance)))


def test_one_run_has_a_mean_but_no_deviation():
    assert mean_and_deviation([0.25]) == (0.25, None)


def test_no_run_has_no_mean():
    with pytest.raises(InputError, match="expected values"):
        mean_and_deviation([])


@given(st.lists(successes, min_size=1, max_size=8))
def test_the_rates_of_classes_agree_with_statsmodels(pairs):
    labels = np.repeat(np.arange(len(pairs)), [n % 1000 + 1 for _, n in pairs])
    correct = np.concatenate([np.arange(n % 1000 + 1) < hits % (n % 1000 + 2) for hits, n in pairs])
    order = np.random.default_rng(0).permutation(len(labels))
    rates = rates_by_class(labels[order], correct[order])
    for index, (hits, n) in enumerate((hits % (n % 1000 + 2), n % 1000 + 1) for hits, n in pairs):
        ends = proportion_confint(hits, n, method="wilson")
        rate = rates[index]
        assert (rate.n, rate.correct, rate.accuracy) == (n, hits, hits / n)
        assert (rate.low, rate.high) == pytest.approx(ends, abs=1e-9)
        assert 0 <= rate.low <= rate.accuracy <= rate.high <= 1
    assert list(rates) == list(range(len(pairs)))


def test_a_class_without_images_has_no_rate():
    assert list(rates_by_class(np.array([4, 1]), np.array([True, False]))) == [1, 4]
    assert rates_by_class(np.array([], dtype=int), np.array([], dtype=bool)) == {}


def test_the_rates_of_classes_refuse_a_class_below_0():
    with pytest.raises(InputError, match="expected labels from 0, got -1"):
        rates_by_class(np.array([0, -1]), np.array([True, True]))


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [100, 1000])
def test_wilson_holds_the_true_rate_in_about_95_of_100_draws_of_images(rate, n):
    drawn = np.random.default_rng(n).binomial(n, rate, size=20_000)
    intervals = {int(correct): wilson(int(correct), n) for correct in np.unique(drawn)}
    held = np.mean([rate in intervals[int(correct)] for correct in drawn])
    assert 0.92 < held < 0.98  # counts are whole, so the exact share cannot be had
