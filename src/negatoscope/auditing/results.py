"""What an audit finds, as typed objects; `summary.json` is an `AuditSummary`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from negatoscope.data import LeftOut
from negatoscope.data.dicom import DicomSummary
from negatoscope.models import ModelKind
from negatoscope.models.input_spec import InputSpec
from negatoscope.pixels import AS_STORED, DecodeSpec
from negatoscope.provenance import Provenance
from negatoscope.statistics.calibration import ReliabilityBin
from negatoscope.statistics.intervals import Interval, Rate, mean_rate_interval
from negatoscope.transforms import TransformKind

PlannedKind = TransformKind | Literal["not_annotated", "attack"]
"""What an audit may apply: a transform of some kind, one of which nobody said whose label it keeps, or an attack."""

SIGNIFICANT = 0.05
"""A corrected p-value below this is a difference that chance seldom makes."""


@dataclass(frozen=True, kw_only=True)
class ClassAccuracy:
    """The accuracy on the images of one class, with its Wilson 95 % interval.

    Args:
        label: The class's index in the data.
        name: What it is called.
        n: Its images, at least 1.
        accuracy: In [0, 1], as are `low` and `high`.
    """

    label: int
    name: str
    n: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often images of one class are classified as another one: `n` of them, `share` of the class's images."""

    label: int
    prediction: int
    n: int
    share: float


@dataclass(frozen=True, kw_only=True)
class ReachedL2:
    """How far, in L2 of an image in [0, 1], a random control moved images."""

    mean: float
    max: float


@dataclass(frozen=True, kw_only=True)
class UnreadableImage:
    """An image that could not be decoded, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What predictions about images are worth. Rates are in [0, 1] and, where `n` is 0, None.

    Args:
        n: Images that count.
        correct: Correct predictions.
        accuracy: Their share.
        low: Lower end of the accuracy's 95 % interval: Wilson's, widened where images are frames of the same objects.
        high: Its upper end.
        top5_accuracy: Share of labels among the five likeliest classes; None with few classes.
        confidence: Mean softmax probability of the prediction.
        ece: Expected calibration error.
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


@dataclass(frozen=True, kw_only=True)
class CleanResult(Measurement):
    """The measurement of clean images, of which there is at least one."""

    accuracy: float
    low: float
    high: float
    confidence: float
    ece: float


@dataclass(frozen=True, kw_only=True)
class TransformResult(Measurement):
    """The measurement of images under a transform, against that of the same images clean.

    Args:
        spec: The transform's canonical spec.
        name: The transform's name alone.
        kind: "label_preserving", "not_annotated", "path", "control" or "attack".
        parameters: What the spec sets.
        preserved: The classes that keep their label under it, whose images alone count; None is all.
        assumed: Whether that it preserves labels is an assumption, since nobody annotated the data.
        clean_accuracy: Of the same images, clean.
        drop: `clean_accuracy` less `accuracy`, with its 95 % interval from `drop_low` to `drop_high`.
        lost: Images that were correct before and are misclassified after.
        gained: Images that were misclassified before and are correct after.
        p_value: McNemar's exact test of `lost` against `gained`.
        p_holm: `p_value`, corrected by Holm's method for the number of transforms of the same kind.
        repeats: Another transform whose predictions are bit for bit the same, "" for none: both are counted as one.
        consistency: Share of predictions that did not change.
        attack_success_rate: Share of images that are misclassified after, among those correct before.
        misclassified_confidence: Mean confidence where the prediction is wrong; None where none is.
        confusion: The most frequent errors, the most frequent first.
        entropy_bits: Of the predictions' distribution.
        information_bits: What a prediction says about the label.
        information_null_bits: What it says, at most, in 95 % of draws by chance.
        reached_l2: Of a random control, how far it moved images.
        mean_queries: How many forward passes an attack spent on an image, on average; None for a transform.
        median_queries: Likewise, the median.
        examples: Specs by which an attack that chooses one for each image made some of the lost ones.
    """

    spec: str
    name: str
    kind: PlannedKind
    parameters: Mapping[str, bool | int | float | str]
    preserved: tuple[int, ...] | None = None
    assumed: bool = False
    clean_accuracy: float | None = None
    drop: float | None = None
    drop_low: float | None = None
    drop_high: float | None = None
    lost: int = 0
    gained: int = 0
    p_value: float | None = None
    p_holm: float | None = None
    repeats: str = ""
    consistency: float | None = None
    consistency_low: float | None = None
    consistency_high: float | None = None
    attack_success_rate: float | None = None
    attack_success_low: float | None = None
    attack_success_high: float | None = None
    misclassified_confidence: float | None = None
    confusion: tuple[Confusion, ...] = ()
    entropy_bits: float | None = None
    information_bits: float | None = None
    information_null_bits: float | None = None
    reached_l2: ReachedL2 | None = None
    mean_queries: float | None = None
    median_queries: float | None = None
    examples: tuple[str, ...] = ()

    @property
    def significant(self) -> bool:
        """Whether the accuracy differs from that of the clean images after Holm's correction."""
        return self.p_holm is not None and self.p_holm < SIGNIFICANT


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """The classifier that was audited.

    Args:
        name: How reports call it.
        kind: What it came as.
        sha256: Of its files or weights, or else of its outputs for fixed images.
        classes: How many outputs it has.
        input_spec: What it is fed, and how its outputs are read.
        runs_code: Whether opening it ran code that its author or the user wrote.
    """

    name: str
    kind: ModelKind
    sha256: str
    classes: int
    input_spec: InputSpec
    runs_code: bool


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """The images that were audited.

    Args:
        spec: The dataset's canonical spec.
        split: Which of its splits, and how many of its images.
        available: How many images there were to choose from.
        limit: The most images to take; None is all.
        prepared: What was done to the images before the audit, "" for nothing.
        official: Whether every file is the published one; None for a user's own files.
        files: The SHA-256 of each file by name.
        class_names: What the classes are called.
        decoding: Which values of its files are black and white.
        left_out: What their source holds beside them.
        dicom: What the headers of DICOM images say; None where there are none.
    """

    spec: str
    split: str
    available: int
    limit: int | None
    prepared: str
    official: bool | None
    files: Mapping[str, str]
    class_names: tuple[str, ...]
    decoding: DecodeSpec = AS_STORED
    left_out: tuple[LeftOut, ...] = ()
    dicom: DicomSummary | None = None

    def class_name(self, index: int) -> str:
        """What a class is called, or its number where the model has more classes than the data."""
        return self.class_names[index] if 0 <= index < len(self.class_names) else f"class {index}"


