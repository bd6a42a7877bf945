"""Means and differences over seeds, against Student's interval as SciPy has it."""

import numpy as np
import pytest
from scipy import stats

from negatoscope.studies.discussion_result import MeanOverSeeds


@pytest.mark.parametrize("values", [(0.2, 0.3, 0.7), (0.5, 0.5, 0.5), (0.01, 0.02)])
def test_an_interval_over_seeds_is_students(values: tuple[float, ...]) -> None:
    mean = MeanOverSeeds.of(values)
    deviation = np.std(values, ddof=1) / np.sqrt(len(values))
    low, high = mean.mean + np.array([-1, 1]) * stats.t.ppf(0.975, len(values) - 1) * deviation
    assert (mean.low, mean.high) == pytest.approx((max(0, low), min(1, high)))
    assert MeanOverSeeds.of(values[:1]) == MeanOverSeeds(values[0], None, None, values[:1])


def test_a_difference_is_taken_seed_by_seed() -> None:
    mean = MeanOverSeeds.difference((0.2, 0.4, 0.6), (0.1, 0.31, 0.5))
    assert mean.values == pytest.approx((0.1, 0.09, 0.1))
    assert mean.sign == 1
    assert MeanOverSeeds.difference((0.1, 0.31, 0.5), (0.2, 0.4, 0.6)).sign == -1
    assert MeanOverSeeds.difference((0.1, 0.9), (0.5, 0.5)).sign == 0
    assert MeanOverSeeds.difference((0.9,), (0.5,)).sign == 0
