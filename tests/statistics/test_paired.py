"""Two rates over the same images or over others, held against statsmodels, scipy, R's statpsych and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from negatoscope.errors import InputError
from negatoscope.statistics.intervals import Rate
from negatoscope.statistics.paired import holm, mcnemar, paired_difference
from negatoscope.statistics.unpaired import fisher, unpaired_difference

changes = st.integers(1, 5000).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda lost: st.tuples(st.just(lost), st.integers(0, n - lost), st.just(n)))
)
p_values = st.lists(st.floats(0.0, 1.0), max_size=40)
counted = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def _rate(correct, n):
    return Rate.of(np.arange(n) < correct)


def test_the_paired_interval_is_that_of_statpsych():
    """ci.prop.ps(.05, 12, 4, 26, 6) of the R package statpsych, by Bonett, prints 0.2548067 and 0.6251933."""
    interval = paired_difference(26, 4, 12 + 4 + 26 + 6)
    assert (interval.low, interval.high) == pytest.approx((0.2548067, 0.6251933), abs=5e-8)


@given(changes)
def test_the_paired_interval_is_the_normal_one_of_the_differences_with_one_image_more_either_way(change):
    lost, gained, n = change
    differences = np.concatenate([np.repeat([1, -1], [lost + 1, gained + 1]), np.zeros(n - lost - gained)])
    low, high = stats.norm.interval(0.95, differences.mean(), differences.std() / np.sqrt(n + 2))
    interval = paired_difference(lost, gained, n)
    assert (interval.low, interval.high) == pytest.approx((max(low, -1), min(high, 1)), abs=1e-12)


@given(changes)
def test_the_paired_interval_holds_the_observed_difference_and_turns_with_its_sign(change):
    lost, gained, n = change
    interval, turned = paired_difference(lost, gained, n), paired_difference(gained, lost, n)
    assert -1 <= interval.low <= (lost - gained) / n <= interval.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-interval.high, -interval.low), abs=1e-12)
    assert interval.low < interval.high


@pytest.mark.parametrize("n", [50, 500])
@pytest.mark.parametrize("shares", [(0.05, 0.05), (0.3, 0.02), (0.9, 0.01), (0.01, 0.0), (0.2, 0.2)])
def test_the_paired_interval_holds_the_true_difference_in_about_95_of_100_draws(shares, n):
    lost_share, gained_share = shares
    drawn = np.random.default_rng(n).multinomial(n, [*shares, 1 - sum(shares)], size=2000).tolist()
    held = np.mean([lost_share - gained_share in paired_difference(lost, gained, n) for lost, gained, _ in drawn])
    few = n * lost_share < 10  # where hardly an answer changes, it is wider than need be
    assert 0.93 < held <= (1.0 if few or n < 100 else 0.97)


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5)])
def test_the_paired_interval_refuses_impossible_counts(counts):
    with pytest.raises(InputError):
        paired_difference(*counts)


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_agrees_with_statsmodels_and_scipy(lost, gained):
    theirs = statsmodels_mcnemar([[10, lost], [gained, 10]], exact=True).pvalue
    assert mcnemar(lost, gained) == pytest.approx(theirs, rel=1e-9)
    if lost + gained:
        assert mcnemar(lost, gained) == pytest.approx(stats.binomtest(lost, lost + gained).pvalue, rel=1e-6)


@pytest.mark.parametrize("counts", [(999_000, 1_001_000), (2_000_000, 1_998_000)])
def test_mcnemar_agrees_with_scipy_on_millions(counts):
    assert mcnemar(*counts) == pytest.approx(2 * stats.binom.cdf(min(counts), sum(counts), 0.5), rel=1e-7)


def test_answers_that_never_change_differ_by_chance_and_a_hundred_losses_do_not():
    assert mcnemar(0, 0) == 1
    assert mcnemar(100, 0) == pytest.approx(2.0**-99)


def test_mcnemar_refuses_a_count_below_0():
    with pytest.raises(InputError, match="expected lost and gained to be 0 or more"):
        mcnemar(-1, 3)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_holm_agrees_with_statsmodels(count):
    values = (np.random.default_rng(count).random(count) ** 4).tolist()
    values += values[:2]  # ties
    assert holm(values) == pytest.approx(list(multipletests(values, method="holm")[1]), abs=1e-12)


def test_no_tests_have_no_p_values():
    assert holm([]) == []


@given(p_values)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values):
    corrected = holm(values)
    assert all(before <= after <= 1 for before, after in zip(values, corrected, strict=True))
    order = np.argsort(values, kind="stable")
    assert all(np.diff(np.array(corrected)[order]) >= 0)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(value):
    with pytest.raises(InputError, match="expected p_values from 0 to 1"):
        holm([0.5, value])


@given(counted, counted)
def test_the_unpaired_interval_agrees_with_statsmodels(first, second):
    low, high = confint_proportions_2indep(*first, *second, compare="diff", method="newcomb")
    interval = unpaired_difference(_rate(*first), _rate(*second))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("rates", [(0.9, 0.6), (0.5, 0.5), (0.99, 0.97)])
def test_the_unpaired_interval_holds_the_true_difference_in_about_95_of_100_draws(rates):
    drawn = np.random.default_rng(0).binomial([300, 400], rates, size=(4000, 2))
    firsts, seconds = ({hits: _rate(hits, n) for hits in set(drawn[:, side])} for side, n in enumerate((300, 400)))
    held = np.mean([rates[0] - rates[1] in unpaired_difference(firsts[a], seconds[b]) for a, b in drawn])
    assert 0.93 < held < 0.98


@given(counted, counted)
def test_fishers_test_is_the_sum_of_all_tables_that_are_no_likelier(first, second):
    (hits, n), (others, m) = first, second
    possible = np.arange(max(0, hits + others - m), min(n, hits + others) + 1)
    weights = stats.hypergeom(n + m, hits + others, n).pmf(possible)
    observed = weights[possible == hits][0]
    expected = weights[weights <= observed * (1 + 1e-7)].sum()
    assert fisher(_rate(*first), _rate(*second)) == pytest.approx(min(expected, 1), rel=1e-5)
