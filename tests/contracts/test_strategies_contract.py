"""What every strategy promises, in every named space and in one of each kind of dimension; a new one is picked up."""

from dataclasses import dataclass, field
from functools import cache

import pytest
import torch
from torch import Tensor

from negatoscope.attacks.search import Feedback, Search, SearchFound, search_images
from negatoscope.attacks.strategies import STRATEGIES, History, Proposed, Strategy, resolve_strategy
from negatoscope.errors import InputError
from negatoscope.transforms import CLEAN, describe_transform
from negatoscope.transforms.spaces import Space, describe_spaces, resolve_space
from negatoscope.types import Images, Labels

NO_IDENTITY = "negative_sigmoid_contrast(steepness=0.0..9.0)"
SPACES = [
    *(space.name for space in describe_spaces()),
    "posterize(bits=2..8) | gamma(exponent=0.5..2.0)",
    "channel_permutation(order=..) | brightness(factor=0.5..2.0)",
    NO_IDENTITY,
]
BUDGET, N, CLASSES = 8, 14, 6


def smooth(n: int, *, seed: int) -> Images:
    """Images of three by three soft spots."""
    spots = torch.rand(n, 3, 3, 3, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(spots, size=8, mode="bilinear")


class CountingClassifier:
    """The nearest of six images, in float64 and without matrix products, so that batches cannot matter.

    It keeps what it is shown.

    Args:
        garbage: Whether logits have their largest in the same place and are otherwise made up.
    """

    def __init__(self, *, garbage: bool = False) -> None:
        self.garbage, self.shown = garbage, torch.zeros(0, 3, 8, 8)

    def __call__(self, images: Images) -> Tensor:
        self.shown = torch.cat([self.shown, images.detach()])
        logits = -(images.double()[:, None] - smooth(CLASSES, seed=7)).square().sum(dim=(2, 3, 4))
        if not self.garbage:
            return logits
        made_up = torch.rand(logits.shape, generator=torch.Generator().manual_seed(len(self.shown)))
        return made_up.scatter(1, logits.argmax(dim=1, keepdim=True), 2.0)


@dataclass(frozen=True)
class Recorded(Strategy):
    """A strategy whose points are kept."""

    proposed: list[Tensor] = field(default_factory=list)

    def __call__(self, history: History) -> Proposed | None:
        points = super().__call__(history)
        if points is not None:
            self.proposed.append(points.detach().clone())
        return points


@cache
def case() -> tuple[Images, Labels]:
    """Images, most of them classified correctly."""
    labels = torch.arange(N) % CLASSES
    images = torch.lerp(smooth(CLASSES, seed=7)[labels], smooth(N, seed=1), 0.3)
    labels[::7] = (labels[::7] + 1) % CLASSES
    return images, labels


@dataclass(frozen=True)
class Run:
    """A search and everything that was seen of it."""

    space: Space
    found: SearchFound
    proposed: list[Tensor]
    shown: Images


@cache
def run(
    strategy: str,
    space: str,
    *,
    seed: int = 0,
    feedback: Feedback = "scores",
    batch_size: int = 8,
    first: int = 0,
    last: int = N,
    budget: int = BUDGET,
    garbage: bool = False,
) -> Run:
    images, labels = case()
    classifier, resolved = CountingClassifier(garbage=garbage), resolve_strategy(strategy)
    recorded = Recorded(resolved.spec, resolved.function)
    search = Search(resolve_space(space, channels=3), recorded, budget, seed, feedback)
    only = slice(first, last)
    keys = torch.arange(100, 100 + N)[only]
    found = search_images(classifier, images[only], labels[only], search=search, keys=keys, batch_size=batch_size)
    return Run(search.space, found, recorded.proposed, classifier.shown)


def assert_same(found: SearchFound, expected: SearchFound) -> None:
    for name in ("queries", "first_errors", "points"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0, equal_nan=True)
    assert list(found.parameters) == list(expected.parameters)


pytestmark = [
    pytest.mark.parametrize("strategy", STRATEGIES.names()),
    pytest.mark.parametrize("space", SPACES),
]


def test_every_point_is_inside_the_space_and_every_setting_is_a_transform(strategy: str, space: str) -> None:
    searched = run(strategy, space)
    for points in [*searched.proposed, searched.found.points[~searched.found.points.isnan().any(dim=1)]]:
        assert points.shape[1] == len(searched.space.dimensions)
        assert bool(((points >= 0) & (points <= 1)).all())
    for text in searched.found.parameters:
        if text != CLEAN:
            describe_transform(text)


def test_no_image_takes_more_forward_passes_than_its_budget_and_all_are_counted(strategy: str, space: str) -> None:
    together = run(strategy, space)
    queries, first_errors = together.found.queries, together.found.first_errors
    assert len(together.shown) == int(queries.sum())
    assert int(queries.max()) <= BUDGET
    assert torch.equal(queries[first_errors > 0], first_errors[first_errors > 0]), "it leaves at its first error"
    alone = run(strategy, space, first=1, last=2)
    assert len(alone.shown) == int(queries[1])


def test_the_clean_image_is_the_first_query(strategy: str, space: str) -> None:
    images, labels = case()
    searched = run(strategy, space, budget=1)
    assert torch.equal(searched.shown, images)
    assert searched.proposed == []
    assert torch.equal(searched.found.first_errors == 1, CountingClassifier()(images).argmax(dim=1) != labels)
    assert list(searched.found.parameters) == [CLEAN] * N
    expected = torch.full_like(searched.found.points, torch.nan)
    if searched.space.identity is not None:
        expected = searched.space.identity.expand(N, -1)
    torch.testing.assert_close(searched.found.points, expected, rtol=0, atol=0, equal_nan=True)


def test_an_image_is_given_where_it_fools_or_is_least_confident(strategy: str, space: str) -> None:
    images, labels = case()
    searched = run(strategy, space)
    found = searched.found
    fooled = CountingClassifier()(found.changed(images, searched.space)).argmax(dim=1) != labels
    assert torch.equal(fooled, found.first_errors > 0)
    clean = run(strategy, space, budget=1).found.margins
    assert bool((found.margins <= clean).all())
    assert bool((found.margins[fooled] <= 0).all())


def test_the_seed_decides_and_another_one_draws_others(strategy: str, space: str) -> None:
    first, again, other = (run(strategy, space, seed=seed) for seed in (3, 3, -4))
    assert_same(again.found, first.found)
    assert any(
        a.shape != b.shape or not torch.equal(a, b) for a, b in zip(first.proposed, other.proposed, strict=False)
    )


def test_batches_and_other_images_decide_nothing(strategy: str, space: str) -> None:
    expected = run(strategy, space)
    assert_same(run(strategy, space, batch_size=64).found, expected.found)
    half = run(strategy, space, first=N // 2).found
    assert torch.equal(half.queries, expected.found.queries[N // 2 :])
    torch.testing.assert_close(half.points, expected.found.points[N // 2 :], rtol=0, atol=0, equal_nan=True)


def test_labels_as_feedback_read_no_scores(strategy: str, space: str) -> None:
    if resolve_strategy(strategy).slopes:
        with pytest.raises(InputError, match=r"^expected scores as feedback of .*, which follows their slopes, got la"):
            run(strategy, space, feedback="labels")
        return
    honest, garbage = (run(strategy, space, feedback="labels", garbage=garbage) for garbage in (False, True))
    assert_same(garbage.found, honest.found)
    assert bool(honest.found.margins.isnan().all())


def test_a_larger_budget_goes_on_where_a_smaller_one_ends(strategy: str, space: str) -> None:
    if strategy in ("grid", "widening"):
        pytest.skip("where it looks depends on its budget")
    small, large = (run(strategy, space, budget=budget).found for budget in (4, BUDGET))
    expected = large.first_errors.masked_fill(large.first_errors > 4, 0)
    assert torch.equal(small.first_errors, expected)
