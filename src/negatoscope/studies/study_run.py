"""One run of a sensitivity study: trained, watched along the way, measured, and kept so that it is never made twice."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from negatoscope.data import Dataset
from negatoscope.files import write_whole
from negatoscope.hardware import Hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.provenance import commit
from negatoscope.reproduce.measure import destinations_of, passes_of, rate_of
from negatoscope.reproduce.runs import Cell, CellData, Observe, few_of, finished, rows_of, split_training
from negatoscope.rows import read_rows, write_rows
from negatoscope.statistics import contingency
from negatoscope.studies.probing import probe_negatives
from negatoscope.training.loop import TrainingProgress, TrainingResult, freeze, train
from negatoscope.transforms.tone import negative

MEASURED, VALIDATED = 5000, 5000
"""How many training images, and negatives of them, are measured on when a run has ended; how many validation images it
is followed on. With twice as many, looking on took a third of the time."""

MARKED_EPOCHS = (0.25, 0.5, 1.5)
"""Where accuracies are measured besides at the end of each epoch."""

Document = dict[str, Any]


@dataclass(frozen=True)
class StudyRun:
    """A run that is to be made: the cell, and whether to look at what its network does with negatives."""

    cell: Cell
    look: bool = False


def read_study_cell(folder: Path) -> Document | None:
    """What `run_study_cell` wrote there, or None where it has not ended.

    Raises:
        DataError: The file is damaged.
    """
    return finished(folder, _use)


def _use(run: Document) -> object:
    rates = [float(run[name]["accuracy"]) for name in ("train", "test", "negative")]
    return rates, run["curve"][-1]["validation_accuracy"], run["seed"], run["made_by"], run["recipe"]["negative_share"]


def run_study_cell(
    run: StudyRun, data: CellData, *, hardware: Hardware, folder: Path, observe: Observe | None = None
) -> Document:
    """Train and measure one classifier, going on where an earlier call was stopped.

    Leaves `rows.parquet` and, last, `cell.json` in `folder`.

    Raises:
        InputError: Training diverges, or the recipe does not fit the data.
        OutputError: `folder` cannot be written or the disk is full.
    """
    cell, tell = run.cell, observe or (lambda moment: None)
    training, validation = split_training(data.train, cell.recipe, seed=cell.seed, fast=cell.fast)
    marks = _Marks(folder / "marks.json", steps=-(-len(training) // cell.recipe.batch_size), tell=tell)
    trained = train(
        cell.recipe,
        training,
        validation=few_of(validation, VALIDATED),
        epsilon=cell.epsilon,
        seed=cell.seed,
        hardware=hardware,
        folder=folder,
        observe=marks.see,
    )
    freeze(trained.network)
    document = {
        "dataset": cell.dataset,
        "epsilon": cell.epsilon,
        "seed": cell.seed,
        "recipe": cell.recipe.to_dict(),
        "digest": cell.recipe.digest,
        "made_by": {
            "commit": commit(),
            "negatoscope": version("negatoscope"),
            "torch": version("torch"),
            "hardware": hardware.description,
        },
        **_measured(run, data, training, trained.network, hardware, folder, tell),
        "curve": _curve(marks, trained),
        "seconds": round(trained.seconds, 1),
    }
    if run.look:
        tell("what it does with negatives")
        where: dict[str, Any] = {"seed": cell.seed, "hardware": hardware, "fast": cell.fast}
        document["looking"] = probe_negatives(trained.network, training, data.test, **where)
    write_whole(folder / "cell.json", (json.dumps(document, indent=1) + "\n").encode())
    for leftover in ("training.safetensors", "marks.json"):
        (folder / leftover).unlink(missing_ok=True)
    return document


def _measured(
    run: StudyRun,
    data: CellData,
    training: Dataset,
    network: PaperNetwork,
    hardware: Hardware,
    folder: Path,
    tell: Callable[[str], None],
) -> Document:
    """Rates on training images, on their negatives and on test images, counted from rows."""
    tell("measuring")
    cell, seen, classes = run.cell, few_of(training, MEASURED), len(training.class_names)
    if data.negated_train is None:
        negatives, batch_transform = seen, lambda images, labels: negative(images)
    else:
        negatives = data.negated_train.take(np.searchsorted(data.negated_train.samples, seen.samples), split=seen.split)
        batch_transform = None
    passes = [(seen, "clean", None), (data.test, "clean", None), (negatives, "negative", batch_transform)]
    write_rows(folder / "rows.parquet", (rows_of(cell, *each, network, hardware) for each in passes))
    found = passes_of(read_rows(folder / "rows.parquet"))
    train_rows, test_rows, negative_rows = (found[images.split, transform] for images, transform, _ in passes)
    destinations = destinations_of(negative_rows, classes)
    if run.look:
        table = contingency(negative_rows["label"], negative_rows["prediction"], classes=classes)
        destinations["counts"] = table.tolist()
    return {
        "train": rate_of(train_rows),
        "test": rate_of(test_rows),
        "negative": rate_of(negative_rows),
        "confidence": {
            "train": float(train_rows["confidence"].mean()),
            "negative": float(negative_rows["confidence"].mean()),
        },
        "destinations": destinations,
        "tracks": training.tracks is not None,
        "chance": 1 / classes,
        "class_names": list(training.class_names),
    }


class _Marks:
    """Accuracies within epochs, kept beside the training's state so that a run that was stopped has them still."""

    def __init__(self, file: Path, *, steps: int, tell: Observe) -> None:
        self.file, self.steps, self.tell = file, steps, tell
        self.wanted = {max(1, round(epoch * steps)): epoch for epoch in MARKED_EPOCHS}
        self.found: dict[str, list[float]] = json.loads(file.read_text()) if file.is_file() else {}

    def see(self, moment: TrainingProgress) -> None:
        epoch = self.wanted.get(moment.step)
        if epoch is not None and moment.step < moment.steps:
            self.found[str(epoch)] = list(moment.accuracies())
            write_whole(self.file, json.dumps(self.found).encode())
        self.tell(moment)


def _curve(marks: _Marks, trained: TrainingResult) -> list[dict[str, float]]:
    """Accuracy on validation images and on 2,000 negatives of training images, by epochs."""
    points = {float(epoch): tuple(found) for epoch, found in marks.found.items()}
    points |= {float(each.epoch): (each.validation_accuracy, each.negative_accuracy) for each in trained.history}
    return [
        {"epoch": epoch, "validation_accuracy": validation, "negative_accuracy": negatives}
        for epoch, (validation, negatives) in sorted(points.items())
    ]
