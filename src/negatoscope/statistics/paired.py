"""Two rates over the same images: how far apart they are, and whether that is chance."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from negatoscope.errors import expect
from negatoscope.statistics.intervals import Interval


def paired_difference(lost: int, gained: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Bonett and Price's adjusted Wald interval of the rate before less the rate after, over the same `n` images.

    One image is added to those lost and one to those gained. So it has a width where no prediction changed, it needs
    nothing but the images that changed, and it always holds the observed difference, (lost - gained) / n.

    Args:
        lost: Images that are correct before and misclassified after.
        gained: Images that are misclassified before and correct after.
        n: All images.
        confidence: Between 0 and 1.

    Raises:
        InputError: `n` is below 1, a count is negative or both exceed `n`, or `confidence` is not between 0 and 1.

    Source: Bonett and Price, 2012, https://doi.org/10.3102/1076998611411915
        Fagerland, Lydersen and Laake, 2014, who recommend it, https://doi.org/10.1002/sim.6148
    """
    expect(n >= 1, "n at least 1: a difference over no images is unknown", n)
    expect(lost >= 0 and gained >= 0 and lost + gained <= n, f"lost and gained to share n = {n}", (lost, gained))
    expect(0 < confidence < 1, "confidence between 0 and 1", confidence)
    lost_share, gained_share = (lost + 1) / (n + 2), (gained + 1) / (n + 2)
    middle = lost_share - gained_share
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * math.sqrt((lost_share + gained_share - middle**2) / (n + 2))
    return Interval(max(-1.0, middle - half), min(1.0, middle + half))


def mcnemar(lost: int, gained: int) -> float:
    """The p-value of McNemar's exact two-sided test: whether as many images are lost as gained.

    1 where none changed. Images count as independent.

    Args:
        lost: Images that are correct before and misclassified after.
        gained: Images that are misclassified before and correct after.

    Raises:
        InputError: A count is negative.

    Source: McNemar, 1947, in its exact form, https://doi.org/10.1007/BF02295996
    """
    expect(lost >= 0 and gained >= 0, "lost and gained to be 0 or more", (lost, gained))
    return min(1.0, 2 * _coin_tail(min(lost, gained), lost + gained))


def _coin_tail(heads: int, n: int) -> float:
    """The probability of at most `heads` heads, which is n / 2 or fewer, in `n` throws of a coin.

    That of exactly so many, by how often it is that of one head fewer, and so on.
    """
    exactly = math.exp(math.lgamma(n + 1) - math.lgamma(heads + 1) - math.lgamma(n - heads + 1) - n * math.log(2))
    fewer = np.arange(heads, 0, -1)
    return exactly * (1 + float(np.cumprod(fewer / (n + 1 - fewer)).sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the same order: below 0.05 means significant at a familywise 5 %.

    It holds whatever the tests' dependence, which for transforms of the same images is strong.

    Raises:
        InputError: A p-value is not from 0 to 1.

    Source: Holm, 1979, A simple sequentially rejective multiple test procedure
    """
    values = np.asarray(p_values, dtype=np.float64)
    for value in p_values:  # NaN too
        expect(0 <= value <= 1, "p_values from 0 to 1", value)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, stepped)
    return [float(value) for value in corrected]
