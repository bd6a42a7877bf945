"""What the experiments on the paper's discussion found, as `discussion.json` holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from negatoscope.provenance import Provenance
from negatoscope.statistics.intervals import mean_and_deviation, mean_interval
from negatoscope.studies.sensitivity_result import FailedRun, RunsMadeBy, SkippedStudy

Way = Literal["from scratch", "fine-tuned on negatives alone", "fine-tuned, half clean"]
"""How negatives are learned."""


@dataclass(frozen=True)
class MeanOverSeeds:
    """The mean of a rate, or of a difference of rates, over seeds.

    Args:
        mean: The mean of `values`, in [0, 1], or of differences in [-1, 1].
        low: The lower end of its 95 % t interval, in the same unit; None for one seed.
        high: The upper end, in the same unit.
        values: One for each seed, in the same unit.
    """

    mean: float
    low: float | None
    high: float | None
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], *, signed: bool = False) -> "MeanOverSeeds":
        """The mean of at least one value in [0, 1], or of `signed` ones in [-1, 1]."""
        bounds = (-1.0 if signed else 0.0, 1.0)
        interval = mean_interval(values, bounds=bounds) if len(values) > 1 else None
        low, high = (interval.low, interval.high) if interval else (None, None)
        return cls(mean_and_deviation(values)[0], low, high, tuple(values))

    @classmethod
    def difference(cls, first: Sequence[float], second: Sequence[float]) -> "MeanOverSeeds":
        """Of the first rates less the second, seed by seed."""
        return cls.of([a - b for a, b in zip(first, second, strict=True)], signed=True)

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on that side of 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True)
class NoiseResult:
    """Experiment a: a transform beside noise of the same size, for the plain network, on test images.

    Args:
        dataset: Its name.
        transform: Its spec.
        l2: The mean L2 norm of what it changes in an image in [0, 1]; at least 0.
        clean: Accuracy on the images as they are.
        transformed: Accuracy under the transform.
        noise: Under noise of the same L2 norm in each image, not clipped.
        clipped_noise: Under the same noise, clipped to [0, 1].
        clipped_l2: The mean L2 norm that clipping leaves, at least 0.
        difference: Of `transformed` less `noise`.
    """

    dataset: str
    transform: str
    l2: float
    clean: MeanOverSeeds
    transformed: MeanOverSeeds
    noise: MeanOverSeeds
    clipped_noise: MeanOverSeeds
    clipped_l2: float
    difference: MeanOverSeeds


@dataclass(frozen=True)
class NumberResult:
    """Experiment b: accuracy on test images and their negatives, by how many negatives were trained on.

    Args:
        dataset: Its name.
        way: How networks learned negatives.
        negatives: How many training images were shown as negatives, at least 0.
        clean: Accuracy on test images.
        negative: Accuracy on their negatives.
    """

    dataset: str
    way: Way
    negatives: int
    clean: MeanOverSeeds
    negative: MeanOverSeeds


@dataclass(frozen=True)
class UnseenResult:
    """Experiment c: what learning negatives does to accuracy under a transform; the negative itself was seen.

    Args:
        dataset: Its name.
        variant: That learned negatives.
        transform: Its spec.
        plain: Accuracy of networks that learned none.
        learned: Accuracy of those that did.
        difference: Of the second less the first.
    """

    dataset: str
    variant: str
    transform: str
    plain: MeanOverSeeds
    learned: MeanOverSeeds
    difference: MeanOverSeeds

    @property
    def is_seen(self) -> bool:
        """Whether it is what was learned."""
        return self.transform == "negative"

    @property
    def is_kin(self) -> bool:
        """Whether it is made with the negative."""
        return "negative" in self.transform


@dataclass(frozen=True)
class TransferResult:
    """Experiment d: negatives of some classes were shown; accuracy on those of test images.

    Args:
        dataset: Its name.
        variant: That was shown them.
        shown_classes: How many classes these were, at least 1.
        shown: On negatives of these classes.
        others: On negatives of the other classes.
        plain_others: On the same, where no negatives were shown at all.
        all_others: On the same, where those of all classes were shown; None where that was not run.
        gain: Of `others` less `plain_others`.
        taken_for_shown: The share of the other classes' negatives that are predicted as a class that was shown.
    """

    dataset: str
    variant: str
    shown_classes: int
    shown: MeanOverSeeds
    others: MeanOverSeeds
    plain_others: MeanOverSeeds
    all_others: MeanOverSeeds | None
    gain: MeanOverSeeds
    taken_for_shown: MeanOverSeeds


@dataclass(frozen=True)
class NetworkResult:
    """Experiment e: a network of today on test images and their negatives.

    Args:
        dataset: Its name.
        variant: The network.
        parameters: How many weights it has, at least 1.
        clean: Accuracy on test images.
        negative: Accuracy on their negatives.
    """

    dataset: str
    variant: str
    parameters: int
    clean: MeanOverSeeds
    negative: MeanOverSeeds


@dataclass(frozen=True)
class ExperimentCost:
    """How long the runs of an experiment trained, in seconds; those that it shares with one before it count there.

    Args:
        experiment: From a to e.
        runs: How many runs, at least 0.
        seconds: How long they trained in all, in seconds.
    """

    experiment: str
    runs: int
    seconds: float


@dataclass(frozen=True)
class VariantGap:
    """Runs of a variant that are planned and not there.

    Args:
        dataset: Its name.
        variant: The variant's name.
        seeds: The seeds of these runs, at least 0.
    """

    dataset: str
    variant: str
    seeds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Discussion:
    """What all runs of the discussion's experiments say.

    Args:
        provenance: Where it comes from.
        fast: Whether it is a smoke run, whose numbers are no results.
        recipe: That networks are trained by, where a variant says nothing else.
        experiments: Those that were asked for, from a to e.
        planned_runs: How many runs there are to be, at least 1.
        made_by: The ways in which those that are there were made.
        not_run: Datasets that were not at hand.
        failed: Runs that could not be trained.
        missing: What else is not there.
        costs: Of each experiment.
        chance: Of each dataset, the accuracy of guessing, in (0, 1).
        noise: Of experiment a.
        number: Of experiment b.
        unseen: Of experiment c.
        transfer: Of experiment d.
        networks: Of experiment e.
    """

    schema: Literal[2] = 2
    provenance: Provenance
    fast: bool
    recipe: str
    experiments: tuple[str, ...]
    planned_runs: int
    made_by: tuple[RunsMadeBy, ...]
    not_run: tuple[SkippedStudy, ...] = ()
    failed: tuple[FailedRun, ...] = ()
    missing: tuple[VariantGap, ...] = ()
    costs: tuple[ExperimentCost, ...]
    chance: Mapping[str, float]
    noise: tuple[NoiseResult, ...]
    number: tuple[NumberResult, ...]
    unseen: tuple[UnseenResult, ...]
    transfer: tuple[TransferResult, ...]
    networks: tuple[NetworkResult, ...]

    @property
    def made_runs(self) -> int:
        """How many runs there are."""
        return sum(each.runs for each in self.made_by)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Those that were run."""
        return tuple(self.chance)
