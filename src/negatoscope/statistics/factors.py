"""Which of several factors move a rate, from runs that change one of them at a time.

Every run is a level (the default, or one factor at another value) and a seed. Log-odds of the rate are modeled as the
sum of an effect of the level, an effect of the seed, and a residual that has one variance for all: the default's runs
serve all factors, and the seeds of all levels together tell how much runs scatter.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import stats
from scipy.special import expit, logit

from negatoscope.errors import expect
from negatoscope.statistics.intervals import Interval

Runs = Mapping[str, Mapping[int, float]]
"""For each level the log-odds of each seed."""


@dataclass(frozen=True)
class Effect:
    """How far a factor moves the rate, at most.

    Args:
        level: The one that is farthest from the default.
        difference: Its rate less the default's, in [-1, 1].
        low: With `high`, where the difference lies with 95 % confidence, over all levels of the factor at once; None
            where runs do not tell how much they scatter.
        high: As `low`.
        lowest: The lowest `low` of all levels of the factor; None as above.
        highest: The highest `high` of all of them; None as above.
        p: Of the F test that all levels of the factor are alike; None as above.
        share: Of the variance among levels of all factors and the residual, the part that is this factor's, in [0, 1].
    """

    level: str
    difference: float
    low: float | None
    high: float | None
    lowest: float | None
    highest: float | None
    p: float | None
    share: float | None


@dataclass(frozen=True)
class FittedLevels:
    """The model fitted: the mean log-odds of each level, their covariance, and the residual variance.

    Seeds are blocks: all statements hold for the seeds that were run.
    """

    levels: tuple[str, ...]
    means: Float64[np.ndarray, " levels"]
    covariance: Float64[np.ndarray, "levels levels"] | None
    residual_variance: float | None
    freedom: int

    def mean(self, level: str) -> float:
        """A level's rate, over the seeds that there are."""
        return float(expit(self.means[self.levels.index(level)]))

    def interval(self, level: str) -> Interval | None:
        """Where a level's mean rate lies with 95 % confidence; None where runs do not tell how much they scatter."""
        if self.covariance is None:
            return None
        index = self.levels.index(level)
        half = float(stats.t.ppf(0.975, self.freedom)) * math.sqrt(self.covariance[index, index])
        return Interval(float(expit(self.means[index] - half)), float(expit(self.means[index] + half)))


def log_odds(rate: float, n: int) -> float:
    """Of a rate among `n`, half an image added to either side so that 0 and 1 stay finite.

    Raises:
        InputError: `rate` is not in [0, 1] or `n` is below 1.

    Source: Haldane 1956, https://doi.org/10.1111/j.1469-1809.1955.tb01285.x
    """
    expect(0 <= rate <= 1, "rate in [0, 1]", rate)
    expect(n >= 1, "n at least 1", n)
    return float(logit((rate * n + 0.5) / (n + 1)))


def fit_levels(runs: Runs) -> FittedLevels:
    """Least squares of level and seed; where every level has every seed, a level's mean is the mean of its runs.

    A level that shares no seed with the first one, nor with a level that does, cannot be compared with it and is left
    out.

    Raises:
        InputError: There is no run.
    """
    connected = _connected(runs)
    observed = [(level, seed, value) for level in connected for seed, value in runs[level].items()]
    expect(len(observed) > 0, "runs to hold at least one", len(observed))
    levels = tuple(connected)
    seeds = sorted({seed for _, seed, _ in observed})
    of_level = np.eye(len(levels))[[levels.index(level) for level, _, _ in observed]]
    of_seed = np.eye(len(seeds))[[seeds.index(seed) for _, seed, _ in observed]]
    # One seed is left out, and the others are centered: so a level's effect is at the mean of all seeds.
    design = np.hstack([of_level, of_seed[:, 1:] - 1 / len(seeds)])
    values = np.array([value for _, _, value in observed])
    solution, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    freedom = len(observed) - int(rank)
    means = solution[: len(levels)]
    if freedom < 1:
        return FittedLevels(levels, means, None, None, freedom)
    residual_variance = float(np.sum((values - design @ solution) ** 2)) / freedom
    covariance = residual_variance * np.linalg.pinv(design.T @ design)[: len(levels), : len(levels)]
    return FittedLevels(levels, means, covariance, residual_variance, freedom)


def _connected(runs: Runs) -> list[str]:
    """The levels that can be compared with the first, through seeds that they share."""
    seeds_of = {level: set(seeds) for level, seeds in runs.items() if seeds}
    reached: set[int] = set(next(iter(seeds_of.values()), set()))
    while more := set().union(*(seeds for seeds in seeds_of.values() if seeds & reached)) - reached:
        reached |= more
    return [level for level, seeds in seeds_of.items() if seeds & reached]


def factor_effects(fit: FittedLevels, factors: Mapping[str, Sequence[str]], *, default: str) -> dict[str, Effect]:
    """The effect of each factor; intervals hold for all levels of a factor at once (Bonferroni).

    Args:
        fit: Of all levels, the default's among them.
        factors: For each factor its levels beside the default; those that were not run are left out.
        default: The level that all are compared with.

    Raises:
        InputError: The default was not run.

    Source: Searle 1971, Linear Models, chapter 3, for the F test of several contrasts.
    """
    expect(default in fit.levels, f"default among {', '.join(fit.levels)}", default)
    fitted = {name: [level for level in levels if level in fit.levels] for name, levels in factors.items()}
    fitted = {name: levels for name, levels in fitted.items() if levels}
    means = dict(zip(fit.levels, fit.means, strict=True))
    spreads = {name: float(np.var([means[level] for level in (default, *levels)])) for name, levels in fitted.items()}
    total = sum(spreads.values()) + (fit.residual_variance or 0.0)
    shares = {name: spread / total if total else None for name, spread in spreads.items()}
    return {name: _effect(fit, levels, default, shares[name]) for name, levels in fitted.items()}


def _effect(fit: FittedLevels, levels: Sequence[str], default: str, share: float | None) -> Effect:
    unit = dict(zip(fit.levels, np.eye(len(fit.levels)), strict=True))
    contrasts = np.stack([unit[level] - unit[default] for level in levels])
    apart = contrasts @ fit.means
    base = float(fit.means[fit.levels.index(default)])
    differences = expit(base + apart) - expit(base)
    most = int(np.argmax(np.abs(differences)))
    level, difference = levels[most], float(differences[most])
    if fit.covariance is None:
        return Effect(level, difference, None, None, None, None, None, None)
    covariance = contrasts @ fit.covariance @ contrasts.T
    half = float(stats.t.ppf(1 - 0.025 / len(levels), fit.freedom)) * np.sqrt(np.diag(covariance))
    lows, highs = (expit(base + apart + side * half) - expit(base) for side in (-1, 1))
    p = _p_value(apart, covariance, fit.freedom)
    ends = float(lows[most]), float(highs[most]), float(lows.min()), float(highs.max())
    return Effect(level, difference, *ends, p, share)


def _p_value(apart: Float64[np.ndarray, " k"], covariance: Float64[np.ndarray, "k k"], freedom: int) -> float:
    if not np.any(covariance):  # runs that do not scatter at all
        return 0.0 if np.any(apart) else 1.0
    ratio = float(apart @ np.linalg.pinv(covariance) @ apart) / len(apart)
    return float(stats.f.sf(ratio, len(apart), freedom))
