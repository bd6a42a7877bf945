"""Intervals of rates over images, and of what another run would give."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float64, Int

from negatoscope.errors import InputError, expect


@dataclass(frozen=True)
class Interval:
    """A closed range of numbers."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.4f}, {self.high:.4f}]"

    def __contains__(self, value: float) -> bool:
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Rate:
    """A share of n images, in [0, 1], with its Wilson 95 % interval.

    Args:
        n: How many images, at least 1.
        correct: How many of them count, from 0 to `n`.
        accuracy: Their share, in [0, 1].
        low: The lower end of its interval, in [0, 1].
        high: The upper end, in [0, 1].
    """

    n: int
    correct: int
    accuracy: float
    low: float
    high: float

    @classmethod
    def of(cls, correct: Bool[np.ndarray, " n"]) -> "Rate":
        """The rate at which `correct` holds.

        Raises:
            InputError: There is no image.
        """
        n, hits = len(correct), int(np.count_nonzero(correct))
        interval = wilson(hits, n)
        return cls(n=n, correct=hits, accuracy=hits / n, low=interval.low, high=interval.high)


def wilson(correct: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval, without continuity correction, of `correct` successes among `n` independent images.

    Raises:
        InputError: `n` is below 1, `correct` is not from 0 to `n`, or `confidence` is not between 0 and 1.

    Source: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    expect(n >= 1, "n at least 1: a rate over no images is unknown", n)
    expect(0 <= correct <= n, f"correct from 0 to n = {n}", correct)
    expect(0 < confidence < 1, "confidence between 0 and 1", confidence)
    (low,), (high,) = _wilson(np.array([correct]), np.array([n]), z=NormalDist().inv_cdf((1 + confidence) / 2))
    return Interval(float(low), float(high))


def rates_by_class(labels: Int[np.ndarray, " n"], correct: Bool[np.ndarray, " n"]) -> dict[int, Rate]:
    """The rate at which `correct` holds for each label that an image has, with the ends that `wilson` gives.

    Raises:
        InputError: A label is below 0.
    """
    expect(labels.min(initial=0) >= 0, "labels from 0", labels.min(initial=0))
    images = np.bincount(labels)
    present = np.flatnonzero(images)
    n, hits = images[present], np.bincount(labels[correct], minlength=len(images))[present]
    low, high = _wilson(hits, n, z=NormalDist().inv_cdf(0.975))
    columns = (column.tolist() for column in (n, hits, hits / n, low, high))
    return dict(zip(present.tolist(), map(Rate, *columns), strict=True))


def _wilson(
    hits: Int[np.ndarray, " rates"], n: Int[np.ndarray, " rates"], *, z: float
) -> tuple[Float64[np.ndarray, " rates"], Float64[np.ndarray, " rates"]]:
    """Both ends of Wilson's interval of each rate."""
    middle = (hits + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(hits * (n - hits) / n + z**2 / 4)
    low = np.where(hits == 0, 0.0, middle - half)  # exact ends, where rounding would leave a trace
    high = np.where(hits == n, 1.0, middle + half)
    return low, high


def mean_rate_interval(rates: Sequence[tuple[float, float, float]]) -> Interval:
    """The 95 % interval of the mean of rates over different images; of classes, that of the balanced accuracy.

    The mean's distance to either end is that of the rates to theirs, squared, added and rooted, by their number; so
    rates at 0 or 1 have a width, too.

    Args:
        rates: Each in [0, 1], with the ends of its own interval.

    Raises:
        InputError: There is no rate.

    Source: Zou, Huang and Zhang, 2009, A note on confidence interval estimation for a linear function of binomial
        proportions, Computational Statistics and Data Analysis 53(4)
    """
    expect(len(rates) >= 1, "rates to hold at least one", list(rates))
    value, low, high = np.array(rates, dtype=np.float64).T
    mean, k = float(value.mean()), len(rates)
    below, above = (float(np.linalg.norm(value - end)) / k for end in (low, high))
    return Interval(max(0.0, mean - below), min(1.0, mean + above))


def prediction_interval(
    values: Sequence[float], *, confidence: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """Where one new run would fall, if runs scatter normally: mean ± t(k - 1) · s · sqrt(1 + 1/k), inside `bounds`.

    Wider than a confidence interval of the mean, and it does not shrink to nothing as runs are added.

    Args:
        values: One number for each of k runs, all within `bounds`.
        confidence: The share of new runs that such intervals are to hold, between 0 and 1.
        bounds: The lowest and the highest possible value.

    Raises:
        InputError: There are under two values, one is outside `bounds`, or `confidence` is not between 0 and 1.

    Source: Hahn and Meeker, 1991, Statistical Intervals, chapter 4, https://doi.org/10.1002/9780470316771
    """
    return _around_the_mean(values, math.sqrt(1 + 1 / max(len(values), 1)), confidence, bounds)


def mean_interval(
    values: Sequence[float], *, confidence: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """Where the mean of all runs lies, if they scatter normally: mean ± t(k - 1) · s / sqrt(k), inside `bounds`.

    Arguments and errors are those of `prediction_interval`.
    """
    return _around_the_mean(values, math.sqrt(1 / max(len(values), 1)), confidence, bounds)


def _around_the_mean(
    values: Sequence[float], factor: float, confidence: float, bounds: tuple[float, float]
) -> Interval:
    """The mean ± t(k - 1) · s · factor, inside `bounds`."""
    lowest, highest = bounds
    expect(0 < confidence < 1, "confidence between 0 and 1", confidence)
    for value in values:  # NaN too
        expect(lowest <= value <= highest, f"values from {lowest} to {highest}", value)
    mean, deviation = mean_and_deviation(values)
    if deviation is None:
        raise InputError("expected two values or more for an interval over runs, got one; run another seed")
    from scipy import stats  # takes a third of a second to load

    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * deviation * factor
    return Interval(max(lowest, mean - half), min(highest, mean + half))


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and the sample standard deviation (k - 1 below), which is None for a single value.

    Raises:
        InputError: There is no value.
    """
    expect(len(values) >= 1, "values to hold at least one number", list(values))
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None
