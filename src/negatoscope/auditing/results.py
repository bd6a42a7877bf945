"""What an audit finds, as typed objects; `summary.json` is an `AuditSummary`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from negatoscope.auditing.measurement import Confusion, Measurement, ReachedL2
from negatoscope.data import LeftOut
from negatoscope.data.dicom import DicomSummary
from negatoscope.models import ModelKind
from negatoscope.models.input_spec import InputSpec
from negatoscope.pixels import AS_STORED, DecodeSpec
from negatoscope.provenance import Provenance
from negatoscope.reports.formatting import class_name
from negatoscope.statistics.intervals import Rate
from negatoscope.transforms import TransformKind

PlannedKind = TransformKind | Literal["not_annotated", "attack"]
"""What an audit may apply: a transform of some kind, one of which nobody said whose label it keeps, or an attack."""

SUMMARY = "summary.json"
"""Written last: its presence means complete."""

SIGNIFICANT = 0.05
"""A corrected p-value below this is a difference that chance seldom makes."""


@dataclass(frozen=True, kw_only=True)
class UnreadableImage:
    """An image that could not be decoded, and why.

    Args:
        name: What its source calls it.
        reason: Why, in a few words.
    """

    name: str
    reason: str


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
        preserved: The classes that keep their label under it, from 0, whose images alone count; None is all.
        assumed: Whether that it preserves labels is an assumption, since nobody annotated the data.
        clean_accuracy: The accuracy on the same images, clean; in [0, 1].
        drop: `clean_accuracy` less `accuracy`, in [-1, 1].
        drop_low: The lower end of its 95 % interval, in [-1, 1].
        drop_high: The upper end, in [-1, 1].
        lost: Images that were correct before and are misclassified after, at least 0.
        gained: Images that were misclassified before and are correct after, at least 0.
        p_value: McNemar's exact test of `lost` against `gained`, or of whole objects where several images show the
            same; in [0, 1].
        p_holm: `p_value`, corrected by Holm's method for the number of transforms of the same kind; in [0, 1].
        repeats: Another transform whose predictions are bit for bit the same, "" for none: both are counted as one.
        consistency: The share of predictions that did not change, in [0, 1].
        consistency_low: The lower end of its 95 % interval, in [0, 1].
        consistency_high: The upper end, in [0, 1].
        attack_success_rate: The share of images that are misclassified after, among those correct before; in [0, 1].
        attack_success_low: The lower end of its 95 % interval, in [0, 1].
        attack_success_high: The upper end, in [0, 1].
        misclassified_confidence: The mean confidence where the prediction is wrong, in [0, 1]; None where none is.
        confusion: The most frequent errors, the most frequent first.
        entropy_bits: The entropy of the predictions' distribution, in bits; from 0 to log2 of the number of classes.
        information_bits: What a prediction says about the label: their mutual information, in bits; at least 0.
        information_null_bits: What it says, at most, in 95 % of draws by chance, in bits.
        reached_l2: Of a random control, how far it moved images.
        mean_queries: How many forward passes an attack spent on an image, on average, at least 0; None for a transform.
        median_queries: Likewise, the median, at least 0.
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
        classes: How many outputs it has, at least 2.
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
        available: How many images there were to choose from, at least 1.
        limit: The most images to take, at least 1; None is all.
        prepared: What was done to the images before the audit, "" for nothing.
        official: Whether every file is the published one; None for a user's own files.
        files: The SHA-256 of each file by name.
        class_names: What the classes are called.
        decoding: Which values of its files are black and white.
        left_out: What their source holds beside them.
        dicom: What the headers of DICOM images say; None where there are none.
        objects: How many objects, such as patients, the images show, at least 1; None where none is known to be shown
            twice.
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
    objects: int | None = None

    def class_name(self, index: int) -> str:
        """What a class is called, or its number where the model has more classes than the data."""
        return class_name(self.class_names, index)


@dataclass(frozen=True, kw_only=True)
class SuiteSummary:
    """The suite of transforms, "" where there are single transforms only.

    Args:
        name: The suite's name.
        version: Its version, at least 0; it is counted up when its transforms change.
    """

    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class SelfCheck:
    """Whether a classifier knows a few hundred clean images.

    Args:
        n: How many images, at least 1.
        accuracy: The share of correct predictions, in [0, 1].
        passed: Whether that is above chance, not below what was expected, and no other setting is much better.
        suggestion: One sentence on what would help, "" where nothing need.
        suspects: How many other settings were tried, at least 0.
    """

    n: int
    accuracy: float
    passed: bool
    suggestion: str
    suspects: int = 0


@dataclass(frozen=True, kw_only=True)
class MeanAccuracy:
    """The mean of the accuracies under `transforms` label-preserving transforms, each once, with a 95 % interval.

    One whose predictions are bit for bit those of clean images, or of another one, does not count, unless all are such.

    Args:
        transforms: How many transforms, at least 1.
        accuracy: The mean, in [0, 1].
        low: The lower end of its interval, in [0, 1].
        high: The upper end, in [0, 1].
    """

    transforms: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """What became of one rule of a gate.

    Args:
        rule: As the user wrote it, or "unreadable" or "baseline".
        value: What was held against the bound, in its unit; None where there was nothing to measure.
        bound: What the rule demands: an accuracy in [0, 1], of "unreadable" a number of images, of "baseline" a
            difference of accuracies in [-1, 0].
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
    """What became of a gate: `passed` is None where there was no rule.

    Args:
        passed: Whether every rule holds; None where there was no rule.
        rules: Each rule.
    """

    passed: bool | None = None
    rules: tuple[RuleResult, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuditSummary:
    """Everything that an audit found; every number comes from its rows.

    Args:
        model: The classifier.
        dataset: The images.
        suite: The transforms that ran together.
        n: Images that were read, at least 1.
        unreadable: Images that could not be decoded, at least 0.
        unreadable_named: The first of them.
        self_check: How the self-check ended.
        clean: Clean images.
        chance: The accuracy of guessing among the classes, in (0, 1).
        majority: The accuracy of always predicting the most frequent class, in (0, 1].
        transforms: Each transform.
        mean: Over the label-preserving transforms under which an image counts; None where there is none.
        worst_case: Of the images that at least one label-preserving transform counts, the share that is correct clean
            and under every one that counts it; likewise.
        verdict: The result in one sentence.
        gate: What became of the rules.
        provenance: Where it comes from.
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
