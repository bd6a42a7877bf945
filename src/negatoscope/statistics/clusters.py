"""Intervals where images are frames of the same object, and so not independent."""

import numpy as np
from jaxtyping import Bool, Int

from negatoscope.errors import expect
from negatoscope.statistics.intervals import Interval
from negatoscope.types import TrackArray

_DRAWS_AT_ONCE = 1_000_000


def cluster_bootstrap(
    values: Bool[np.ndarray, " n"] | Int[np.ndarray, " n"],
    clusters: TrackArray,
    *,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Percentile interval of the mean of `values` when whole clusters are drawn with replacement.

    For images that are frames of the same object, which Wilson's interval would count as independent. Two limits: few
    clusters make it too narrow, and it has no width where all values are alike, or where there is one cluster.

    Args:
        values: Whether each image is correct; or, for a difference of two rates over the same images, whether it is
            before less whether it is after, so that each draw takes both predictions of an image together.
        clusters: Which cluster each image belongs to; any whole numbers.
        resamples: Bootstrap samples, at least 1.
        seed: The same seed gives the same interval.
        confidence: Between 0 and 1.

    Raises:
        InputError: There is no image, `resamples` is below 1, or `confidence` is not between 0 and 1.

    Source: Field and Welsh, 2007, the cluster bootstrap, https://doi.org/10.1111/j.1467-9868.2007.00593.x
    """
    expect(len(values) >= 1, "values to hold at least one image", len(values))
    expect(resamples >= 1, "resamples at least 1", resamples)
    expect(0 < confidence < 1, "confidence between 0 and 1", confidence)
    members = np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(members)
    sums = np.bincount(members, weights=values).astype(np.int64)  # of whole numbers, so exact
    generator, rows = np.random.default_rng(seed), max(1, _DRAWS_AT_ONCE // len(sizes))
    means = []
    for start in range(0, resamples, rows):
        drawn = generator.integers(len(sizes), size=(min(rows, resamples - start), len(sizes)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))
