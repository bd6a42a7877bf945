"""One run of a sensitivity study: trained, followed along the way and measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from negatoscope.data import Dataset
from negatoscope.documents import read_document, write_document
from negatoscope.files import remove_all
from negatoscope.hardware import Hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.reproduce.measure import Destinations, accuracy_of, confidence_of, destinations_of
from negatoscope.reproduce.run_data import RunData, few_of
from negatoscope.reproduce.runs import (
    Confidence,
    MadeBy,
    Pass,
    Run,
    RunProgress,
    RunSpec,
    keep_run,
    negatives_of,
    train_and_measure,
)
from negatoscope.studies.probing import Probing, probe_negatives
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.train import TrainingResult

MEASURED, VALIDATED = 5000, 5000
"""How many training images, and negatives of them, are measured on when a run has ended; how many validation images
accuracy along training is measured on. With twice as many, measuring took a third of the time."""

MARKED_EPOCHS = (0.25, 0.5, 1.5)
"""Where accuracies are measured besides at the end of each epoch."""


@dataclass(frozen=True)
class StudyRunSpec(RunSpec):
    """A run of a study to be, and whether to probe what its network does with negatives."""

    probe: bool = False


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy along training, after a number of epochs: on validation images and on negatives of training images.

    Args:
        epoch: After how many epochs, at least 0; parts of one count.
        validation_accuracy: On validation images, in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1].
    """

    epoch: float
    validation_accuracy: float
    negative_accuracy: float


@dataclass(frozen=True, kw_only=True)
class StudyRun(Run):
    """A run of a study.

    Args:
        confidence: Mean confidence on training images and their negatives, where it is known.
        destinations: Of the predictions on negatives of training images, where they are known.
        seconds: How long training took, in seconds, where it is known.
        made_by: Versions and hardware.
        class_names: Of the dataset.
        tracks: Whether training images are frames of tracks.
        curve: Accuracy along training.
        probing: What `probe_negatives` gave, where that was asked for.
    """

    confidence: Confidence | None = None
    destinations: Destinations | None = None
    seconds: float | None = None
    made_by: MadeBy
    class_names: tuple[str, ...]
    tracks: bool
    curve: tuple[CurvePoint, ...]
    probing: Probing | None = None

    @property
    def chance(self) -> float:
        """The accuracy of guessing."""
        return 1 / len(self.class_names)

    @property
    def followed(self) -> bool:
        """Whether the negatives along training are taken as those that it is measured on at its end."""
        return self.recipe.negatives == "after"

    def negative_at(self, accuracy: float) -> float | None:
        """Accuracy on negatives where validation accuracy first comes to `accuracy`; None where it is unknown."""
        return negative_at(self.curve, accuracy) if self.followed else None


def negative_at(curve: Sequence[CurvePoint], accuracy: float) -> float | None:
    """Accuracy on negatives where validation accuracy first comes to `accuracy`, on a line between two measurements.

    None where it never does, and where it was there before the first measurement.
    """
    for before, after in pairwise(curve):
        low, high = before.validation_accuracy, after.validation_accuracy
        if low < accuracy <= high:
            share = (accuracy - low) / (high - low)
            return before.negative_accuracy + share * (after.negative_accuracy - before.negative_accuracy)
        if low >= accuracy:
            return None
    return None


def make_study_run(
    spec: StudyRunSpec, data: RunData, *, hardware: Hardware, folder: Path, progress: RunProgress
) -> StudyRun:
    """Train and measure one classifier, resuming where an earlier call was stopped.

    Leaves `rows.parquet` and, last, `run.json` in `folder`.

    Raises:
        InputError: Training diverges, or the recipe does not fit the data.
        OutputError: `folder` cannot be written or the disk is full.
    """
    marks = _Marks(folder / "marks.json", spec, progress)

    def passes(training: Dataset, validation: Dataset, network: PaperNetwork) -> Iterator[Pass]:
        few = few_of(training, MEASURED)
        yield from (Pass(few, "clean"), Pass(data.test, "clean"), negatives_of(few, data))

    training, result, columns_by_pass = train_and_measure(
        spec,
        data,
        passes=passes,
        followed=VALIDATED,
        hardware=hardware,
        folder=folder,
        progress=marks.see,
    )
    names = {"train": ("train", "clean"), "test": ("test", "clean"), "negative_train": ("train", "negative")}
    columns = {name: columns_by_pass[key] for name, key in names.items()}
    probing = None
    if spec.probe:
        progress("probing")
        probing = probe_negatives(
            result.network, training, data.test, seed=spec.seed, hardware=hardware, fast=spec.fast
        )
    run = StudyRun(
        dataset=spec.dataset,
        epsilon=spec.epsilon,
        seed=spec.seed,
        recipe=spec.recipe,
        train=accuracy_of(columns["train"]),
        test=accuracy_of(columns["test"]),
        negative_train=accuracy_of(columns["negative_train"]),
        confidence=Confidence(**{name: confidence_of(values) for name, values in columns.items()}),
        destinations=destinations_of(
            columns["negative_train"], classes=len(training.class_names), with_counts=spec.probe
        ),
        seconds=round(result.seconds, 1),
        made_by=MadeBy.now(hardware),
        class_names=training.class_names,
        tracks=training.tracks is not None,
        curve=marks.curve(result),
        probing=probing,
    )
    keep_run(folder, run)
    remove_all([marks.file])
    return run


@dataclass(frozen=True)
class _MarksFile:
    points: tuple[CurvePoint, ...]


class _Marks:
    """Accuracies within epochs, kept beside the training's state so that a run that was stopped has them still."""

    def __init__(self, file: Path, spec: RunSpec, progress: RunProgress) -> None:
        self.file, self.epochs, self.progress = file, spec.recipe.epochs, progress
        self.points: dict[float, CurvePoint] = {}
        if file.is_file():
            kept = read_document(file, _MarksFile, what="accuracies along training", make="delete its folder")
            self.points = {point.epoch: point for point in kept.points}

    def see(self, progress: TrainingProgress | str) -> None:
        if isinstance(progress, TrainingProgress) and progress.step < progress.steps:
            steps = progress.steps // self.epochs
            marks = {max(1, round(epoch * steps)): epoch for epoch in MARKED_EPOCHS}
            if progress.step in marks:
                epoch = marks[progress.step]
                self.points[epoch] = CurvePoint(epoch, *progress.accuracies())
                write_document(self.file, _MarksFile(tuple(self.points.values())))
        self.progress(progress)

    def curve(self, result: TrainingResult) -> tuple[CurvePoint, ...]:
        points = dict(self.points)
        for epoch in result.history:
            points[epoch.epoch] = CurvePoint(float(epoch.epoch), epoch.validation_accuracy, epoch.negative_accuracy)
        return tuple(points[epoch] for epoch in sorted(points))
