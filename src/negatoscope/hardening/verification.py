"""What `negatoscope verify` finds: on how many images predictions agree over the orbit, and whether they must."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from negatoscope.errors import needed
from negatoscope.provenance import Provenance
from negatoscope.reports.csv_table import csv_table
from negatoscope.reports.formatting import counted, measured
from negatoscope.reports.markdown import markdown_table

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True)
class ElementConsistency:
    """One element of the group against the images as they are.

    Args:
        element: The transform.
        agreeing: How many of the n images get the same prediction under it, from 0 to n.
        consistency: Their share, in [0, 1].
        low: The lower end of its 95 % interval, in [0, 1].
        high: The upper end, in [0, 1].
        logit_difference: The largest difference of two logits, at least 0.
    """

    element: str
    agreeing: int
    consistency: float
    low: float
    high: float
    logit_difference: float


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether a classifier gives all images of an orbit the same prediction.

    Args:
        classifier: Its name.
        invariant: The group.
        dataset: The images' dataset, and their split.
        n: How many images there are, at least 1.
        unreadable: How many images could not be read besides, at least 0.
        agreeing: How many images get the same prediction under every element, from 0 to `n`.
        consistency: Their share, in [0, 1].
        low: The lower end of its 95 % interval (Wilson), in [0, 1].
        high: The upper end, in [0, 1].
        logit_difference: The largest difference of two logits, over all images and elements; at least 0.
        by_construction: Whether it holds for every 8-bit image, whatever it shows.
        reason: Why, or why that is not known, as a sentence.
        at_least: The consistency that is demanded, in [0, 1].
        elements: Every element but the identity.
        provenance: Where the numbers come from.
    """

    schema: Literal[2] = 2
    classifier: str
    invariant: str
    dataset: str
    n: int
    unreadable: int
    agreeing: int
    consistency: float
    low: float
    high: float
    logit_difference: float
    by_construction: bool
    reason: str
    at_least: float
    elements: tuple[ElementConsistency, ...]
    provenance: Provenance

    @property
    def passed(self) -> bool:
        """Whether the consistency is what is demanded."""
        return self.consistency >= self.at_least

    def __str__(self) -> str:
        """The finding as Markdown."""
        return "\n\n".join([self.sentence, self.reason, markdown_table(_HEADER, _lines(self))])

    def _repr_markdown_(self) -> str:
        return str(self)

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        share = measured(self.consistency, self.low, self.high, unit=True)
        return (
            f"{self.classifier} gives {self.agreeing:,} of {counted(self.n, 'image')}, {share}, the same prediction "
            f"under every element of {self.invariant}; logits differ by at most {self.logit_difference:.3g} "
            f"({self.dataset})."
        )

    def to_pandas(self) -> Any:
        """A data frame with a line for each element.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return needed("pandas", extra="pandas", why="to_pandas()").DataFrame(list(map(asdict, self.elements)))


_HEADER = ("Element", "Consistency, % [95 %]", "Images", "Logits differ by")


def verification_csv(verification: Verification) -> str:
    """A line for each element, rates in [0, 1]."""
    return csv_table([asdict(element) for element in verification.elements])


def verification_tables(verification: Verification) -> "RenderableType":
    """The finding for a terminal."""
    from rich.console import Group
    from rich.text import Text

    from negatoscope.reports.terminal import point, simple_table

    table = simple_table(*_HEADER)
    for line in _lines(verification):
        table.add_row(*line)
    good = verification.passed
    found = point("✓" if good else "✗", verification.sentence, style="green" if good else "red")
    why = point("✓" if verification.by_construction else "!", verification.reason)
    return Group(found, why, Text(), table)


def _lines(verification: Verification) -> list[list[str]]:
    return [
        [
            element.element,
            measured(element.consistency, element.low, element.high),
            f"{element.agreeing:,} of {verification.n:,}",
            f"{element.logit_difference:.3g}",
        ]
        for element in verification.elements
    ]
