"""`match.json`: what a search for the paper's pair of numbers gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from negatoscope.provenance import Provenance
from negatoscope.statistics.measured import TrackedRate
from negatoscope.training.recipe import Recipe

ACCURACY_UNIT, NEGATIVES_UNIT = 0.0015, 0.02
"""What counts as one step away: 0.15 points of accuracy, and 2 points on negatives."""

FOUND_ACCURACY, FOUND_NEGATIVES = 0.003, 0.02
"""How near the mean of fresh runs must come for the pair to be found."""

OPENED = 5
"""How many of the nearest candidates are measured on test images, and how many fresh runs the nearest one gets."""


@dataclass(frozen=True)
class MatchCandidate:
    """One recipe at the epoch where it came nearest.

    Args:
        trial: Its number in the search, from 0.
        recipe: Its epochs are those of that epoch.
        validation_accuracy: On validation images, in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1].
        distance: From the printed pair, at least 0, in units of 0.15 points on test images and 2 points on negatives.
    """

    trial: int
    recipe: Recipe
    validation_accuracy: float
    negative_accuracy: float
    distance: float


@dataclass(frozen=True)
class OpenedCandidate:
    """One of the nearest candidates, trained again to its epoch and measured on test images.

    Args:
        trial: Its number in the search, from 0.
        seed: The seed of the run, at least 0.
        test: On test images.
        negative_train: On negatives of training images.
    """

    trial: int
    seed: int
    test: TrackedRate
    negative_train: TrackedRate


@dataclass(frozen=True)
class NearestCandidate:
    """What came nearest: validation accuracy of the searched run, the others means over fresh runs.

    Args:
        validation_accuracy: On validation images, in [0, 1].
        test_accuracy: On test images, in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1].
        recipe: What it is trained by.
    """

    validation_accuracy: float
    test_accuracy: float
    negative_accuracy: float
    recipe: Recipe


@dataclass(frozen=True)
class Importance:
    """How much of the distance's variance goes with a choice, by fANOVA: mean and deviation over several forests.

    Args:
        mean: The mean share of the variance, in [0, 1].
        std: The standard deviation over the forests, at least 0.
    """

    mean: float
    std: float


@dataclass(frozen=True)
class MatchSearch:
    """The search for one pair.

    Args:
        dataset: Its name.
        epsilon: Of adversarial training, in [0, 1]: the largest change of a pixel value; 0 for the plain DNN.
        paper_test_accuracy: What Table I prints for test images, in [0, 1].
        paper_negative_accuracy: What it prints for negatives, in [0, 1].
        trials: How many recipes were trained, at least 1.
        diverged: How many of these recipes diverged, at least 0.
        candidates: Each recipe at its nearest epoch, the nearest first.
        opened: The nearest ones on test images, then the fresh runs of the nearest.
        nearest: The nearest of those; its accuracies are means over its fresh runs.
        found: Whether these means are near the printed pair.
        importance: By choice; an association, not an effect.
        provenance: What made it; None in files of versions that had one for all searches, which `read_match` puts here.
    """

    dataset: str
    epsilon: float
    paper_test_accuracy: float
    paper_negative_accuracy: float
    trials: int
    diverged: int
    candidates: tuple[MatchCandidate, ...]
    opened: tuple[OpenedCandidate, ...]
    nearest: NearestCandidate
    found: bool
    importance: Mapping[str, Importance]
    provenance: Provenance | None = None


@dataclass(frozen=True, kw_only=True)
class Match:
    """`match.json`: the searches made so far.

    Args:
        provenance: What made the last of them.
        searches: One for each pair of numbers.
    """

    schema: Literal[2] = 2
    provenance: Provenance
    searches: tuple[MatchSearch, ...]
