"""How many points the chart of differences reaches in both directions."""

import math
from collections.abc import Iterable

_SCALES = (1, 2, 4, 10, 20, 30, 40, 60, 80, 100)  # half of each is a label, too: whole points, or half of one


def chart_scale(ends: Iterable[float | None]) -> int:
    """The points from the middle of a chart to its ends.

    Args:
        ends: Of the intervals that it shows, in [-1, 1]; None counts nothing.
    """
    reached = min(math.ceil(100 * max((abs(end or 0) for end in ends), default=0)), _SCALES[-1])
    return next(points for points in _SCALES if points >= reached)
