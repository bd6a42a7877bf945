"""Each strategy's own promise: a grid that covers the space, even draws, a search that beats chance."""

import math

import pytest
import torch
from scipy.stats import kstest, qmc
from torch import Tensor

from negatoscope.attacks.draws import uniform
from negatoscope.attacks.search import Search, search_images
from negatoscope.attacks.strategies import History, resolve_strategy
from negatoscope.transforms.spaces import Space, resolve_space
from negatoscope.types import Images

TONE = resolve_space("gamma(exponent=0.5..2.0) | brightness(factor=0.5..1.5)", channels=1)
MIXED = resolve_space("channel_permutation(order=..) | brightness(factor=0.5..1.5)", channels=3)
CUBE = resolve_space("color_cube", channels=3)


def proposed(strategy: str, space: Space, *, limit: int, n: int = 4, seed: int = 0) -> list[Tensor]:
    """What it proposes for n images that nothing fools, of which only labels are known."""
    resolved = resolve_strategy(strategy)
    none = torch.zeros(n, 0, len(space.dimensions), dtype=torch.float64)
    history = History(space, seed, limit, 0, torch.arange(n), none, torch.zeros(n, 0).double(), none)
    points = []
    while (point := resolved(history)) is not None:
        points.append(point)
        history = history.after(point, torch.zeros(n).double(), torch.zeros_like(point))
    return points


def test_draws_are_even_and_differ_by_image_place_and_seed() -> None:
    keys = torch.arange(2000)
    drawn = uniform(keys, seed=1, place=3, width=5)
    assert kstest(drawn.flatten().numpy(), "uniform").pvalue > 1e-3
    others = [uniform(keys, seed=seed, place=place, width=5) for seed, place in ((2, 3), (1, 4), (-1, 3))]
    numbers = torch.stack([drawn, *others]).unique()
    assert len(numbers) == 4 * drawn.numel()
    correlations = torch.corrcoef(torch.cat([drawn, *others], dim=1).T).fill_diagonal_(0)
    assert float(correlations.abs().max()) < 5 / math.sqrt(len(keys))


def test_a_grid_of_numbers_has_both_ends_and_nearly_as_many_points_as_it_may() -> None:
    points = proposed("grid", TONE, limit=100)
    for image in range(4):
        mine = torch.stack([point[image] for point in points])
        assert len(mine.unique(dim=0)) == len(mine)
        assert [len(mine[:, place].unique()) for place in (0, 1)] == [10, 10]
        assert (float(mine.min()), float(mine.max())) == (0.0, 1.0)


def test_a_grid_has_every_choice_before_it_divides_numbers_finer() -> None:
    points = torch.stack([point[0] for point in proposed("grid", MIXED, limit=60)])
    values = MIXED.dimensions[0].values(points[:, 0])
    assert len(values.unique()) == len(MIXED.dimensions[0].choices)


def test_a_grid_leaves_out_where_nothing_changes() -> None:
    points = torch.stack([point[0] for point in proposed("grid", TONE, limit=9)])
    assert len(points) == 9
    odd = resolve_space("brightness(factor=0.5..1.5)", channels=1)
    assert [float(point[0, 0]) for point in proposed("grid", odd, limit=3, n=1)].count(0.5) == 0


@pytest.mark.parametrize("strategy", ["grid", "random", "sobol", "local"])
def test_a_space_of_choices_alone_is_gone_through_once_by_every_strategy(strategy: str) -> None:
    points = torch.stack(proposed(strategy, CUBE, limit=60))
    assert len(points) == 47  # without the identity
    for image in range(4):
        assert len(set(CUBE.parameters(points[:, image]))) == 47
    assert not torch.equal(points[:, 0], points[:, 1])


def test_random_points_are_even() -> None:
    points = torch.cat(proposed("random", TONE, limit=200, n=30))
    assert kstest(points.flatten().numpy(), "uniform").pvalue > 1e-3


def test_sobol_points_of_each_image_leave_smaller_gaps_than_random_ones() -> None:
    def discrepancy(strategy: str) -> float:
        points = torch.stack(proposed(strategy, TONE, limit=64, n=20), dim=1)
        return sum(qmc.discrepancy(mine.numpy(), method="WD") for mine in points) / 20

    assert discrepancy("sobol") < discrepancy("random") / 3


def test_widening_points_come_from_around_the_identity_and_go_farther_with_every_query() -> None:
    points = torch.stack(proposed("widening", TONE, limit=100, n=200))
    identity = TONE.identity
    assert identity is not None
    share = (torch.arange(100) + 1.0)[:, None, None].double() / 100
    low, high = identity * (1 - share), identity + (1 - identity) * share
    assert bool(((points >= low - 1e-12) & (points <= high + 1e-12)).all())
    assert kstest(((points - low) / (high - low)).flatten().numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("space", ["hue_shift(degrees=-180..180)", "solarize(threshold=0..1)"])
def test_widening_draws_from_all_of_a_circle_and_of_what_has_no_identity_from_the_first_query(space: str) -> None:
    drawn = proposed("widening", resolve_space(space, channels=3), limit=1000, n=400)[0]
    assert kstest(drawn.flatten().numpy(), "uniform").pvalue > 1e-3


def test_half_a_circle_is_none() -> None:
    space = resolve_space("hue_shift(degrees=-90..90)", channels=3)
    assert float((proposed("widening", space, limit=1000, n=400)[0] - 0.5).abs().max()) <= 0.00051


def valley(images: Images) -> Tensor:
    """Confident but in a small hollow of the space TONE, for images of one pixel at 0.5: the first class is right."""
    brightness = images.flatten()
    hollow = (brightness - 0.41).abs()
    return torch.stack([hollow - 0.0004, torch.zeros_like(hollow)], dim=1)


@pytest.mark.parametrize("strategy", ["local", "local(candidates=1)", "gradient"])
def test_what_scores_say_finds_a_small_hollow_sooner_than_chance(strategy: str) -> None:
    images, labels = torch.full((60, 1, 1, 1), 0.5), torch.zeros(60, dtype=torch.int64)

    def fooled(name: str) -> float:
        found = search_images(valley, images, labels, search=Search(TONE, resolve_strategy(name), budget=40))
        return float((found.first_errors > 0).double().mean())

    assert fooled(strategy) > fooled("random") + 0.25


def test_labels_alone_make_local_a_sobol_sequence() -> None:
    for mine, theirs in zip(proposed("local", TONE, limit=20), proposed("sobol", TONE, limit=20), strict=True):
        assert torch.equal(mine, theirs)
