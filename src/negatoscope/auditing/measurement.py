"""What predictions about images are worth: accuracy, confidence, classes, errors."""

from dataclasses import dataclass

from negatoscope.statistics.calibration import ReliabilityBin
from negatoscope.statistics.intervals import Interval, mean_rate_interval


@dataclass(frozen=True, kw_only=True)
class ClassAccuracy:
    """The accuracy on the images of one class, with its Wilson 95 % interval.

    Args:
        label: The class's index in the data, from 0.
        name: What it is called.
        n: Its images, at least 1.
        accuracy: In [0, 1].
        low: The lower end of its interval, in [0, 1].
        high: The upper end, in [0, 1].
    """

    label: int
    name: str
    n: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often images of one class are classified as another one: `n` of them, `share` of the class's images.

    Args:
        label: The true class, from 0.
        prediction: The class that is predicted instead, from 0.
        n: How many images, at least 1.
        share: Which share of the class's images that is, in [0, 1].
    """

    label: int
    prediction: int
    n: int
    share: float


@dataclass(frozen=True, kw_only=True)
class ReachedL2:
    """How far, in L2 of an image in [0, 1], a random control moved images.

    Args:
        mean: The mean distance, in the L2 norm of images in [0, 1]; at least 0.
        max: The largest distance, in the same unit.
    """

    mean: float
    max: float


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What predictions about images are worth. Rates are in [0, 1] and, where `n` is 0, None.

    Args:
        n: Images that count, at least 0.
        correct: Correct predictions, from 0 to `n`.
        accuracy: The share of correct predictions, in [0, 1].
        low: The lower end of the accuracy's 95 % interval, in [0, 1]: Wilson's, widened where images are frames of the
            same objects.
        high: The upper end, in [0, 1].
        top5_accuracy: The share of labels among the five likeliest classes, in [0, 1]; None with few classes.
        confidence: The mean softmax probability of the predicted class, in [0, 1].
        ece: Expected calibration error, in [0, 1]; 0 is the best.
        reliability: The bins of the reliability diagram that are not empty.
        per_class: Every class that has images.
    """

    n: int
    correct: int
    accuracy: float | None
    low: float | None
    high: float | None
    top5_accuracy: float | None
    confidence: float | None
    ece: float | None
    reliability: tuple[ReliabilityBin, ...]
    per_class: tuple[ClassAccuracy, ...]

    @property
    def interval(self) -> Interval | None:
        """The accuracy's 95 % interval."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)

    @property
    def majority_class(self) -> ClassAccuracy | None:
        """The most frequent class."""
        return max(self.per_class, key=lambda entry: entry.n, default=None)

    @property
    def majority(self) -> float | None:
        """The accuracy of the best constant prediction: always the most frequent class of these images."""
        return self.majority_class.n / self.n if self.majority_class else None

    @property
    def unequal(self) -> bool:
        """Whether the largest class has at least half as many images again as the smallest one."""
        sizes = [entry.n for entry in self.per_class]
        return bool(sizes) and 2 * max(sizes) >= 3 * min(sizes)

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of the classes' accuracies, in which each class counts the same; 1 / classes for any constant."""
        return sum(entry.accuracy for entry in self.per_class) / len(self.per_class) if self.per_class else None

    def beats_constant(self, chance: float) -> bool:
        """Whether the accuracy says more than the best constant prediction would.

        It does where its interval lies above chance and above the share of the most frequent class, or where that of
        the balanced accuracy lies above one in as many as there are classes. With images of one class, chance decides.

        Args:
            chance: One in as many as there are classes to choose from.
        """
        several = len(self.per_class) > 1
        if self.low is None or self.low > max(chance, self.majority or 0 if several else 0):
            return True
        rates = [(entry.accuracy, entry.low, entry.high) for entry in self.per_class]
        return several and mean_rate_interval(rates).low > 1 / len(rates)

    @property
    def worst_class(self) -> ClassAccuracy | None:
        """The class with the lowest accuracy."""
        return min(self.per_class, key=lambda entry: (entry.accuracy, entry.high), default=None)

    @property
    def best_class(self) -> ClassAccuracy | None:
        """The class with the highest accuracy."""
        return max(self.per_class, key=lambda entry: (entry.accuracy, entry.low), default=None)