@dataclass(frozen=True, kw_only=True)
class SuiteSummary:
    """The suite of transforms, "" where there are single transforms only."""

    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class SelfCheck:
    """Whether a classifier knows a few hundred clean images.

    Args:
        n: How many.
        accuracy: Share of correct predictions.
        passed: Whether that is above chance, not below what was expected, and no other setting is much better.
        suggestion: One sentence on what would help, "" where nothing need.
        suspects: How many other settings were tried.
    """

    n: int
    accuracy: float
    passed: bool
    suggestion: str
    suspects: int = 0


@dataclass(frozen=True, kw_only=True)
class MeanAccuracy:
    """The mean of the accuracies under the `transforms` label-preserving transforms, with a 95 % interval."""

    transforms: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """What became of one rule of a gate.

    Args:
        rule: As the user wrote it, or "unreadable" or "baseline".
        value: What was held against the bound; None where there was nothing to measure.
        bound: What the rule demands.
        passed: Whether the rule holds.
        sentence: The reason.
    """

    rule: str
    value: float | None
    bound: float
    passed: bool
    sentence: str


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What became of a gate: `passed` is None where there was no rule."""

    passed: bool | None = None
    rules: tuple[RuleResult, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuditSummary:
    """Everything that an audit found; every number comes from its rows.

    Args:
        n: Images that were read.
        unreadable: Images that could not be decoded.
        unreadable_named: The first of them.
        chance: The accuracy of guessing among the classes.
        majority: The accuracy of always predicting the most frequent class.
        mean: Over the label-preserving transforms under which an image counts; None where there is none.
        worst_case: Of the images that at least one label-preserving transform counts, the share that is correct clean
            and under every one that counts it; likewise.
        verdict: The result in one sentence.
    """

    schema: Literal[2] = 2
    model: ModelSummary
    dataset: DatasetSummary
    suite: SuiteSummary
    n: int
    unreadable: int
    unreadable_named: tuple[UnreadableImage, ...]
    self_check: SelfCheck
    clean: CleanResult
    chance: float
    majority: float
    transforms: tuple[TransformResult, ...]
    mean: MeanAccuracy | None
    worst_case: Rate | None
    verdict: str = ""
    gate: GateResult = GateResult()
    provenance: Provenance

    @property
    def title(self) -> str:
        """What was audited on what."""
        return f"{self.model.name} on {self.dataset.spec}, {self.dataset.split}"

    @property
    def label_preserving(self) -> tuple[TransformResult, ...]:
        """The label-preserving transforms under which an image counts: those of `mean` and `worst_case`."""
        return tuple(entry for entry in self.transforms if entry.kind == "label_preserving" and entry.n)

    @property
    def assumed(self) -> tuple[TransformResult, ...]:
        """The label-preserving transforms that are so by assumption, since nobody annotated the data."""
        return tuple(entry for entry in self.label_preserving if entry.assumed)

    @property
    def not_annotated(self) -> tuple[TransformResult, ...]:
        """The transforms of which nobody said whose label they keep: they count neither for `mean` nor `worst_case`."""
        return tuple(entry for entry in self.transforms if entry.kind == "not_annotated")
