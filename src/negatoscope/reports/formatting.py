"""Numbers and lists as all reports write them: percentages, points, intervals, p-values, bits, durations."""

import math
import re
from collections.abc import Sequence
from typing import TypeVar

MISSING = "–"
MINUS = "\u2212"

Text = TypeVar("Text", bound=str)


def percent(
    rate: float | None, *, decimals: int = 2, unit: bool = False, down: bool = False, guard: bool = True
) -> str:
    """A rate in [0, 1] as a percentage.

    Args:
        rate: None gives a dash.
        decimals: How many.
        unit: Add the percent sign, and write bounds in words, as in a sentence.
        down: Round down, so that what misses a bound does not seem to reach it.
        guard: Write "<0.01" and ">99.99" for what would be rounded to 0 or 100 and is neither.
    """
    if rate is None:
        return MISSING
    shown = math.floor(round(100 * rate * 10**decimals, 6)) / 10**decimals if down else 100 * rate
    text, least = f"{shown:.{decimals}f}", 10.0**-decimals
    if guard and rate > 0 and float(text) == 0:
        text = f"{'less than ' if unit else '<'}{least:.{decimals}f}"
    elif guard and rate < 1 and float(text) == 100:
        text = f"{'more than ' if unit else '>'}{100 - least:.{decimals}f}"
    return f"{text} %" if unit else text


def points(difference: float | None, *, decimals: int = 1, signed: bool = True) -> str:
    """A difference of two rates in percentage points, with its sign (typographic minus) or as how much it is."""
    if difference is None:
        return MISSING
    if not signed:
        return f"{100 * abs(difference):.{decimals}f}"
    return with_sign(100 * difference, decimals=decimals)


def with_sign(number: float, *, decimals: int = 2) -> str:
    """A number with its sign, a typographic minus; what is rounded to zero has none."""
    text = f"{number:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def interval(low: float | None, high: float | None, *, decimals: int = 2, signed: bool = False) -> str:
    """Both ends in brackets: of a rate in percent, or (`signed`) of a difference in points."""
    if low is None or high is None:
        return MISSING
    ends = [points(end, decimals=decimals) if signed else f"{100 * end:.{decimals}f}" for end in (low, high)]
    return f"[{', '.join(ends)}]"


def measured(
    rate: float | None, low: float | None, high: float | None, *, decimals: int = 2, unit: bool = False
) -> str:
    """A rate in percent with its interval."""
    return f"{percent(rate, decimals=decimals, unit=unit)} {interval(low, high, decimals=decimals)}"


def p_value(value: float | None, *, named: bool = False) -> str:
    """Three decimals and no zero; `named` writes "p = 0.010", as in a sentence."""
    if value is None:
        return MISSING
    sign, text = ("<", "0.001") if value < 0.001 else ("=", f"{value:.3f}")
    return f"p {sign} {text}" if named else f"{sign}{text}".removeprefix("=")


def bits(value: float | None, *, decimals: int = 2) -> str:
    """Information in bits."""
    return MISSING if value is None else f"{value:.{decimals}f}"


def duration(seconds: float) -> str:
    """A length of time as one would say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def megabytes(size_bytes: float) -> str:
    """A size as one would say it, 0.1 MB at least."""
    return f"{size_bytes / 1e9:,.1f} GB" if size_bytes >= 1e9 else f"{max(0.1, size_bytes / 1e6):.1f} MB"


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where that is due."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def joined(words: Sequence[str]) -> str:
    """Words as a person lists them: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def class_name(names: Sequence[str], index: int) -> str:
    """What a class is called, or its number where a classifier has more classes than there are names."""
    return names[index] if 0 <= index < len(names) else f"class {index}"


def one_line(text: str, *, width: int) -> str:
    """A text on one line of at most `width` letters."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def tight(text: str) -> str:
    """A text, plain or of HTML, in which no number is separated from its percent sign at the end of a line."""
    return re.sub(r"(?<=\d) %", "\u00a0%", text)
