"""Numbers and lists as reports write them: percentages, points, intervals, p-values, bits, durations."""

import math
import re
from collections.abc import Sequence

MISSING = "–"
MINUS = "\u2212"


def percent(rate: float | None, *, decimals: int = 2) -> str:
    """A rate in [0, 1] as a percentage without its sign."""
    return MISSING if rate is None else f"{100 * rate:.{decimals}f}"


def interval(low: float | None, high: float | None, *, decimals: int = 2) -> str:
    """Both ends in percent and in brackets."""
    return MISSING if low is None or high is None else f"[{100 * low:.{decimals}f}, {100 * high:.{decimals}f}]"


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where that is due."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def joined(words: Sequence[str]) -> str:
    """Words as a person lists them: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def rate(value: float | None, *, decimals: int = 1) -> str:
    """A rate in percent without its sign; never rounded to 0 or 100 where it is neither."""
    if value is None:
        return MISSING
    least = 10.0**-decimals
    if 0 < value < least / 200:
        return f"<{least:.{decimals}f}"
    if 1 - least / 200 < value < 1:
        return f">{100 - least:.{decimals}f}"
    return f"{100 * value:.{decimals}f}"


def points(value: float | None, *, decimals: int = 1) -> str:
    """A difference of two rates in percentage points, with its sign; typographic minus."""
    if value is None:
        return MISSING
    text = f"{100 * value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def change(drop: float | None) -> str:
    """A drop as what happened to the accuracy: a drop of 0.25 is −25.0 points."""
    return MISSING if drop is None else points(-drop)


def change_interval(low: float | None, high: float | None) -> str:
    """The interval of a drop, as that of the change."""
    return MISSING if low is None or high is None else f"[{change(high)}, {change(low)}]"


def p_value(value: float | None) -> str:
    """Three decimals, and no zero."""
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def bits(value: float | None, *, decimals: int = 2) -> str:
    """Information in bits."""
    return MISSING if value is None else f"{value:.{decimals}f}"


def tight(sentence: str) -> str:
    """A sentence in which no number is parted from its percent sign at the end of a line."""
    return re.sub(r"(?<=\d) %", "\u00a0%", sentence)


def percent_at_least(value: float) -> str:
    """A rate in percent, rounded down to two decimals, so that what misses a bound does not seem to reach it."""
    return f"{math.floor(round(1e4 * value, 6)) / 100:.2f} %"


def duration(seconds: float) -> str:
    """A length of time as one would say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
