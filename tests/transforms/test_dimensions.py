"""One searched number or choice: points of the unit interval to values of its range, and back."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.transforms.stages import Dimension, Stage

RANGES = st.tuples(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3)).map(lambda pair: (pair[0], pair[0] + pair[1]))
POINTS = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def at(*points: float) -> torch.Tensor:
    return torch.tensor(points, dtype=torch.float64)


@given(RANGES, POINTS)
def test_a_number_runs_from_one_end_of_its_range_to_the_other(ends: tuple[float, float], points: list[float]) -> None:
    low, high = ends
    dimension = Dimension(0, "x", low, high)
    values = dimension.values(at(*sorted(points)))
    assert dimension.values(at(0.0, 1.0)).tolist() == pytest.approx([low, high], abs=1e-6 * (high - low))
    assert bool(((values >= low) & (values <= high)).all())
    assert bool((values.diff() >= 0).all())
    exact = low + (high - low) * at(*sorted(points))
    assert float((values - exact).abs().max()) <= 1e-6 * (high - low)


@given(RANGES, st.floats(0, 1))
def test_the_point_of_a_value_gives_that_value(ends: tuple[float, float], point: float) -> None:
    dimension = Dimension(0, "x", *ends)
    value = float(dimension.values(at(point))[0])
    assert 0 <= dimension.point(value) <= 1
    assert float(dimension.values(at(min(1.0, max(0.0, dimension.point(value)))))[0]) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-180.0, 180.0), (0.5, 2.0), (1e-5, 2e-5)])
def test_values_are_short_in_writing(low: float, high: float) -> None:
    values = Dimension(0, "x", low, high).values(torch.rand(200, dtype=torch.float64))
    most = math.ceil(-math.log10(1e-6 * (high - low)))
    assert all(value == round(value, most) or value in (low, high) for value in values.tolist())
    assert max(len(repr(value)) for value in values.tolist()) <= most + 6


@given(st.integers(-20, 20), st.integers(0, 12), st.floats(0, 1))
def test_every_whole_number_of_a_range_has_its_share_and_its_middle(low: int, more: int, point: float) -> None:
    dimension = Dimension(0, "bits", low, low + more, whole=True)
    value = dimension.literal(float(dimension.values(at(point))[0]))
    assert isinstance(value, int)
    assert low <= value <= low + more
    assert abs(dimension.point(value) - point) <= 0.5 / (more + 1) + 1e-12
    middles = [dimension.point(number) for number in range(low, low + more + 1)]
    assert dimension.values(at(*middles)).tolist() == list(range(low, low + more + 1))


def test_a_choice_is_one_of_the_words_and_never_between_them() -> None:
    dimension = Dimension(0, "order", 0, 2, identity=1.0, choices=("RGB", "BGR", "GBR"))
    places = dimension.values(at(0.0, 0.33, 0.34, 0.66, 0.67, 1.0))
    assert [dimension.literal(place) for place in places.tolist()] == ["RGB", "RGB", "BGR", "BGR", "GBR", "GBR"]
    assert dimension.distance(places).tolist() == [1, 1, 0, 0, 1, 1]


def test_distance_is_one_at_the_far_end_and_proportional_on_both_sides() -> None:
    gamma = Dimension(0, "exponent", 0.25, 4.0, identity=1.0)
    assert gamma.distance(at(1.0, 4.0, 2.5, 0.25)).tolist() == pytest.approx([0, 1, 0.5, 0.25])
    seed = Dimension(0, "steepness", 1.0, 9.0)
    assert seed.distance(at(1.0, 9.0)).tolist() == [0, 0], "a number that alone changes nothing"


def test_gradients_pass_through_rounding_but_not_through_whole_numbers() -> None:
    points = at(0.123456789).requires_grad_()
    (slope,) = torch.autograd.grad(Dimension(0, "x", -2.0, 3.0).values(points).sum(), points)
    assert slope.tolist() == [5.0]
    assert not Dimension(0, "bits", 1, 8, whole=True).values(points).requires_grad


def scaled(images: torch.Tensor, *, factor: torch.Tensor | float, offset: float = 0.0) -> torch.Tensor:
    factors = torch.as_tensor(factor, dtype=images.dtype).reshape(-1, 1, 1, 1)
    return (images * factors + offset).clamp(0, 1)


def stage(**settings: object) -> Stage:
    dimension = Dimension(0, "factor", 0.0, 1.0, identity=1.0)
    given = {"dimensions": (dimension,), "identity": True, "text": "scaled(factor=0..1)"} | settings
    return Stage(function=scaled, write=lambda values: f"scaled(factor={values['factor']})", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("per_image", [frozenset({"factor"}), frozenset()], ids=["its own", "shared"])
def test_each_image_has_its_own_value_and_at_the_identity_is_the_very_image(per_image: frozenset[str]) -> None:
    images = torch.rand(5, 1, 3, 3)
    values = at(0.5, 1.0, 0.0, 0.5, 1.0)
    changed = stage(per_image=per_image).apply(images, [values])
    torch.testing.assert_close(changed, images * values.float().reshape(-1, 1, 1, 1))
    assert torch.equal(changed[[1, 4]], images[[1, 4]])


def test_at_the_identity_a_stage_is_not_written() -> None:
    assert stage().spec([1.0]) == ""
    assert stage().spec([0.25]) == "scaled(factor=0.25)"
    assert stage(identity=False).spec([1.0]) == "scaled(factor=1.0)"


def test_no_images_are_none() -> None:
    assert stage().apply(torch.rand(0, 1, 3, 3), [at()]).shape == (0, 1, 3, 3)


def test_fixed_settings_are_given_to_every_image() -> None:
    images = torch.full((2, 1, 2, 2), 0.4)
    changed = stage(fixed={"offset": 0.1}, identity=False).apply(images, [at(0.5, 1.0)])
    assert changed[:, 0, 0, 0].tolist() == pytest.approx([0.3, 0.5])
