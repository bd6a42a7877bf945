"""Intervals, information and verdicts: every statement that a report makes about a number."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64, Real
from scipy import stats

from negatoscope.errors import InputError
from negatoscope.types import LabelArray, TrackArray

Verdict = Literal["agrees", "above", "below", "undecided"]
"""How our runs lie to a printed number: "above" means that ours are higher."""

_HALF_LAST_DIGIT = 0.00005
_DRAWS_AT_ONCE = 1_000_000


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
    _expect(n >= 1, "n", "at least 1: a rate over no images is unknown", n)
    _expect(0 <= correct <= n, "correct", f"from 0 to n = {n}", correct)
    _expect_share("confidence", confidence)
    interval = stats.binomtest(correct, n).proportion_ci(confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


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
    _expect_share("confidence", confidence)
    for value in values:  # NaN too
        _expect(lowest <= value <= highest, "values", f"from {lowest} to {highest}", value)
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
    _expect(len(values) >= 1, "values", "to hold at least one number", list(values))
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


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
    _expect(len(correct) >= 1, "correct", "to hold at least one image", len(correct))
    _expect(resamples >= 1, "resamples", "at least 1", resamples)
    _expect_share("confidence", confidence)
    members = np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(members)
    hits = np.bincount(members[correct], minlength=len(sizes))
    accuracies = _resampled_accuracies(hits, sizes, resamples=resamples, generator=np.random.default_rng(seed))
    low, high = np.quantile(accuracies, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def _resampled_accuracies(
    hits: Int64[np.ndarray, " clusters"],
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
        parts.append(hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(parts)


def entropy_bits(counts: Real[np.ndarray, " classes"]) -> float:
    """Shannon's entropy of the distribution that `counts` (or shares) are proportional to, from 0 to log2(classes).

    The plug-in estimate: with few images per class it lies a little too low.

    Raises:
        InputError: A count is negative, or none is above 0.
    """
    _expect(np.all(counts >= 0), "counts", "to be 0 or more", counts.min(initial=0))
    _expect(np.any(counts > 0), "counts", "to hold at least one image", "none")
    return max(0.0, float(stats.entropy(counts, base=2)))


def contingency(labels: LabelArray, predictions: LabelArray, *, classes: int) -> Int64[np.ndarray, "classes classes"]:
    """How often each label (row) met each prediction (column).

    Raises:
        InputError: A label or a prediction is not from 0 to `classes` - 1.
    """
    for name, values in (("labels", labels), ("predictions", predictions)):
        outside = values[(values < 0) | (values >= classes)]
        _expect(len(outside) == 0, name, f"from 0 to {classes - 1}", next(iter(outside), None))
    return np.bincount(labels * classes + predictions, minlength=classes**2).reshape(classes, classes)


def mutual_information_bits(table: Int[np.ndarray, "rows columns"]) -> float:
    """What knowing the row tells of the column, in bits: 0 for independence, at most either one's entropy.

    The plug-in estimate, which lies above 0 even for independent rows and columns: hold it against
    `mutual_information_null`.

    Raises:
        InputError: A count is negative, or none is above 0.
    """
    marginals = entropy_bits(table.sum(axis=1)) + entropy_bits(table.sum(axis=0))
    return max(0.0, marginals - entropy_bits(table.ravel()))


def mutual_information_null(
    labels: LabelArray,
    predictions: LabelArray,
    *,
    classes: int,
    permutations: int = 200,
    seed: int = 0,
    quantile: float = 0.95,
) -> float:
    """The mutual information, in bits, that chance alone seldom exceeds: its quantile under permuted labels.

    Args:
        labels: The true class of each image, below `classes`.
        predictions: The predicted class of each image, below `classes`.
        classes: Number of classes.
        permutations: How often the labels are shuffled, at least 1.
        seed: The same seed gives the same number.
        quantile: Between 0 and 1.

    Raises:
        InputError: There is no image, a class is out of range, `permutations` is below 1, or `quantile` is not between
            0 and 1.
    """
    _expect(permutations >= 1, "permutations", "at least 1", permutations)
    _expect_share("quantile", quantile)
    generator = np.random.default_rng(seed)
    shuffled = (generator.permutation(labels) for _ in range(permutations))
    null = [mutual_information_bits(contingency(chance, predictions, classes=classes)) for chance in shuffled]
    return float(np.quantile(null, quantile))


def verdict(printed: float | None, values: Sequence[float], *, minimum_runs: int = 3) -> Verdict:
    """Whether a printed rate could have been one more of our runs.

    "agrees": it lies inside the 95 % prediction interval for one new run, which is widened on both sides by 0.00005,
    half the last digit of a percentage printed with two decimals. "above" and "below" say where our runs lie.
    "undecided": nothing was printed, or there are too few runs.

    Args:
        printed: In [0, 1], or None.
        values: One rate in [0, 1] for each of our runs.
        minimum_runs: Fewer runs decide nothing; at least 2.

    Raises:
        InputError: A rate is not in [0, 1], or `minimum_runs` is below 2.
    """
    _expect(minimum_runs >= 2, "minimum_runs", "at least 2", minimum_runs)
    if printed is None or len(values) < minimum_runs:
        return "undecided"
    _expect(0 <= printed <= 1, "printed", "from 0 to 1", printed)
    interval = prediction_interval(values)
    if printed < interval.low - _HALF_LAST_DIGIT:
        return "above"
    if printed > interval.high + _HALF_LAST_DIGIT:
        return "below"
    return "agrees"


def _expect_share(name: str, value: float) -> None:
    _expect(0 < value < 1, name, "between 0 and 1", value)


def _expect(holds: bool | np.bool_, name: str, rule: str, value: object) -> None:
    if not holds:
        raise InputError(f"expected {name} {rule}, got {value}")
