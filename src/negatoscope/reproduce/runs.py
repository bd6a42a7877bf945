"""One classifier of Table I: trained, measured image by image, and kept so that it is never made twice."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from negatoscope.attacks.gradient import fgsm, pgd
from negatoscope.data import DATASETS, Dataset, load_dataset
from negatoscope.data.split import split_validation
from negatoscope.errors import DataError, InputError
from negatoscope.files import write_whole
from negatoscope.hardware import Hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.predict import BatchTransform, predict
from negatoscope.models.trained import save_network
from negatoscope.reproduce.measure import measure
from negatoscope.reproduce.paper import EPSILONS
from negatoscope.reproduce.table1_summary import summarize
from negatoscope.rows import RowKey, hash_samples, make_rows, read_rows, write_rows
from negatoscope.training.loop import TrainingProgress, expect_images, freeze, train
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import derive_seed
from negatoscope.transforms.tone import negative

ATTACKED = 1000
"""How many test images FGSM and PGD are run on."""

PGD_STEPS = 20

Observe = Callable[[TrainingProgress | str], None]
"""Called with where training stands, then with the name of each pass that measures."""


@dataclass(frozen=True)
class Cell:
    """A classifier to be: what it is trained on, how, and from which seed.

    Args:
        dataset: The name that the table has for it.
        epsilon: 0 for the plain DNN.
        seed: Any whole number.
        recipe: Everything that the paper does not say.
        fast: Whether to use a few hundred images only, to see that everything runs.
    """

    dataset: str
    epsilon: float
    seed: int
    recipe: Recipe
    fast: bool = False

    @property
    def attack_epsilons(self) -> tuple[float, ...]:
        """What it is attacked with: its own epsilon, or for the plain DNN every one of the paper's."""
        return (self.epsilon,) if self.epsilon else EPSILONS[1:]

    @property
    def classifier(self) -> str:
        """How its rows call it."""
        return f"paper_network(recipe={self.recipe.name!r}, epsilon={self.epsilon!r})"


@dataclass(frozen=True)
class CellData:
    """The images of one dataset, and where negatives are taken before the preparation, their negatives."""

    train: Dataset
    test: Dataset
    negated_train: Dataset | None = None
    negated_test: Dataset | None = None

    @cached_property
    def datasets(self) -> list[Dataset]:
        """Those that provenance must name."""
        return [self.train] if self.negated_train is None else [self.train, self.negated_train]


def load_cell_data(recipe: Recipe, *, data_dir: Path | None, fast: bool = False) -> CellData:
    """The images that a recipe is about.

    Raises:
        DataError: They are not at hand or damaged.
        InputError: They are not square or of varying size, the recipe does not fit them, or it wants negatives before a
            preparation that the dataset has not.
    """

    def load(spec: str, split: str) -> Dataset:
        return load_split(spec, split, data_dir=data_dir, fast=fast)

    data = CellData(load(recipe.data, "train"), load(recipe.data, "test"))
    expect_images(*split_training(data.train, recipe, seed=0, fast=fast), recipe)
    shape, other = np.shape(data.train.images)[1:], np.shape(data.test.images)[1:]
    if shape != other:
        raise InputError(
            f"expected images of one size in {data.train.spec}, got {shape} to train on, {other} to test with"
        )
    if recipe.negatives == "after":
        return data
    spec = _negated(recipe.data)
    return replace(data, negated_train=load(spec, "train"), negated_test=load(spec, "test"))


def load_split(spec: str, split: str, *, data_dir: Path | None, fast: bool) -> Dataset:
    """One split of a dataset in one array; of a smoke run a few of its images, the same ones always.

    Raises:
        DataError: It is not at hand or damaged.
        InputError: Its images are of varying size.
    """
    dataset = load_dataset(spec, split=split, data_dir=data_dir)
    if not isinstance(dataset.images, np.ndarray):
        raise InputError(f"expected images of one size, got {spec}; prepare them, as in gtsrb(prepare='paper')")
    return few_of(dataset, 2000 if split == "train" else 500) if fast else dataset


