"""What a pass over images counts besides rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from negatoscope.auditing.results import ReachedL2, UnreadableImage

UNREADABLE_NAMED = 20
"""Unreadable images that a report names at most."""


@dataclass(frozen=True, kw_only=True)
class L2Total:
    """The sum of how far a random control moved `n` images, and the largest of these distances."""

    sum: float = 0.0
    n: int = 0
    max: float = 0.0

    def __add__(self, other: "L2Total") -> "L2Total":
        return L2Total(sum=self.sum + other.sum, n=self.n + other.n, max=max(self.max, other.max))

    @property
    def reached(self) -> ReachedL2:
        """The mean and the largest distance."""
        return ReachedL2(mean=self.sum / max(self.n, 1), max=self.max)


@dataclass(frozen=True, kw_only=True)
class RunTotals:
    """What a pass over images counts besides rows: `done.json`.

    Args:
        read: Images that have rows.
        unreadable: Images that could not be decoded.
        unreadable_named: The first of them.
        reached_l2: By spec, how far each random control moved images.
    """

    schema: Literal[2] = 2
    read: int = 0
    unreadable: int = 0
    unreadable_named: tuple[UnreadableImage, ...] = ()
    reached_l2: Mapping[str, L2Total] = field(default_factory=dict)

    def __add__(self, other: "RunTotals") -> "RunTotals":
        specs = dict.fromkeys((*self.reached_l2, *other.reached_l2))
        return RunTotals(
            read=self.read + other.read,
            unreadable=self.unreadable + other.unreadable,
            unreadable_named=(*self.unreadable_named, *other.unreadable_named)[:UNREADABLE_NAMED],
            reached_l2={
                spec: self.reached_l2.get(spec, L2Total()) + other.reached_l2.get(spec, L2Total()) for spec in specs
            },
        )
