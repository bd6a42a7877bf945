"""Which settings fail: counts along each dimension, and over the two that matter most."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.searching.failing import count_failing
from negatoscope.searching.result import DimensionSummary

HUE = DimensionSummary(stage=0, name="degrees", low=-180.0, high=180.0, identity=0.0)
FACTOR = DimensionSummary(stage=1, name="factor", low=0.0, high=2.0, identity=1.0)
ORDER = DimensionSummary(stage=1, name="order", low=0, high=2, identity=None, choices=("BGR", "GBR", "RBG"))
BITS = DimensionSummary(stage=0, name="bits", low=2, high=5, identity=None, whole=True)


def test_a_part_counts_the_images_at_settings_that_lie_in_it() -> None:
    points = np.array([[0.1], [0.4], [0.6], [0.9], [1.0]] * 8)
    failed = np.array([True, False, False, True, True] * 8)
    (halves,) = count_failing([HUE], points, failed)
    assert (halves.dimensions, halves.parts) == ((0,), (2,))
    assert (halves.n, halves.misclassified) == ((16, 24), (8, 16))


def test_the_dimension_that_matters_more_comes_first() -> None:
    points = np.random.default_rng(0).random((4096, 2))
    first, second, pair = count_failing([HUE, FACTOR], points, points[:, 1] > 0.7)
    assert [first.dimensions, second.dimensions, pair.dimensions] == [(1,), (0,), (0, 1)]
    assert (first.parts, pair.parts) == ((16,), (12, 12))
    assert sum(pair.n) == 4096


def test_cells_run_along_the_last_dimension_first() -> None:
    corner = np.array([[0.1, 0.9]] * 90)
    *_, pair = count_failing([HUE, FACTOR], corner, np.ones(90, dtype=np.bool_))
    assert (pair.parts, pair.n, pair.misclassified) == ((2, 2), (0, 90, 0, 0), (0, 90, 0, 0))


def test_each_choice_and_each_whole_number_is_a_part() -> None:
    points = np.random.default_rng(0).random((2000, 2))
    maps = count_failing([BITS, ORDER], points, points[:, 1] > 0.5)
    assert {counted.dimensions: counted.parts for counted in maps} == {(0,): (4,), (1,): (3,), (0, 1): (4, 3)}


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_every_image_is_counted_once_in_each_map(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    points, failed = generator.random((n, 2)), generator.random(n) < 0.5
    for counted in count_failing([HUE, FACTOR], points, failed):
        assert sum(counted.n) == n
        assert sum(counted.misclassified) == failed.sum()
