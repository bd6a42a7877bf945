"""Strategies of a search: which point of a space each image is tried at next, from what was answered so far.

A strategy is a pure function of `History` and holds nothing between queries: what it proposes for an image depends on
the answers about that image alone, not on batches or on other images.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from negatoscope.attacks.draws import uniform
from negatoscope.registry import Registry, Spec
from negatoscope.transforms.spaces import Dimension, Space, resolve_space

Proposed = Float64[Tensor, "n dimensions"]
"""The next point of each image, in the unit cube of the space."""

Registered = TypeVar("Registered", bound=Callable[..., Proposed | None])

KEPT = 32
"""How many points of each image a search remembers: those at which the classifier was least confident."""

STRATEGIES: Registry[Callable[..., Proposed | None]] = Registry("strategy", "negatoscope.attacks")
"""Every strategy by name, called as ``strategy(history, ...)``; None where no point is left."""

_WITH_SLOPES: set[str] = set()
_BEFORE = 1  # a place of draws before that of the first query


@dataclass(frozen=True)
class History:
    """What a search knows of n images that are still classified correctly; a strategy reads nothing else.

    Args:
        space: What is searched.
        seed: Of all draws.
        limit: How many points each image may be tried at, beside its clean self.
        queries: At how many it was.
        keys: A number of each image's own, which its draws derive from.
        points: The points of each that are remembered, the least confident first, the earlier of equals; the identity
            of the space is among them, where it has one.
        margins: There, the logit of the label less the largest other one; all 0 where labels alone are fed back.
        slopes: How the margin changes with the point there; all 0 unless the strategy was registered with `slopes`.
    """

    space: Space
    seed: int
    limit: int
    queries: int
    keys: Int64[Tensor, " n"]
    points: Float64[Tensor, "n kept dimensions"]
    margins: Float64[Tensor, "n kept"]
    slopes: Float64[Tensor, "n kept dimensions"]

    def after(
        self, points: Proposed, margins: Float64[Tensor, " n"], slopes: Float64[Tensor, "n dimensions"]
    ) -> "History":
        """After one more query of each image; beyond `KEPT` points the most confident one is forgotten."""
        points = torch.cat([self.points, points[:, None]], dim=1)
        slopes = torch.cat([self.slopes, slopes[:, None]], dim=1)
        margins, order = torch.cat([self.margins, margins[:, None]], dim=1).sort(dim=1, stable=True)
        chosen = order[:, :KEPT, None].expand(-1, -1, points.shape[2])
        return replace(
            self,
            queries=self.queries + 1,
            points=points.gather(1, chosen),
            margins=margins[:, :KEPT],
            slopes=slopes.gather(1, chosen),
        )

    def only(self, stay: Bool[Tensor, " n"] | slice) -> "History":
        """Of some images."""
        return replace(
            self,
            keys=self.keys[stay],
            points=self.points[stay],
            margins=self.margins[stay],
            slopes=self.slopes[stay],
        )

    def draws(self, width: int) -> Float64[Tensor, "n width"]:
        """For each image `width` random numbers of its next query, above 0 and below 1."""
        return uniform(self.keys, seed=self.seed, place=_BEFORE + self.queries, width=width)

    def shifts(self, width: int) -> Float64[Tensor, "n width"]:
        """For each image `width` random numbers that are the same at every query."""
        return uniform(self.keys, seed=self.seed, place=0, width=width)


@dataclass(frozen=True)
class Strategy:
    """A strategy with its settings.

    Args:
        spec: Its canonical spec.
        function: What proposes points, its settings bound.
    """

    spec: Spec
    function: Callable[[History], Proposed | None]

    def __call__(self, history: History) -> Proposed | None:
        """The next point of each image, None where no point is left.

        A space of choices alone is gone through by every strategy, where its limit allows.
        """
        if history.queries >= history.limit:
            return None
        few = _elements(history.space) <= history.limit
        return grid(history) if few else self.function(history)

    @property
    def slopes(self) -> bool:
        """Whether it follows slopes, so that the classifier must be differentiable."""
        return self.spec.name in _WITH_SLOPES


@overload
def register_strategy(function: Registered) -> Registered: ...


@overload
def register_strategy(*, slopes: bool) -> Callable[[Registered], Registered]: ...


def register_strategy(function: Any = None, *, slopes: bool = False) -> Any:  # the overloads say more
    """Add a strategy under its function's name; a decorator, bare or with arguments.

    Args:
        function: What a search knows to the next point of each image; settings are keyword-only.
        slopes: Whether it follows slopes, for which each query takes a backward pass too.

    Raises:
        SpecError: Another function has that name.
    """

    def register(function: Registered) -> Registered:
        if slopes:
            _WITH_SLOPES.add(function.__name__)
        STRATEGIES.register(function)
        return function

    return register if function is None else register(function)


def resolve_strategy(text: str) -> Strategy:
    """The strategy that a spec names, its settings tried on one image.

    Args:
        text: A spec such as "local(start=10)".

    Raises:
        SpecError: The name or a setting is unknown, missing or of the wrong type.
        InputError: A setting has an impossible value.
    """
    strategy = Strategy(*STRATEGIES.resolve(text))
    space = resolve_space("gamma(exponent=0.5..2.0)", channels=1)
    none = torch.zeros(1, 1, dtype=torch.float64)
    strategy(History(space, 0, 1, 0, torch.zeros(1, dtype=torch.int64), none[None], none, none[None]))
    return strategy


@register_strategy
def grid(history: History) -> Proposed | None:
    """A grid with as many values for each dimension as the budget allows, its points in an order drawn at random.

    Ends of ranges are on the grid, and every choice where there is room. The order is one for all images, but each
    begins in another place of it.
    """
    nodes = _nodes(history.space, history.limit).to(history.keys.device)
    if history.queries >= len(nodes):
        return None
    order = torch.from_numpy(np.random.default_rng(history.seed % 2**63).permutation(len(nodes))).to(nodes.device)
    first = (history.shifts(1)[:, 0] * len(nodes)).long()
    return nodes[order[(first + history.queries) % len(nodes)]]


@register_strategy
def random(history: History) -> Proposed:
    """Points drawn uniformly. With a budget of k + 1 queries it is the worst of k, and the clean image.

    Source: Engstrom et al. 2019, arXiv 1712.02779, section 3, whose worst-of-10 it is with a budget of 11.
    """
    return history.draws(len(history.space.dimensions))


@register_strategy
def widening(history: History) -> Proposed:
    """Points drawn uniformly from around the identity, from a part of each range that widens with every query.

    The query i of n is drawn from within i / n of the way to the ends. What goes round in a circle, as a hue does, or
    changes something everywhere is drawn from its whole range from the first query on.

    Source: Hosseini and Poovendran 2018, arXiv 1804.00499; their code counts i from 0.
    """
    dimensions, share = history.space.dimensions, (history.queries + 1) / history.limit
    drawn = history.draws(len(dimensions))
    whole = [each.circular or each.identity is None for each in dimensions]
    starts = [0.0 if each.identity is None else each.point(each.identity) for each in dimensions]
    nearby = torch.lerp(drawn.new_tensor(starts), drawn, share)
    return torch.where(torch.tensor(whole, device=drawn.device), drawn, nearby)


@register_strategy
def sobol(history: History) -> Proposed:
    """A scrambled Sobol sequence, which leaves smaller gaps than random points do; for each image shifted at random.

    Source: SciPy's ``stats.qmc.Sobol``; Cranley and Patterson 1976 for the shift, modulo 1.
    """
    width = len(history.space.dimensions)
    point = _sequence(width, history.seed % 2**63, history.limit)[history.queries].to(history.keys.device)
    return (point + history.shifts(width)) % 1


def sizes(space: Space) -> list[float]:
    """How many values each dimension has, infinity for numbers."""
    return [_size(dimension) for dimension in space.dimensions]


def _size(dimension: Dimension) -> float:
    return dimension.high - dimension.low + 1 if dimension.choices or dimension.whole else math.inf


def _elements(space: Space) -> float:
    """How many points of a space differ, from the identity too."""
    return math.prod(sizes(space)) - (space.identity is not None)


def _nodes(space: Space, limit: int) -> Float64[Tensor, "nodes dimensions"]:
    """As large a grid as the limit allows, without the identity, which the clean image is."""
    counts = [1] * len(space.dimensions)
    most = math.prod(sizes(space)) if _elements(space) <= limit else limit
    open_places = list(range(len(counts)))
    while open_places:
        place = min(open_places, key=lambda place: counts[place])
        grown = math.prod(counts) // counts[place] * (counts[place] + 1)
        if counts[place] < _size(space.dimensions[place]) and grown <= most:
            counts[place] += 1
        else:
            open_places.remove(place)
    lines = [_line(dimension, count) for dimension, count in zip(space.dimensions, counts, strict=True)]
    nodes = torch.stack([axis.flatten() for axis in torch.meshgrid(*lines, indexing="ij")], dim=1)
    return nodes if space.identity is None else nodes[space.distance(nodes) > 0]


def _line(dimension: Dimension, count: int) -> Float64[Tensor, " count"]:
    """So many points from 0 to 1: both ends of numbers, the middle of the share of whole numbers and choices."""
    if count > 1 and _size(dimension) == math.inf:
        return torch.linspace(0, 1, count, dtype=torch.float64)
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


@lru_cache(maxsize=8)
def _sequence(width: int, seed: int, limit: int) -> Float64[Tensor, "at_least_limit width"]:
    from scipy.stats import qmc  # takes a second to load

    return torch.from_numpy(qmc.Sobol(width, seed=seed).random_base2(max(0, limit - 1).bit_length()))