def split_training(dataset: Dataset, recipe: Recipe, *, seed: int, fast: bool) -> tuple[Dataset, Dataset]:
    """What `load_split` gave for training, cut into the images that a classifier of that seed trains on and the others.

    Raises:
        InputError: `split_validation` cannot cut it so.
    """
    size = min(recipe.validation_size, len(dataset) // 5) if fast else recipe.validation_size
    return split_validation(dataset, method=recipe.split, size=size, seed=derive_seed(seed, "split"))


def _negated(text: str) -> str:
    spec = DATASETS.resolve(text)[0]
    if spec.arguments.get("prepare", "none") == "none":
        raise InputError(f"expected negatives 'after' for {text}, which has no preparation, got 'before'")
    return str(replace(spec, arguments={**spec.arguments, "negated": True}))


def few_of(dataset: Dataset, count: int) -> Dataset:
    """As many images of a dataset, the same ones always; all where there are no more."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(dataset))[:count])
    return dataset.take(chosen, split=dataset.split)


def cells_digest(recipe: Recipe, data: CellData, *, hardware: Hardware, fast: bool) -> str:
    """Eight hex digits that differ when anything differs that decides the numbers of all of a dataset's cells."""
    decisive = [recipe.digest, fast, hardware.precision, hardware.device.type]
    decisive += [dataset.fingerprint for dataset in (*data.datasets, data.test)]
    return sha256(repr(decisive).encode()).hexdigest()[:8]


def cell_folder(cell: Cell, data: CellData, *, hardware: Hardware, out: Path) -> Path:
    """Where a cell is kept: never where one with another recipe, other data or another precision is."""
    digest = cells_digest(cell.recipe, data, hardware=hardware, fast=cell.fast)
    name = re.sub(r"\W+", "_", cell.dataset).strip("_")
    return out / "cells" / f"{name}-epsilon{cell.epsilon:g}-seed{cell.seed}-{digest}"


def read_cell(folder: Path) -> dict[str, Any] | None:
    """What `run_cell` wrote there, or None where it has not ended.

    Raises:
        DataError: The file is damaged.
    """
    return finished(folder, lambda cell: [summarize([cell]), *map(cell.__getitem__, _NEEDED)])


_NEEDED = ("seed", "attacks", "epochs", "weights_sha256")


def finished(folder: Path, check: Callable[[dict[str, Any]], object]) -> dict[str, Any] | None:
    """What `cell.json` in a folder holds, or None where it is not there.

    Args:
        folder: Where a classifier is kept.
        check: Uses what it must hold.

    Raises:
        DataError: The file is damaged: it is no JSON, or `check` fails on it.
    """
    file = folder / "cell.json"
    if not file.is_file():
        return None
    try:
        document = dict(json.loads(file.read_text(encoding="utf-8")))
        check(document)
    except (OSError, ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise DataError(f"expected a finished cell in {file}, got a damaged file; delete its folder") from error
    return document


def run_cell(cell: Cell, data: CellData, *, hardware: Hardware, folder: Path, observe: Observe) -> dict[str, Any]:
    """Train and measure one classifier, going on where an earlier call was stopped.

    Leaves `weights.safetensors`, `rows.parquet` and, last, `cell.json` in `folder`.

    Raises:
        InputError: Training diverges, or the recipe does not fit the data.
        OutputError: `folder` cannot be written or the disk is full.
    """
    training, validation = split_training(data.train, cell.recipe, seed=cell.seed, fast=cell.fast)
    trained = train(
        cell.recipe,
        training,
        validation=validation,
        epsilon=cell.epsilon,
        seed=cell.seed,
        hardware=hardware,
        folder=folder,
        observe=observe,
    )
    freeze(trained.network)
    network = trained.network
    passes = _passes(cell, data, training, validation, network, hardware)
    write_rows(folder / "rows.parquet", (_observed(name, table, observe) for name, table in passes))
    facts = {
        "data": training.spec,
        "class_names": training.class_names,
        "recipe": cell.recipe.to_dict(),
        "epsilon": cell.epsilon,
        "seed": cell.seed,
    }
    document = {
        "dataset": cell.dataset,
        "epsilon": cell.epsilon,
        "seed": cell.seed,
        "recipe": cell.recipe.name,
        **measure(read_rows(folder / "rows.parquet"), classes=len(training.class_names)),
        "epochs": [vars(epoch) for epoch in trained.history],
        "seconds": round(trained.seconds, 1),
        "weights_sha256": save_network(folder / "weights.safetensors", trained.network, facts=facts),
    }
    write_whole(folder / "cell.json", (json.dumps(document, indent=1) + "\n").encode())
    (folder / "training.safetensors").unlink(missing_ok=True)
    return document


def _observed(name: str, table: Callable[[], pa.Table], observe: Observe) -> pa.Table:
    observe(name)
    return table()


def _passes(
    cell: Cell, data: CellData, training: Dataset, validation: Dataset, network: PaperNetwork, hardware: Hardware
) -> Iterator[tuple[str, Callable[[], pa.Table]]]:
    """Each pass over images by name, to be run when it is called."""

    def one(
        images: Dataset, transform: str, batch_transform: BatchTransform | None = None
    ) -> tuple[str, Callable[[], pa.Table]]:
        name = f"{images.split}, {transform}"
        return name, lambda: rows_of(cell, images, transform, batch_transform, network, hardware)

    yield one(training, "clean")
    yield one(validation, "clean")
    yield one(data.test, "clean")
    if data.negated_train is None or data.negated_test is None:
        yield one(training, "negative", lambda images, labels: negative(images))
        yield one(data.test, "negative", lambda images, labels: negative(images))
    else:
        chosen = np.searchsorted(data.negated_train.samples, training.samples)
        yield one(data.negated_train.take(chosen, split="train"), "negative")
        yield one(data.negated_test, "negative")
    attacked = few_of(data.test, 100 if cell.fast else ATTACKED)
    for epsilon in cell.attack_epsilons:
        yield one(attacked, f"fgsm(epsilon={epsilon})", _fgsm(network, epsilon))
        yield one(attacked, f"pgd(epsilon={epsilon}, steps={PGD_STEPS})", _pgd(network, epsilon, cell.seed))


def _fgsm(network: PaperNetwork, epsilon: float) -> BatchTransform:
    return lambda images, labels: fgsm(network, images, labels, epsilon=epsilon).images


def _pgd(network: PaperNetwork, epsilon: float, seed: int) -> BatchTransform:
    return lambda images, labels: pgd(network, images, labels, epsilon=epsilon, steps=PGD_STEPS, seed=seed).images


def rows_of(
    cell: Cell,
    images: Dataset,
    transform: str,
    batch_transform: BatchTransform | None,
    network: PaperNetwork,
    hardware: Hardware,
) -> pa.Table:
    """What a cell's network says of images after `change`, which `transform` names."""
    assert isinstance(images.images, np.ndarray), "load_cell_data checked it"
    found = predict(network, images.images, images.labels, device=hardware.device, batch_transform=batch_transform)
    key = RowKey(images.spec, images.split, cell.classifier, transform, cell.seed)
    columns = {
        "sample": images.samples,
        "sample_hash": hash_samples(images.images),
        "track": images.tracks,
        "label": images.labels,
        "prediction": found.predictions,
        "confidence": found.confidences,
        "label_confidence": found.label_confidences,
        "label_rank": found.label_ranks,
    }
    return make_rows(key, columns)
