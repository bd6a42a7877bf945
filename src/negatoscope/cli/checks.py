"""What can be checked of an option's value before images, models and what is slow to load."""

from collections.abc import Callable
from typing import Any

from negatoscope.errors import expect, shown

Check = Callable[[Any, Any, Any], Any]
"""Called by typer with its context, the option and the value; gives the value."""

LAST_SEED = 2**63 - 1


def within(low: float, high: float | None = None, *, above: bool = False) -> Check:
    """Refuses numbers below `low` or over `high`, and with `above` also `low` itself."""
    bounds = f"of at least {low:,}" if high is None else f"from {low:,} to {high:,}"
    bounds = f"above {low:,}, up to {high:,}" if above else bounds

    def check(context: Any, option: Any, value: Any) -> Any:
        inside = value is None or (low <= value and (high is None or value <= high) and not (above and value == low))
        expect(inside, f"{option.opts[0]} {bounds}", value)
        return value

    return check


def one_of(*names: str) -> Check:
    """Refuses other names."""

    def check(context: Any, option: Any, value: Any) -> Any:
        known = f"{', '.join(names[:-1])} or {names[-1]}"
        expect(value in names, f"{option.opts[0]} {known}", shown(value))
        return value

    return check


def center_and_width(context: Any, option: Any, value: Any) -> Any:
    """Refuses what is no CENTER,WIDTH."""
    if value is not None:
        from negatoscope.pixels import DecodeSpec

        DecodeSpec.of(None, value)
    return value
