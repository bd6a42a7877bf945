"""Which settings of a space fail: shares of misclassified images along each dimension, and over two of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from negatoscope.searching.result import DimensionSummary

_FEW = 4
"""So many settings lie in a part of a range on average, at least; in a cell of a map one."""

_PARTS = 16


@dataclass(frozen=True)
class FailingAxis:
    """A dimension in parts of equal width.

    Args:
        name: As "degrees of hue_shift".
        edges: Where parts begin and end, one more than there are parts; those of choices are 0, 1, 2 and so on.
        identity: Where nothing changes, None where there is no such value.
        choices: What is chosen from, none for a number.
    """

    name: str
    edges: tuple[float, ...]
    identity: float | None
    choices: tuple[str, ...] = ()

    @property
    def parts(self) -> int:
        """How many there are."""
        return len(self.edges) - 1


@dataclass(frozen=True)
class FailingMap:
    """The share of misclassified images in the parts of one dimension, or in the cells of two.

    Args:
        axes: One or two.
        misclassified: The mean share over the settings of each part or cell, NaN where there is none.
    """

    axes: tuple[FailingAxis, ...]
    misclassified: Float[np.ndarray, "..."]

    @property
    def spread(self) -> float:
        """How far the shares are apart: the larger, the more the dimension matters."""
        return float(np.nanstd(self.misclassified))


def failing_maps(
    space: str,
    dimensions: Sequence[DimensionSummary],
    points: Float[np.ndarray, "settings dimensions"],
    misclassified: Float[np.ndarray, " settings"],
) -> tuple[list[FailingMap], FailingMap | None]:
    """A map of each dimension, those that matter most first, and one of the first two, if there are two.

    Args:
        space: Its text, which names the transforms.
        dimensions: What is searched.
        points: Settings in the unit cube, spread over it.
        misclassified: The share of images that each gets misclassified, in [0, 1].
    """
    names = transform_names(space)
    labels = [f"{dimension.name} of {names[dimension.stage]}" for dimension in dimensions]
    sides = [max(2, min(_PARTS, len(points) // _FEW)), max(2, min(_PARTS, int(len(points) ** 0.5)))]
    one, two = ([_axis(*named, side) for named in zip(labels, dimensions, strict=True)] for side in sides)
    maps = [FailingMap((axis,), _mean(points[:, [place]], misclassified, axis)) for place, axis in enumerate(one)]
    order = sorted(range(len(maps)), key=lambda place: -maps[place].spread)
    if len(order) < 2:
        return maps, None
    pair = sorted(order[:2])
    both = [two[place] for place in pair]
    return [maps[place] for place in order], FailingMap(
        (both[0], both[1]), _mean(points[:, pair], misclassified, *both)
    )


def transform_names(space: str) -> list[str]:
    """The transforms of a space, in order."""
    return [stage.partition("(")[0].strip() for stage in space.split("|")]


def _axis(name: str, dimension: DimensionSummary, parts: int) -> FailingAxis:
    if dimension.choices:
        edges = tuple(map(float, range(len(dimension.choices) + 1)))
        return FailingAxis(name, edges, None, dimension.choices)
    return FailingAxis(name, tuple(np.linspace(dimension.low, dimension.high, parts + 1).tolist()), dimension.identity)


def _mean(
    points: Float[np.ndarray, "settings axes"], values: Float[np.ndarray, " settings"], *axes: FailingAxis
) -> Float[np.ndarray, "..."]:
    """The mean of the values in each cell."""
    shape = tuple(axis.parts for axis in axes)
    places = [np.minimum((column * side).astype(int), side - 1) for column, side in zip(points.T, shape, strict=True)]
    cells: Int[np.ndarray, " settings"] = np.ravel_multi_index(places, shape)
    count, total = (np.bincount(cells, weights, minlength=int(np.prod(shape))) for weights in (None, values))
    means: Float[np.ndarray, ...] = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return means.reshape(shape)
