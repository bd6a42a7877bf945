"""Whether a printed number could have been one more run, and whether runs are better than guessing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from negatoscope.errors import InputError
from negatoscope.statistics.intervals import prediction_interval
from negatoscope.statistics.verdicts import WIDEST, standing, verdict

RUNS = [0.9812, 0.9830, 0.9807, 0.9821]
rates = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20)


def test_the_verdict_states_where_our_runs_lie():
    interval = prediction_interval(RUNS)
    assert verdict(0.982, RUNS) == "agrees"
    assert verdict(interval.low - 0.0001, RUNS) == "ours higher"
    assert verdict(interval.high + 0.0001, RUNS) == "ours lower"


@pytest.mark.parametrize(
    ("printed", "expected"),
    [(0.50004, "agrees"), (0.49996, "agrees"), (0.50006, "ours lower"), (0.49994, "ours higher")],
)
def test_the_verdict_allows_for_the_rounding_of_two_printed_decimals_of_a_percentage(printed, expected):
    assert verdict(printed, [0.5, 0.5, 0.5]) == expected


@given(st.floats(0.0, 1.0), rates)
def test_the_verdict_on_our_mean_is_never_against_the_paper(printed, values):
    interval = prediction_interval(values)
    narrow = interval.high - interval.low <= WIDEST
    assert verdict(float(np.mean(values)), values, minimum_runs=2) == ("agrees" if narrow else "undecided")
    opposite = {"ours higher": "ours lower", "ours lower": "ours higher"}
    mirrored = verdict(1 - printed, [1 - value for value in values], minimum_runs=2)
    assert verdict(printed, values, minimum_runs=2) == opposite.get(mirrored, mirrored)


def test_a_number_inside_an_interval_wider_than_ten_points_is_undecided():
    assert verdict(0.2, [0.15, 0.20, 0.25]) == "undecided"
    assert verdict(0.9, [0.15, 0.20, 0.25]) == "ours lower"


@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=20), st.floats(0.0, 1.0))
def test_runs_stand_to_guessing_as_scipys_t_test_of_their_mean_says(values, guessing):
    found = standing(values, guessing)
    if np.ptp(values) < 1e-6:
        assert found == ("above" if values[0] > guessing else "below" if values[0] < guessing else "at") or (
            abs(values[0] - guessing) < 1e-6
        )
        return
    test = ttest_1samp(values, guessing)
    if abs(test.pvalue - 0.05) > 1e-9:
        expected = "at" if test.pvalue > 0.05 else "above" if np.mean(values) > guessing else "below"
        assert found == expected


def test_too_few_runs_stand_nowhere():
    assert standing([0.5, 0.5], 0.1) == "undecided"


def test_few_runs_or_nothing_printed_decide_nothing():
    assert verdict(0.1, RUNS[:2]) == "undecided"
    assert verdict(0.1, RUNS, minimum_runs=5) == "undecided"
    assert verdict(None, RUNS) == "undecided"
    assert verdict(None, []) == "undecided"


@pytest.mark.parametrize(("printed", "setting"), [(98.2, {}), (-0.1, {}), (math.nan, {}), (0.98, {"minimum_runs": 1})])
def test_the_verdict_refuses_what_is_no_rate(printed, setting):
    with pytest.raises(InputError):
        verdict(printed, RUNS, **setting)
