"""Which settings of a space fail: images at settings spread over it, counted along each dimension and over two."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import qmc

from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.searching.result import DimensionSummary, FailingMap
from negatoscope.searching.searched import SearchedImages
from negatoscope.searching.settings import predict_under, read_images
from negatoscope.transforms.spaces import Space

_IMAGES, _SETTINGS = 1024, 16
"""Images that are tried at most, and settings of each."""

_PARTS, _CELLS, _LEAST = 16, 12, 20
"""Parts of a dimension and of each side of a map at most, and images that one of them has on average at least."""


def find_failing(
    classifier: ClassifierAdapter,
    dataset: Dataset,
    searched: SearchedImages,
    dimensions: Sequence[DimensionSummary],
    *,
    space: Space,
    seed: int,
) -> tuple[FailingMap, ...]:
    """Try images at settings that are spread evenly over a space, whatever the search asked there."""
    generator = np.random.default_rng(seed)
    samples = searched.samples[np.sort(generator.permutation(len(searched))[:_IMAGES])]
    tries = _SETTINGS * len(samples)
    sequence = qmc.Sobol(len(dimensions), seed=seed).random_base2((tries - 1).bit_length())[:tries]
    points = torch.from_numpy(generator.permutation(sequence).reshape(_SETTINGS, len(samples), -1))
    failed: list[Bool[np.ndarray, "settings batch"]] = []
    start = 0
    for images, labels, batch in read_images(classifier, dataset, samples):
        part = slice(start, start := start + len(images))
        tried = [predict_under(classifier, space, images, labels, at) for at in points[:, part]]
        failed.append(np.stack([predicted.predictions != batch.labels for predicted in tried]))
    return count_failing(dimensions, points.flatten(0, 1).numpy(), np.concatenate(failed, axis=1).reshape(-1))


def count_failing(
    dimensions: Sequence[DimensionSummary],
    points: Float[np.ndarray, "n dimensions"],
    failed: Bool[np.ndarray, " n"],
) -> tuple[FailingMap, ...]:
    """A map of each dimension, those that matter most first, and one of the first two, if there are two.

    `points` lie in the unit cube, spread over it.
    """
    sides = [max(1, min(_PARTS, len(points) // _LEAST)), max(1, min(_CELLS, int((len(points) / _LEAST) ** 0.5)))]
    each, cells = ([_parts(dimension, side) for dimension in dimensions] for side in sides)
    maps = [_count((place,), (each[place],), points, failed) for place in range(len(dimensions))]
    maps.sort(key=lambda counted: -_spread(counted))
    if len(maps) < 2:
        return tuple(maps)
    first, second = sorted(counted.dimensions[0] for counted in maps[:2])
    return (*maps, _count((first, second), (cells[first], cells[second]), points, failed))


def _parts(dimension: DimensionSummary, most: int) -> int:
    """A choice is a part, and so is a whole number where there are few."""
    if dimension.choices:
        return len(dimension.choices)
    return min(most, int(dimension.high - dimension.low) + 1) if dimension.whole else most


def _count(
    dimensions: tuple[int, ...],
    parts: tuple[int, ...],
    points: Float[np.ndarray, "n dimensions"],
    failed: Bool[np.ndarray, " n"],
) -> FailingMap:
    columns = zip(points[:, dimensions].T, parts, strict=True)
    places = [np.minimum((column * side).astype(np.int64), side - 1) for column, side in columns]
    cells: Int[np.ndarray, " n"] = np.ravel_multi_index(places, parts)
    counts = (np.bincount(chosen, minlength=int(np.prod(parts))).tolist() for chosen in (cells, cells[failed]))
    n, misclassified = map(tuple, counts)
    return FailingMap(dimensions=dimensions, parts=parts, n=n, misclassified=misclassified)


def _spread(counted: FailingMap) -> float:
    """How far the shares of the parts are apart: the larger, the more the dimension matters."""
    return float(np.std([failed / n for failed, n in zip(counted.misclassified, counted.n, strict=True) if n]))
