"""Intervals where images are frames of the same object, and so not independent."""

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from negatoscope.statistics.checks import expect, expect_share
from negatoscope.statistics.intervals import Interval
from negatoscope.types import TrackArray

_DRAWS_AT_ONCE = 1_000_000


def cluster_bootstrap(
    correct: Bool[np.ndarray, " n"],
    clusters: TrackArray,
    *,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of the accuracy when whole clusters are drawn with replacement.

    For images that are frames of the same object, which Wilson's interval would count as independent. Two limits: few
    clusters make it too narrow, and it has no width where every image is right, or where there is one cluster.

    Args:
        correct: Whether each image is right.
        clusters: Which cluster each image belongs to; any whole numbers.
        resamples: Bootstrap samples, at least 1.
        seed: The same seed gives the same interval.
        confidence: Between 0 and 1.

    Raises:
        InputError: There is no image, `resamples` is below 1, or `confidence` is not between 0 and 1.

    Source: Field and Welsh, 2007, the cluster bootstrap, https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    expect(len(correct) >= 1, "correct", "to hold at least one image", len(correct))
    return _bootstrap(correct, clusters, resamples=resamples, seed=seed, confidence=confidence)


def cluster_bootstrap_difference(
    before: Bool[np.ndarray, " n"],
    after: Bool[np.ndarray, " n"],
    clusters: TrackArray,
    *,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of the accuracy before less the one after, when whole clusters are drawn with replacement.

    Both are of the same images, so each draw takes an image's two answers together. The limits of
    `cluster_bootstrap` hold here too.

    Args:
        before: Whether each image is right before.
        after: Whether it is right after.
        clusters: Which cluster each image belongs to; any whole numbers.
        resamples: Bootstrap samples, at least 1.
        seed: The same seed gives the same interval.
        confidence: Between 0 and 1.

    Raises:
        InputError: There is no image, `resamples` is below 1, or `confidence` is not between 0 and 1.

    Source: Field and Welsh, 2007, the cluster bootstrap, https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    expect(len(before) >= 1, "before", "to hold at least one image", len(before))
    change = before.astype(np.int64) - after
    return _bootstrap(change, clusters, resamples=resamples, seed=seed, confidence=confidence)


def _bootstrap(
    values: Shaped[np.ndarray, " n"], clusters: TrackArray, *, resamples: int, seed: int, confidence: float
) -> Interval:
    expect(resamples >= 1, "resamples", "at least 1", resamples)
    expect_share("confidence", confidence)
    members = np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(members)
    sums = np.bincount(members, weights=values).astype(np.int64)  # of whole numbers, so exact
    means = _resampled_means(sums, sizes, resamples=resamples, generator=np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def _resampled_means(
    sums: Int64[np.ndarray, " clusters"],
    sizes: Int64[np.ndarray, " clusters"],
    *,
    resamples: int,
    generator: np.random.Generator,
) -> Float64[np.ndarray, " resamples"]:
    clusters = len(sizes)
    rows = max(1, _DRAWS_AT_ONCE // clusters)
    parts = []
    for start in range(0, resamples, rows):
        drawn = generator.integers(clusters, size=(min(rows, resamples - start), clusters))
        parts.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(parts)
