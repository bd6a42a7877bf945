"""Intervals of rates over images, and of what another run would give."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64
from scipy import stats

from negatoscope.errors import InputError
from negatoscope.statistics.checks import expect, expect_share


@dataclass(frozen=True)
class Interval:
    """A closed range of numbers."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Rate:
    """A share of n images, in [0, 1], with its Wilson 95 % interval."""

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

    def to_dict(self) -> dict[str, float]:
        """Plain data, under the names of the fields."""
        return asdict(self)


def wilson(correct: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval, without continuity correction, of `correct` successes among `n` independent images.

    Raises:
        InputError: `n` is below 1, `correct` is not from 0 to `n`, or `confidence` is not between 0 and 1.

    Source: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    expect(n >= 1, "n", "at least 1: a rate over no images is unknown", n)
    expect(0 <= correct <= n, "correct", f"from 0 to n = {n}", correct)
    expect_share("confidence", confidence)
    interval = stats.binomtest(correct, n).proportion_ci(confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


@dataclass(frozen=True)
class ClassRates:
    """For each class, how many images it has and the share that is right, with Wilson 95 % intervals.

    Where a class has no image, its rate and interval are NaN.
    """

    n: Int64[np.ndarray, " classes"]
    correct: Int64[np.ndarray, " classes"]
    accuracy: Float64[np.ndarray, " classes"]
    low: Float64[np.ndarray, " classes"]
    high: Float64[np.ndarray, " classes"]


def rates_by_class(labels: Int[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], *, classes: int) -> ClassRates:
    """The rate at which `correct` holds for each label.

    Raises:
        InputError: A label is not from 0 to `classes` - 1.
    """
    outside = labels[(labels < 0) | (labels >= classes)]
    expect(len(outside) == 0, "labels", f"from 0 to {classes - 1}", next(iter(outside), None))
    n = np.bincount(labels, minlength=classes)
    hits = np.bincount(labels[correct], minlength=classes)
    low, high = _wilson_ends(hits, n)
    with np.errstate(invalid="ignore"):
        return ClassRates(n=n, correct=hits, accuracy=hits / n, low=low, high=high)


def _wilson_ends(
    correct: Int[np.ndarray, " classes"], n: Int[np.ndarray, " classes"]
) -> tuple[Float64[np.ndarray, " classes"], Float64[np.ndarray, " classes"]]:
    """What `wilson` gives, for many rates at once; NaN where `n` is 0."""
    z = float(stats.norm.ppf(0.975))
    counted = np.where(n > 0, n, np.nan)
    middle = (correct + z**2 / 2) / (counted + z**2)
    half = z / (counted + z**2) * np.sqrt(correct * (counted - correct) / counted + z**2 / 4)
    # Exact ends, where rounding would leave a trace.
    low = np.where(correct == 0, 0 * counted, middle - half)
    high = np.where(correct == counted, 1.0, middle + half)
    return low, high


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
    lowest, highest = bounds
    expect_share("confidence", confidence)
    for value in values:  # NaN too
        expect(lowest <= value <= highest, "values", f"from {lowest} to {highest}", value)
    mean, deviation = mean_and_deviation(values)
    if deviation is None:
        raise InputError("expected two values or more for a prediction interval, got one; run another seed")
    k = len(values)
    half = float(stats.t.ppf((1 + confidence) / 2, k - 1)) * deviation * math.sqrt(1 + 1 / k)
    return Interval(max(lowest, mean - half), min(highest, mean + half))


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and the sample standard deviation (k - 1 below), which is None for a single value.

    Raises:
        InputError: There is no value.
    """
    expect(len(values) >= 1, "values", "to hold at least one number", list(values))
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None
