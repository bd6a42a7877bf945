"""Intervals and a test where several images show the same object, and so are not independent."""

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


def cluster_sign_test(changes: Int[np.ndarray, " n"], clusters: TrackArray) -> float:
    """The p-value of an exact two-sided test of whether images change to one side more than to the other.

    If they do not, a cluster's sum of changes might as well have the other sign. The p-value is the share of all
    choices of signs whose total is as far from 0 as the one that was found, or farther: with one image in each cluster
    this is McNemar's exact test. It takes clusters for independent, but not the images in them. Below 1e-12 its digits
    mean nothing.

    Args:
        changes: For each image 1 if it is lost, -1 if it is gained, 0 if neither.
        clusters: Which cluster each image belongs to; any whole numbers.

    Raises:
        InputError: There is no image.

    Source: Winkler, Ridgway, Webster, Smith and Nichols, 2014, whole blocks of images that change their sign,
        https://doi.org/10.1016/j.neuroimage.2014.01.060
    """
    expect(len(changes) >= 1, "changes of at least one image", len(changes))
    members = np.unique(clusters, return_inverse=True)[1]
    sums = np.abs(np.bincount(members, weights=changes).astype(np.int64))
    total, most = abs(int(np.sum(changes))), int(sums.sum())
    angles = 2 * np.pi * np.arange(most + 1) / (2 * most + 1)
    transform = np.ones(most + 1)  # of the distribution of the total, which is symmetric: a coin's is a cosine
    for size, count in zip(*np.unique(sums[sums > 0], return_counts=True), strict=True):
        transform *= np.cos(size * angles) ** count
    shares = np.fft.irfft(transform, 2 * most + 1)  # of totals 0 to most, then -most to -1
    least = 2.0 ** (1 - np.count_nonzero(sums)) if most else 1.0
    return float(np.clip(shares[total : 2 * most + 2 - total].sum(), least, 1.0))
