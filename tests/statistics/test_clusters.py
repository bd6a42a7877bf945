"""Intervals that resample whole tracks and the test of their signs, held against scipy and trying one by one."""

import itertools

import numpy as np
import pytest
from scipy import stats

from negatoscope.errors import InputError
from negatoscope.statistics.clusters import cluster_bootstrap, cluster_sign_test
from negatoscope.statistics.intervals import Interval, wilson
from negatoscope.statistics.paired import mcnemar, paired_difference


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


def test_the_bootstrap_draws_the_given_number_of_samples_however_many_clusters_there_are():
    correct = np.arange(600_000) % 2 > 0
    interval = cluster_bootstrap(correct, np.arange(600_000), resamples=3)
    assert 0.49 < interval.low < interval.high < 0.51


@pytest.mark.parametrize(("n", "setting"), [(0, {}), (4, {"resamples": 0}), (4, {"confidence": 1.0})])
def test_the_bootstrap_refuses_nothing_to_draw_from(n, setting):
    with pytest.raises(InputError):
        cluster_bootstrap(np.ones(n, dtype=bool), np.arange(n), **setting)


def _two_answers(seed):
    before, clusters = _unequal_clusters(seed)
    generator = np.random.default_rng(seed)
    hard = (generator.random(25) < 0.4)[clusters]
    return before, before & ~hard, clusters


def test_the_difference_agrees_with_scipys_bootstrap_of_the_ratio():
    before, after, clusters = _two_answers(8)
    lost, sizes = np.bincount(clusters, weights=before.astype(float) - after), np.bincount(clusters)
    theirs = stats.bootstrap(
        (lost, sizes),
        lambda lost, sizes, axis: lost.sum(axis=axis) / sizes.sum(axis=axis),
        paired=True,
        n_resamples=8000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    interval = cluster_bootstrap(before.astype(int) - after, clusters, resamples=8000)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_the_difference_changes_its_sign_with_the_order():
    before, after, clusters = _two_answers(9)
    forth = cluster_bootstrap(before.astype(int) - after, clusters)
    back = cluster_bootstrap(after.astype(int) - before, clusters)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=1e-12)


def test_a_cluster_per_image_gives_about_the_difference_of_independent_images():
    before, after = np.arange(5000) % 4 > 0, np.arange(5000) % 5 > 1
    lost, gained = int((before & ~after).sum()), int((~before & after).sum())
    interval = cluster_bootstrap(before.astype(int) - after, np.arange(5000))
    expected = paired_difference(lost, gained, 5000)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.003)


def test_the_bootstrap_of_no_images_is_refused():
    with pytest.raises(InputError, match="expected values to hold at least one image"):
        cluster_bootstrap(np.array([], dtype=int), np.array([], dtype=int))


def test_the_difference_by_track_holds_the_true_one_in_about_95_of_100_draws_of_objects():
    held, trials = 0, 400
    for trial in range(trials):
        generator = np.random.default_rng(trial)
        tracks = np.repeat(np.arange(60), 10)
        easiness = generator.beta(4, 1, size=60)[tracks]
        before, after = generator.random(600) < easiness, generator.random(600) < easiness / 2
        held += 0.4 in cluster_bootstrap(before.astype(int) - after, tracks, resamples=400)
    assert stats.binomtest(held, trials, 0.94).pvalue > 0.001  # sixty tracks make it a little narrow


@pytest.mark.parametrize("seed", range(40))
def test_the_sign_test_agrees_with_trying_all_signs(seed):
    generator = np.random.default_rng(seed)
    n = generator.integers(1, 40)
    changes, clusters = generator.integers(-1, 2, n), generator.integers(0, 10, n)
    sums = np.array([changes[clusters == name].sum() for name in np.unique(clusters)])
    totals = [abs(sums @ signs) for signs in itertools.product((-1, 1), repeat=len(sums))]
    assert cluster_sign_test(changes, clusters) == pytest.approx(np.mean(np.array(totals) >= abs(sums.sum())))


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (5, 0), (10, 3), (100, 60), (30, 30)])
def test_the_sign_test_of_a_cluster_per_image_is_mcnemars(lost, gained):
    changes = np.repeat([1, -1, 0], [lost, gained, 50])
    assert cluster_sign_test(changes, np.arange(len(changes))) == pytest.approx(mcnemar(lost, gained), rel=1e-9)


def test_one_object_proves_nothing_and_ten_are_a_throw_of_ten_coins():
    assert cluster_sign_test(np.ones(1000, dtype=int), np.zeros(1000, dtype=int)) == 1
    assert cluster_sign_test(np.ones(1000, dtype=int), np.arange(1000) % 10) == pytest.approx(2.0**-9)


def test_no_image_is_refused():
    with pytest.raises(InputError, match="expected changes of at least one image"):
        cluster_sign_test(np.array([], dtype=int), np.array([], dtype=int))


def test_where_nothing_changes_but_by_chance_objects_are_called_significant_in_5_of_100_draws_and_images_in_more():
    trials, by_object, by_image = 400, 0, 0
    for trial in range(trials):
        generator = np.random.default_rng(trial)
        changes = generator.choice([-1, 0, 1], 40, p=[0.3, 0.4, 0.3]).repeat(10)
        by_object += cluster_sign_test(changes, np.arange(400) // 10) < 0.05
        by_image += mcnemar(int((changes > 0).sum()), int((changes < 0).sum())) < 0.05
    assert stats.binomtest(by_object, trials, 0.05, alternative="greater").pvalue > 0.001
    assert by_image > 0.3 * trials
