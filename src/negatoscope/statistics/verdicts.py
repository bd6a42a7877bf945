"""Whether what we measured agrees with what was printed, and whether it is more than guessing would give."""

from collections.abc import Sequence
from typing import Literal

from negatoscope.errors import expect
from negatoscope.statistics.intervals import mean_interval, prediction_interval

Verdict = Literal["agrees", "ours higher", "ours lower", "undecided"]
"""How our runs lie to a printed number."""

Standing = Literal["above", "at", "below", "undecided"]
"""How the mean of our runs lies to what guessing scores."""

WIDEST = 0.10
"""An interval for one new run that is wider than this agrees with nearly anything, and so decides nothing."""

_HALF_LAST_DIGIT = 0.00005


def verdict(printed: float | None, values: Sequence[float], *, minimum_runs: int = 3) -> Verdict:
    """Whether a printed rate could have been one more of our runs.

    "agrees": it lies inside the 95 % prediction interval for one new run, which is widened on both sides by 0.00005,
    half the last digit of a percentage printed with two decimals. Else ours are higher or lower.
    "undecided": nothing was printed, there are too few runs, or the number lies in an interval wider than `WIDEST`.

    Args:
        printed: In [0, 1], or None.
        values: One rate in [0, 1] for each of our runs.
        minimum_runs: Fewer runs decide nothing; at least 2.

    Raises:
        InputError: A rate is not in [0, 1], or `minimum_runs` is below 2.
    """
    expect(minimum_runs >= 2, "minimum_runs at least 2", minimum_runs)
    if printed is None or len(values) < minimum_runs:
        return "undecided"
    expect(0 <= printed <= 1, "printed from 0 to 1", printed)
    interval = prediction_interval(values)
    if printed < interval.low - _HALF_LAST_DIGIT:
        return "ours higher"
    if printed > interval.high + _HALF_LAST_DIGIT:
        return "ours lower"
    return "agrees" if interval.high - interval.low <= WIDEST else "undecided"


def standing(values: Sequence[float], guessing: float, *, minimum_runs: int = 3) -> Standing:
    """Whether the mean of runs lies above, at or below what guessing scores: by the 95 % t interval of the mean.

    Args:
        values: One rate in [0, 1] for each run.
        guessing: The rate that guessing scores, in [0, 1].
        minimum_runs: Fewer runs decide nothing; at least 2.

    Raises:
        InputError: A rate is not in [0, 1], or `minimum_runs` is below 2.
    """
    expect(minimum_runs >= 2, "minimum_runs at least 2", minimum_runs)
    if len(values) < minimum_runs:
        return "undecided"
    interval = mean_interval(values)
    return "above" if interval.low > guessing else "below" if interval.high < guessing else "at"
