"""One run: a classifier is trained and measured image by image; a finished one is never trained again."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pyarrow as pa
from torch import nn

from negatoscope.data import Dataset
from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError
from negatoscope.files import remove_all
from negatoscope.hardware import Hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.predict import BatchTransform, predict, row_columns
from negatoscope.provenance import commit
from negatoscope.reproduce.measure import Columns, columns_by_pass
from negatoscope.reproduce.run_data import RunData, few_of, split_training
from negatoscope.rows import RowKey, hash_samples, make_rows, read_rows, write_rows
from negatoscope.statistics.measured import TrackedRate
from negatoscope.training.loop import TrainingProgress, freeze
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import TrainingResult, train
from negatoscope.transforms.tone import negative

RunProgress = Callable[[TrainingProgress | str], None]
"""Called with where training stands, then with the name of each pass over images that measures."""


def plain_progress(progress: TrainingProgress | str) -> str:
    """Where a run stands, in words."""
    return progress if isinstance(progress, str) else f"step {progress.step} of {progress.steps}"


@dataclass(frozen=True)
class RunSpec:
    """A classifier to be: what it is trained on, how, and from which seed.

    Args:
        dataset: The name that results have for it.
        epsilon: Of adversarial training; 0 for the plain DNN.
        seed: Any whole number.
        recipe: Everything that the paper does not say.
        fast: Whether it is a smoke run, on a few hundred images only.
    """

    dataset: str
    epsilon: float
    seed: int
    recipe: Recipe
    fast: bool = False

    @property
    def decisive(self) -> tuple[object, ...]:
        """What decides its numbers beside recipe, seed and epsilon."""
        return ()

    @property
    def classifier(self) -> str:
        """Its name in rows."""
        return f"paper_network(recipe={self.recipe.name!r}, epsilon={self.epsilon!r})"


@dataclass(frozen=True)
class Confidence:
    """Mean softmax probabilities of predictions; None where such images were not measured.

    Args:
        train: On training images, in [0, 1].
        negative_train: On negatives of training images, in [0, 1].
        validation: On validation images, in [0, 1].
        test: On test images, in [0, 1].
        negative_test: On negatives of test images, in [0, 1].
    """

    train: float
    negative_train: float
    validation: float | None = None
    test: float | None = None
    negative_test: float | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """The result of any run, as `run.json` holds it.

    Args:
        dataset: The dataset's name.
        epsilon: Of adversarial training, in [0, 1]: the largest change of a pixel value; 0 for the plain DNN.
        seed: Decides every random draw; at least 0.
        recipe: What it was trained by.
        train: Accuracy on training images.
        test: Accuracy on test images.
        negative_train: Accuracy on the negatives of training images.
    """

    schema: Literal[2] = 2
    dataset: str
    epsilon: float
    seed: int
    recipe: Recipe
    train: TrackedRate
    test: TrackedRate
    negative_train: TrackedRate


@dataclass(frozen=True)
class MadeBy:
    """What made a run.

    Args:
        commit: The commit of the checkout, "+changes" where sources differ from it; None outside a checkout.
        negatoscope: The version of this package.
        torch: The version of PyTorch.
        hardware: The processor, its threads and the precision.
    """

    commit: str | None
    negatoscope: str
    torch: str
    hardware: str

    @classmethod
    def now(cls, hardware: Hardware) -> "MadeBy":
        """This version, on `hardware`."""
        return cls(commit(), version("negatoscope"), version("torch"), hardware.description)


@dataclass(frozen=True)
class Pass:
    """One pass over images: which, and under what; rows name the transform so."""

    images: Dataset
    transform: str
    batch_transform: BatchTransform | None = None


AnyRun = TypeVar("AnyRun", bound=Run)
Place = TypeVar("Place")


def run_folder(spec: RunSpec, data: RunData, *, hardware: Hardware, out: Path, threads: int | None = None) -> Path:
    """Where a run is kept: its name ends in eight hex digits that differ when anything differs that decides numbers.

    Args:
        spec: What is trained.
        data: On which images.
        hardware: Where.
        out: The folder of all runs.
        threads: That it was asked to have, which decide last bits on a processor; None is as many as torch takes.
    """
    decisive: list[object] = [spec.recipe.digest, spec.fast, hardware.precision, hardware.device.type, *spec.decisive]
    decisive += [dataset.fingerprint for dataset in (*data.datasets, data.test)]
    decisive += [threads] if threads and hardware.device.type == "cpu" else []
    digest = sha256(repr(decisive).encode()).hexdigest()[:8]
    name = re.sub(r"\W+", "_", spec.dataset).strip("_")
    return out / "runs" / f"{name}-epsilon{spec.epsilon:g}-seed{spec.seed}-{digest}"


def read_run(folder: Path, kind: type[AnyRun]) -> AnyRun | None:
    """What `keep_run` wrote there, or None where the run has not ended.

    Raises:
        DataError: The file is damaged.
    """
    file = folder / "run.json"
    return read_document(file, kind, what="a finished run", make="delete its folder") if file.is_file() else None


def finished_runs(out: Path, kind: type[AnyRun], place: Callable[[AnyRun], Place]) -> dict[Place, AnyRun]:
    """Every finished run of a folder, by its place in a table or in a plan.

    Raises:
        DataError: One is damaged, or two have one place.
    """
    folders: dict[Place, Path] = {}
    runs = {}
    for folder in sorted(out.glob("runs/*")):
        if (run := read_run(folder, kind)) is None:
            continue
        if (other := folders.setdefault(place(run), folder)) != folder:
            raise DataError(
                f"expected one run of {run.dataset}, {run.recipe.name}, epsilon {run.epsilon:g}, seed {run.seed}, got "
                f"{other.name} and {folder.name}; move one away"
            )
        runs[place(run)] = run
    return runs


def keep_run(folder: Path, run: Run) -> None:
    """Write `run.json`, which says that the run has ended, and remove what was kept to resume it.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    write_document(folder / "run.json", run)
    remove_all([folder / "training.safetensors"])


