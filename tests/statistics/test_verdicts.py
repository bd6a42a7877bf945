"""Whether a printed number could have been one more run."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.errors import InputError
from negatoscope.statistics.intervals import prediction_interval
from negatoscope.statistics.verdicts import verdict

RUNS = [0.9812, 0.9830, 0.9807, 0.9821]
rates = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20)


def test_the_verdict_states_where_our_runs_lie():
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
