"""Which images of a data set look transformed beside the rest: the document `inspection.json`."""

from dataclasses import dataclass
from typing import Literal

from negatoscope.auditing.results import UnreadableImage
from negatoscope.data.base import LeftOut
from negatoscope.provenance import Provenance


@dataclass(frozen=True, kw_only=True)
class InspectionConfig:
    """What a user chooses of an inspection.

    Args:
        invariant: The group's name, or several, comma-separated: what images may have been transformed by.
        folds: At least 2; each image is scored by a network that was fitted on the other folds.
        seed: Decides folds, weights, and which images a limit leaves; at least 0.
        size: Larger images are scored at this many pixels a side.
        limit: At most this many images, each class in proportion; None is all.
        keep_names: Whether `images.csv` names the files of private data, whose images are numbered elsewhere.
        bits: How many of their 16 bits gray images use, 8 to 16, where their files do not say; None is all.
        window: Center and width of the values that become black to white, or a text such as "40,400"; None is all.
    """

    invariant: str = "negative"
    folds: int = 2
    seed: int = 0
    size: int = 32
    limit: int | None = None
    keep_names: bool = False
    bits: int | None = None
    window: tuple[float, float] | str | None = None


@dataclass(frozen=True, kw_only=True)
class RankedImage:
    """An image and how much it looks transformed.

    Args:
        rank: Its place, from 1 for the most suspicious.
        sample: Where it stands in its source split, from 0.
        name: What its source calls it.
        label: The name of its class, "" where there are no labels.
        score: The log-odds that another element of the group looks more natural than the image as it is; any number,
            above 0 where the other one does.
        element: That element: it mends the image.
        precision: The estimated share of transformed images among all down to this rank, in [0, 1].
    """

    rank: int
    sample: int
    name: str
    label: str
    score: float
    element: str
    precision: float


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What to expect of the first images of the ranking.

    Args:
        first: How many images, at least 1.
        precision: The estimated share of transformed images among them, in [0, 1].
        recall: The estimated share of all transformed images that are among them, in [0, 1].
    """

    first: int
    precision: float
    recall: float


@dataclass(frozen=True, kw_only=True)
class ElementEstimate:
    """How many images an element of the group would mend, by the estimate.

    Args:
        element: The transform.
        estimate: How many images it would mend, at least 0.
    """

    element: str
    estimate: float


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Which images of a data set look transformed beside the rest: `inspection.json`.

    Args:
        data: The canonical spec of the images.
        split: Which of them.
        n: How many images were scored, at least 1.
        channels: 3, or 1 where all images are gray.
        height: Height at which they were scored, in pixels.
        width: Width at which they were scored, in pixels.
        config: What was asked for.
        elements: The group's elements but the identity, and how many images each would mend.
        estimate: How many images look transformed, at least 0.
        low: The lower end of its 95 % interval, in images: of counting alone.
        high: The upper end, in images.
        cuts: What to expect of the first images of the ranking; none where no image stands out.
        images: The first of the ranking; all are in `images.csv`.
        unreadable: Images that could not be decoded.
        left_out: What the source holds beside its images.
        provenance: Where it comes from.
    """

    schema: Literal[2] = 2
    data: str
    split: str
    n: int
    channels: int
    height: int
    width: int
    config: InspectionConfig
    elements: tuple[ElementEstimate, ...]
    estimate: float
    low: float
    high: float
    cuts: tuple[Cut, ...]
    images: tuple[RankedImage, ...]
    unreadable: tuple[UnreadableImage, ...]
    left_out: tuple[LeftOut, ...]
    provenance: Provenance

    @property
    def standing_out(self) -> int:
        """The estimate as a whole number of images."""
        return round(self.estimate)

    def __str__(self) -> str:
        from negatoscope.hardening.inspection_text import inspection_markdown

        return inspection_markdown(self)

    def _repr_markdown_(self) -> str:
        return str(self)