def train_and_measure(
    spec: RunSpec,
    data: RunData,
    *,
    passes: Callable[[Dataset, Dataset, PaperNetwork], Iterable[Pass]],
    followed: int,
    hardware: Hardware,
    folder: Path,
    progress: RunProgress,
) -> tuple[Dataset, TrainingResult, Mapping[tuple[str, str], Columns]]:
    """Train a classifier, resuming where an earlier call was stopped, and write its predictions to `rows.parquet`.

    Args:
        spec: What is trained.
        data: The images of its dataset.
        passes: From the training images, the validation images and the network to the passes that measure it.
        followed: On how many validation images, at most, accuracy along training is measured; on all of them where the
            recipe chooses its epoch by it.
        hardware: Where it is trained.
        folder: Where it is kept.
        progress: Called along the way.

    Returns:
        The images that it was trained on, what training gave, and the columns of its rows by split and transform.

    Raises:
        InputError: Training diverges, or the recipe does not fit the data.
        OutputError: `folder` cannot be written or the disk is full.
    """
    training, validation = split_training(data.train, spec.recipe, seed=spec.seed, fast=spec.fast)
    result = train(
        spec.recipe,
        training,
        validation=few_of(validation, followed) if spec.recipe.selection == "last" else validation,
        epsilon=spec.epsilon,
        seed=spec.seed,
        hardware=hardware,
        folder=folder,
        progress=progress,
    )
    measured = passes(training, validation, result.network)
    columns = measure_passes(spec, result.network, measured, hardware=hardware, folder=folder, progress=progress)
    return training, result, columns


def measure_passes(
    spec: RunSpec,
    network: nn.Module,
    passes: Iterable[Pass],
    *,
    hardware: Hardware,
    folder: Path,
    progress: RunProgress,
) -> Mapping[tuple[str, str], Columns]:
    """Write a trained network's predictions to `rows.parquet`; their columns by split and transform.

    Leaves the network in evaluation mode, its parameters closed to gradients.

    Raises:
        OutputError: `folder` cannot be written or the disk is full.
    """
    freeze(network)

    def rows(measured: Pass) -> pa.Table:
        images, transform = measured.images, measured.batch_transform
        progress(f"{images.split}, {measured.transform}")
        assert isinstance(images.images, np.ndarray), "load_run_data checked it"
        columns = row_columns(
            predict(network, images.images, images.labels, device=hardware.device, batch_transform=transform),
            labels=images.labels,
            samples=images.samples,
            hashes=hash_samples(images.images),
            tracks=images.tracks,
        )
        return make_rows(RowKey(images.spec, images.split, spec.classifier, measured.transform, spec.seed), columns)

    write_rows(folder / "rows.parquet", map(rows, passes))
    return columns_by_pass(read_rows(folder / "rows.parquet"))


def negatives_of(images: Dataset, data: RunData) -> Pass:
    """The pass over the negatives of some images, taken before the preparation where the data have such."""
    negated = data.negated_test if images.split == "test" else data.negated_train
    if negated is None:
        return Pass(images, "negative", lambda batch, labels: negative(batch))
    return Pass(same_samples(negated, images), "negative")


def same_samples(dataset: Dataset, images: Dataset) -> Dataset:
    """Those of a dataset that are the same samples as some images."""
    return dataset.take(np.searchsorted(dataset.samples, images.samples), split=images.split)
