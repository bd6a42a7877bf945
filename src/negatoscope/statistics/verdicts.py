"""Whether what we measured agrees with what was printed."""

from collections.abc import Sequence
from typing import Literal

from negatoscope.statistics.checks import expect
from negatoscope.statistics.intervals import prediction_interval

Verdict = Literal["agrees", "above", "below", "undecided"]
"""How our runs lie to a printed number: "above" means that ours are higher."""

_HALF_LAST_DIGIT = 0.00005


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
    expect(minimum_runs >= 2, "minimum_runs", "at least 2", minimum_runs)
    if printed is None or len(values) < minimum_runs:
        return "undecided"
    expect(0 <= printed <= 1, "printed", "from 0 to 1", printed)
    interval = prediction_interval(values)
    if printed < interval.low - _HALF_LAST_DIGIT:
        return "above"
    if printed > interval.high + _HALF_LAST_DIGIT:
        return "below"
    return "agrees"
