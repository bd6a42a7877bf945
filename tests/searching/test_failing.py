"""Which settings fail: shares along each dimension, and over the two that matter most."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.searching.failing import failing_maps
from negatoscope.searching.result import DimensionSummary

HUE = DimensionSummary(stage=0, name="degrees", low=-180.0, high=180.0, identity=0.0)
FACTOR = DimensionSummary(stage=1, name="factor", low=0.0, high=2.0, identity=1.0)
ORDER = DimensionSummary(stage=1, name="order", low=0, high=0, identity=None, choices=("BGR", "GBR", "RBG"))
SPACE = "hue_shift(degrees=-180.0..180.0) | saturation(factor=0.0..2.0)"


def test_a_part_has_the_mean_over_the_settings_that_lie_in_it() -> None:
    points = np.array([[0.1], [0.4], [0.6], [0.9], [1.0]] * 4)
    wrong = np.array([0.2, 0.4, 0.0, 0.6, 0.9] * 4)
    ((half,), pair) = failing_maps("hue_shift(degrees=-180.0..180.0)", [HUE], points[:10], wrong[:10])
    assert pair is None
    assert half.axes[0].name == "degrees of hue_shift"
    assert half.axes[0].edges == (-180.0, 0.0, 180.0)
    assert half.misclassified == pytest.approx([0.3, 0.5])


def test_the_dimension_that_matters_more_comes_first() -> None:
    points = np.random.default_rng(0).random((256, 2))
    maps, pair = failing_maps(SPACE, [HUE, FACTOR], points, points[:, 1])
    assert [entry.axes[0].name for entry in maps] == ["factor of saturation", "degrees of hue_shift"]
    assert pair is not None
    assert [axis.name for axis in pair.axes] == ["degrees of hue_shift", "factor of saturation"]
    assert pair.misclassified.shape == (16, 16)


def test_a_cell_without_a_setting_has_no_share() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    _, pair = failing_maps(SPACE, [HUE, FACTOR], corners, np.array([0.25, 0.5, 0.75]))
    assert pair is not None
    assert np.array_equal(pair.misclassified, [[0.25, 0.75], [np.nan, 0.5]], equal_nan=True)


def test_each_choice_is_a_part() -> None:
    points = np.array([[0.5, 0.1], [0.5, 0.5], [0.5, 0.9], [0.5, 1.0]])
    maps, _ = failing_maps("flip | channel_permutation", [HUE, ORDER], points, np.array([0.1, 0.2, 0.3, 0.5]))
    assert maps[0].axes[0].choices == ("BGR", "GBR", "RBG")
    assert maps[0].misclassified == pytest.approx([0.1, 0.2, 0.4])


@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_parts_weighted_by_their_settings_give_the_mean_of_all(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    points, wrong = generator.random((n, 2)), generator.random(n)
    for entry in failing_maps(SPACE, [HUE, FACTOR], points, wrong)[0]:
        column = points[:, 0 if entry.axes[0].name.startswith("degrees") else 1]
        count = np.histogram(column, bins=entry.axes[0].parts, range=(0, 1))[0]
        assert np.nansum(count * np.nan_to_num(entry.misclassified)) / n == pytest.approx(wrong.mean())
