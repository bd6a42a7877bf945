"""Statistics, held against statsmodels, scikit-learn, scipy and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import confusion_matrix, mutual_info_score
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from negatoscope.errors import InputError
from negatoscope.statistics import (
    Interval,
    Rate,
    cluster_bootstrap,
    contingency,
    entropy_bits,
    mean_and_deviation,
    mutual_information_bits,
    mutual_information_null,
    prediction_interval,
    verdict,
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
    assert rate.to_dict() == {"n": 10, "correct": 7, "accuracy": 0.7, "low": interval.low, "high": interval.high}


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


def _drawn_one_by_one(correct, clusters, *, resamples, seed):
    generator = np.random.default_rng(seed)
    groups = [correct[clusters == name] for name in np.unique(clusters)]
    drawn = (
        np.concatenate([groups[i] for i in generator.integers(len(groups), size=len(groups))]) for _ in range(resamples)
    )
    return [sample.mean() for sample in drawn]


def _unequal_clusters(seed):
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(25), generator.integers(1, 30, size=25))
    easiness = generator.random(25)[clusters]
    return generator.random(len(clusters)) < easiness, clusters


def test_the_cluster_bootstrap_agrees_with_drawing_the_clusters_one_by_one():
    correct, clusters = _unequal_clusters(4)
    interval = cluster_bootstrap(correct, clusters, resamples=8000, seed=1)
    slow = _drawn_one_by_one(correct, clusters, resamples=8000, seed=2)
    assert (interval.low, interval.high) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.012)


def test_the_cluster_bootstrap_agrees_with_scipys_bootstrap_of_the_ratio():
    correct, clusters = _unequal_clusters(5)
    hits, sizes = np.bincount(clusters, weights=correct), np.bincount(clusters)
    theirs = stats.bootstrap(
        (hits, sizes),
        lambda hits, sizes, axis: hits.sum(axis=axis) / sizes.sum(axis=axis),
        paired=True,
        n_resamples=8000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    interval = cluster_bootstrap(correct, clusters, resamples=8000)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_a_cluster_per_image_gives_about_the_interval_of_independent_images():
    correct = np.arange(5000) % 4 > 0
    interval, independent = cluster_bootstrap(correct, np.arange(5000)), wilson(3750, 5000)
    assert (interval.low, interval.high) == pytest.approx((independent.low, independent.high), abs=0.002)


def test_frames_of_the_same_object_widen_the_interval():
    tracks = np.repeat(np.arange(100), 30)
    correct = tracks % 4 > 0
    by_track, by_image = cluster_bootstrap(correct, tracks), wilson(int(correct.sum()), len(correct))
    assert by_track.high - by_track.low > 4 * (by_image.high - by_image.low)


def test_the_names_and_the_order_of_clusters_do_not_matter():
    correct, clusters = _unequal_clusters(6)
    order = np.random.default_rng(0).permutation(len(correct))
    interval = cluster_bootstrap(correct, clusters)
    assert cluster_bootstrap(correct[order], clusters[order]) == interval
    assert cluster_bootstrap(correct, clusters * 1000 - 7) == interval


def test_one_cluster_has_no_width():
    assert cluster_bootstrap(np.array([True, True, False, True]), np.zeros(4, dtype=int)) == Interval(0.75, 0.75)


@pytest.mark.parametrize("right", [True, False])
def test_images_all_alike_have_no_width(right):
    assert cluster_bootstrap(np.full(30, right), np.arange(30) // 3) == Interval(float(right), float(right))


def test_the_bootstrap_repeats_with_its_seed_and_only_with_it():
    correct, clusters = _unequal_clusters(7)
    assert cluster_bootstrap(correct, clusters, seed=3) == cluster_bootstrap(correct, clusters, seed=3)
    assert cluster_bootstrap(correct, clusters, seed=3) != cluster_bootstrap(correct, clusters, seed=4)


def test_the_bootstrap_draws_as_often_as_told_however_many_clusters_there_are():
    correct = np.arange(600_000) % 2 > 0
    interval = cluster_bootstrap(correct, np.arange(600_000), resamples=3)
    assert 0.49 < interval.low < interval.high < 0.51


@pytest.mark.parametrize(("n", "setting"), [(0, {}), (4, {"resamples": 0}), (4, {"confidence": 1.0})])
def test_the_bootstrap_refuses_nothing_to_draw_from(n, setting):
    with pytest.raises(InputError):
        cluster_bootstrap(np.ones(n, dtype=bool), np.arange(n), **setting)


counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=43).filter(any).map(np.array)
tables = st.integers(1, 6).flatmap(
    lambda size: (
        st.lists(st.integers(0, 40), min_size=size**2, max_size=size**2)
        .filter(any)
        .map(lambda cells: np.array(cells).reshape(size, size))
    )
)


@given(counts)
def test_entropy_is_the_mean_surprise_and_at_most_that_of_equal_shares(counts):
    shares = [count / counts.sum() for count in counts if count]
    entropy = entropy_bits(counts)
    assert entropy == pytest.approx(math.fsum(-share * math.log2(share) for share in shares), abs=1e-9)
    assert 0 <= entropy <= math.log2(len(counts)) + 1e-9
    assert entropy_bits(counts / counts.sum()) == pytest.approx(entropy)


def test_a_single_destination_has_no_entropy_and_equal_ones_have_all_of_it():
    assert math.copysign(1, entropy_bits(np.array([0, 12, 0]))) == 1
    assert entropy_bits(np.array([0, 12, 0])) == 0
    assert entropy_bits(np.full(8, 5)) == pytest.approx(3)


@pytest.mark.parametrize("counts", [[0, 0], [-1, 2], []])
def test_entropy_refuses_what_is_no_count(counts):
    with pytest.raises(InputError, match="expected counts"):
        entropy_bits(np.array(counts, dtype=np.int64))


def _classes(table):
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


@given(tables.filter(lambda table: len(table) > 1))  # scikit-learn warns of a single class
def test_contingency_is_scikit_learns_confusion_matrix(table):
    labels, predictions = _classes(table)
    ours = contingency(labels, predictions, classes=len(table))
    assert np.array_equal(ours, confusion_matrix(labels, predictions, labels=range(len(table))))


@pytest.mark.parametrize(("labels", "predictions"), [([3], [0]), ([0], [3]), ([-1], [0]), ([0], [-1])])
def test_contingency_refuses_a_class_that_is_not_there(labels, predictions):
    with pytest.raises(InputError, match="from 0 to 2"):
        contingency(np.array(labels), np.array(predictions), classes=3)


@given(tables)
def test_mutual_information_agrees_with_scikit_learn(table):
    expected = mutual_info_score(*_classes(table)) / math.log(2)
    assert mutual_information_bits(table) == pytest.approx(expected, abs=1e-9)


@given(tables)
def test_mutual_information_is_at_most_either_entropy_and_the_same_both_ways(table):
    information = mutual_information_bits(table)
    assert 0 <= information <= min(entropy_bits(table.sum(axis=0)), entropy_bits(table.sum(axis=1))) + 1e-9
    assert mutual_information_bits(table.T) == pytest.approx(information, abs=1e-9)


def test_mutual_information_is_none_for_independence_and_all_for_a_permutation():
    assert mutual_information_bits(np.outer([1, 2, 3], [4, 5, 6])) == pytest.approx(0, abs=1e-12)
    assert mutual_information_bits(np.eye(4, dtype=int)[[2, 0, 3, 1]] * 9) == pytest.approx(2)


def test_mutual_information_needs_an_image():
    with pytest.raises(InputError, match="expected counts"):
        mutual_information_bits(np.zeros((3, 3), dtype=np.int64))


def test_the_null_agrees_with_scipys_random_tables_of_the_same_margins():
    generator = np.random.default_rng(8)
    labels, predictions = generator.integers(0, 6, 300), generator.integers(0, 4, 300)
    margins = np.bincount(labels, minlength=6), np.bincount(predictions, minlength=6)
    drawn = stats.random_table(*margins).rvs(size=5000, random_state=generator)
    expected = np.quantile([mutual_info_score(None, None, contingency=table) for table in drawn], 0.95) / math.log(2)
    ours = mutual_information_null(labels, predictions, classes=6, permutations=500)
    assert ours == pytest.approx(expected, rel=0.1)


def test_the_null_lies_above_chance_and_below_a_real_dependence():
    generator = np.random.default_rng(9)
    labels = generator.integers(0, 10, 2000)
    chance = generator.integers(0, 10, 2000)
    follows = np.where(generator.random(2000) < 0.2, labels, chance)
    for predictions, dependent in ((chance, False), (follows, True)):
        null = mutual_information_null(labels, predictions, classes=10)
        assert (mutual_information_bits(contingency(labels, predictions, classes=10)) > null) is dependent


def test_the_null_of_a_classifier_that_always_says_the_same_is_0():
    assert mutual_information_null(np.arange(40) % 4, np.full(40, 2), classes=4) == 0


def test_the_null_repeats_with_its_seed_and_only_with_it():
    labels, predictions = np.arange(90) % 3, np.arange(90) % 5 % 3
    first, again, other = (mutual_information_null(labels, predictions, classes=3, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(("n", "setting"), [(0, {}), (4, {"permutations": 0}), (4, {"quantile": 1.0})])
def test_the_null_refuses_nothing_to_permute(n, setting):
    with pytest.raises(InputError):
        mutual_information_null(np.arange(n), np.arange(n), classes=4, **setting)


def test_the_verdict_says_where_our_runs_lie():
    interval = prediction_interval(RUNS)
    assert verdict(0.982, RUNS) == "agrees"
    assert verdict(interval.low - 0.0001, RUNS) == "above"
    assert verdict(interval.high + 0.0001, RUNS) == "below"


@pytest.mark.parametrize(
    ("printed", "expected"), [(0.50004, "agrees"), (0.49996, "agrees"), (0.50006, "below"), (0.49994, "above")]
)
def test_the_verdict_allows_for_the_rounding_of_two_printed_decimals_of_a_percentage(printed, expected):
    assert verdict(printed, [0.5, 0.5, 0.5]) == expected


@given(st.floats(0.0, 1.0), rates)
def test_the_verdict_on_our_mean_is_never_against_the_paper(printed, values):
    assert verdict(float(np.mean(values)), values, minimum_runs=2) == "agrees"
    opposite = {"above": "below", "below": "above", "agrees": "agrees"}
    mirrored = verdict(1 - printed, [1 - value for value in values], minimum_runs=2)
    assert verdict(printed, values, minimum_runs=2) == opposite[mirrored]


def test_few_runs_or_nothing_printed_decide_nothing():
    assert verdict(0.1, RUNS[:2]) == "undecided"
    assert verdict(0.1, RUNS, minimum_runs=5) == "undecided"
    assert verdict(None, RUNS) == "undecided"
    assert verdict(None, []) == "undecided"


@pytest.mark.parametrize(("printed", "setting"), [(98.2, {}), (-0.1, {}), (math.nan, {}), (0.98, {"minimum_runs": 1})])
def test_the_verdict_refuses_what_is_no_rate(printed, setting):
    with pytest.raises(InputError):
        verdict(printed, RUNS, **setting)
