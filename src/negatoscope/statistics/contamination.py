"""How many scored items are of another kind, known from how items of that kind score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from negatoscope.errors import expect
from negatoscope.statistics.intervals import wilson

_LEVELS = np.linspace(0.05, 0.95, 19)
Scores = Float[np.ndarray, " n"]
"""Higher looks more like another kind; minus infinity looks not like it at all."""


@dataclass(frozen=True)
class Kind:
    """Another kind of items.

    Args:
        scores: Of all items, as items of this kind.
        others: What each item would score if it were changed into one of this kind; those that are of it already become
            ordinary ones.
    """

    scores: Scores
    others: Scores


@dataclass(frozen=True)
class Contamination:
    """The estimated share of items that are of other kinds.

    Args:
        by_kind: Of each kind, in [0, 1].
        share: Of all.
        low: The lower end of its 95 % interval, of counting alone.
        high: Its upper end.
    """

    by_kind: tuple[float, ...]
    share: float
    low: float
    high: float


def estimate_contamination(kinds: Sequence[Kind]) -> Contamination:
    """How many of the items are of other kinds.

    Above any score lie a share of the items and a share of another kind. As ordinary items may be among the former, the
    ratio of the two bounds the odds of that kind from above, at every score. It is read where it is lowest with its
    interval, of 19 scores that 5 to 95 % of the kind lie above. If half of the items are of another kind, nothing tells
    which half: the share is at most 0.5.

    Args:
        kinds: One or more, about the same items.

    Raises:
        InputError: There is no kind, or one without scores.

    Source: Blanchard, Lee and Scott, 2010, https://jmlr.org/papers/v11/blanchard10a.html (the least ratio).
    """
    expect(len(kinds) > 0, "kinds one or more", "none")
    expect(all(len(kind.scores) and len(kind.others) for kind in kinds), "scores of each kind", "none")
    counted = [_least(kind) for kind in kinds]
    n, above = len(kinds[0].scores), sum(found for found, _ in counted)
    odds = [found / (n * of_kind) for found, of_kind in counted]  # only ordinary items became one of the kind
    by_kind = tuple(one / (1 + sum(odds)) for one in odds)
    weights = [max(found, 1e-9) for found, _ in counted]  # where none is found, all kinds weigh the same
    seen = sum(weights) / sum(weight / of_kind for weight, (_, of_kind) in zip(weights, counted, strict=True))
    interval = wilson(min(n, above), n)
    return Contamination(by_kind, sum(by_kind), _share(interval.low, seen), _share(interval.high, seen))


def recall_of_kind(kind: Kind, thresholds: Scores) -> Float64[np.ndarray, " n"]:
    """The share of a kind that lies at or above each score."""
    below = np.searchsorted(np.sort(kind.others), thresholds, side="left")
    return np.asarray(1 - below / len(kind.others), dtype=np.float64)


def _least(kind: Kind) -> tuple[int, float]:
    """How many items, and which share of the kind, lie above the score that bounds the kind best."""
    best, bound = (0, 1.0), np.inf
    for threshold in np.quantile(kind.others, _LEVELS, method="lower"):
        above, of_kind = int((kind.scores > threshold).sum()), float((kind.others > threshold).mean())
        if of_kind > 0 and (high := wilson(above, len(kind.scores)).high / of_kind) < bound:
            best, bound = (above, of_kind), high
    return best


def _share(items: float, of_kind: float) -> float:
    return items / (items + of_kind)
