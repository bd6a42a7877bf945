"""The images that a classifier of the paper is trained on and measured with."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from negatoscope.data import DATASETS, Dataset, load_dataset
from negatoscope.data.split import split_validation
from negatoscope.errors import InputError
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import derive_seed
from negatoscope.training.train import expect_images


@dataclass(frozen=True)
class RunData:
    """The images of one dataset.

    Args:
        train: For training and validation.
        test: For the end.
        negated_train: The negatives of `train`, where the recipe takes them before the preparation.
        negated_test: The negatives of `test`, likewise.
        also_negated: The negatives of `train` before the preparation, where they are measured beside the recipe's.
    """

    train: Dataset
    test: Dataset
    negated_train: Dataset | None = None
    negated_test: Dataset | None = None
    also_negated: Dataset | None = None

    @property
    def datasets(self) -> list[Dataset]:
        """Those that provenance must name."""
        return [self.train] if self.negated_train is None else [self.train, self.negated_train]


def load_run_data(
    recipe: Recipe, *, data_dir: Path | None, fast: bool = False, both_negatives: bool = False
) -> RunData:
    """The images that a recipe is about, with `both_negatives` also the negatives before a preparation.

    Raises:
        DataError: They are not at hand or damaged.
        InputError: They are not square or of varying size, the recipe does not fit them, or it has negatives taken
            before a preparation that the dataset does not have.
    """

    def load(spec: str, split: str) -> Dataset:
        return load_split(spec, split, data_dir=data_dir, fast=fast)

    before = recipe.negatives == "before"
    negated = _negated_spec(recipe.data) if before or both_negatives else None
    if before and not negated:
        raise InputError(f"expected negatives 'after' for {recipe.data}, which has no preparation, got 'before'")
    data = RunData(load(recipe.data, "train"), load(recipe.data, "test"))
    expect_images(*split_training(data.train, recipe, seed=0, fast=fast), recipe)
    shape, other = np.shape(data.train.images)[1:], np.shape(data.test.images)[1:]
    if shape != other:
        raise InputError(
            f"expected images of one size in {data.train.spec}, got {shape} to train on, {other} to test with"
        )
    if not negated:
        return data
    if not before:
        return replace(data, also_negated=load(negated, "train"))
    return replace(data, negated_train=load(negated, "train"), negated_test=load(negated, "test"))


def _negated_spec(data: str) -> str | None:
    """The spec of the negatives that are taken before a dataset's preparation; None where it has none."""
    if data.startswith("folder:"):
        return None
    spec = DATASETS.resolve(data)[0]
    if spec.arguments.get("prepare") != "paper":
        return None
    return str(replace(spec, arguments={**spec.arguments, "negated": True}))


def load_split(spec: str, split: str, *, data_dir: Path | None, fast: bool) -> Dataset:
    """One split of a dataset in one array; for a smoke run a few of its images, always the same ones.

    Raises:
        DataError: It is not at hand or damaged.
        InputError: Its images are of varying size.
    """
    dataset = load_dataset(spec, split=split, data_dir=data_dir)
    if not isinstance(dataset.images, np.ndarray):
        raise InputError(f"expected images of one size, got {spec}; prepare them, as in gtsrb(prepare='paper')")
    return few_of(dataset, 2000 if split == "train" else 500) if fast else dataset


def validation_size(dataset: Dataset, recipe: Recipe, *, fast: bool) -> int:
    """How many of the training images are held out: the recipe's number, in a smoke run a fifth at most."""
    return min(recipe.validation_size, len(dataset) // 5) if fast else recipe.validation_size


def split_training(dataset: Dataset, recipe: Recipe, *, seed: int, fast: bool) -> tuple[Dataset, Dataset]:
    """What `load_split` gave for training, cut into the images that a classifier of that seed trains on and the others.

    Raises:
        InputError: `split_validation` cannot cut it so.
    """
    size = validation_size(dataset, recipe, fast=fast)
    return split_validation(dataset, method=recipe.split, size=size, seed=derive_seed(seed, "split"))


def few_of(dataset: Dataset, count: int) -> Dataset:
    """As many images of a dataset, always the same ones; all where there are no more."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(dataset))[:count])
    return dataset.take(chosen, split=dataset.split)
