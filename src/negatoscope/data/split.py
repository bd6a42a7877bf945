"""How validation images are cut out of the training set, and a sample out of any set."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Int

from negatoscope.data.base import Dataset
from negatoscope.errors import InputError, expect
from negatoscope.types import IndexArray, LabelArray

Split = Literal["last", "random", "track", "stratified"]


def split_validation(dataset: Dataset, *, method: Split, size: int, seed: int = 0) -> tuple[Dataset, Dataset]:
    """The training and the validation images, both in their original order.

    Args:
        dataset: A training set.
        method: "last": the last `size` images. "random": `size` images at random. "stratified": of each class the same
            share, `size` in all but for rounding. "track": the same as whole tracks, so that no physical object stands
            on both sides; at least one track of each class.
        size: How many images validate.
        seed: Of the choice.

    Raises:
        InputError: The choice leaves nothing to train on, `method` is another word, "track" is asked of a dataset
            without tracks, or `seed` is negative.
    """
    n = len(dataset)
    if not 0 < size < n:
        raise InputError(f"expected a validation_size from 1 to {n - 1} for {dataset.spec}, got {size}")
    expect(seed >= 0, "a seed of at least 0", seed)
    expect(method in get_args(Split), f"a method of {', '.join(get_args(Split))}", f"{method!r}; name one of them")
    generator = np.random.default_rng(seed)
    match method:
        case "last":
            chosen = np.arange(n - size, n)
        case "random":
            chosen = generator.permutation(n)[:size]
        case "stratified":
            chosen = _of_each_class(dataset.labels, np.arange(n), size / n, generator)
        case "track":
            if dataset.tracks is None:
                raise InputError(f"expected a dataset with tracks for split 'track', got {dataset.spec}")
            tracks, firsts = np.unique(dataset.tracks, return_index=True)
            held = _of_each_class(dataset.labels[firsts], tracks, size / n, generator)
            chosen = np.flatnonzero(np.isin(dataset.tracks, held))
    validates = np.zeros(n, dtype=bool)
    validates[chosen] = True
    if validates.all():
        raise InputError(f"expected images left to train on for split {method!r} of {dataset.spec}; use another split")
    return (
        dataset.take(np.flatnonzero(~validates), split="train"),
        dataset.take(np.flatnonzero(validates), split="validation"),
    )


def stratified_sample(labels: LabelArray, *, limit: int, seed: int) -> Int[np.ndarray, " chosen"]:
    """The positions of at most `limit` images, ascending, of each class as near to its share as whole images allow.

    What rounding leaves goes to the classes with the largest remainders, and by lot among equal ones.

    Args:
        labels: The class of each image.
        limit: How many; all where there are no more.
        seed: Of the choice.

    Raises:
        InputError: `limit` is below 1 or `seed` is negative.
    """
    if limit < 1 or seed < 0:
        raise InputError(f"expected --limit of at least 1 and --seed of at least 0, got {limit} and {seed}")
    if limit >= len(labels):
        return np.arange(len(labels))
    generator = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    counts, remainders = np.divmod(sizes * limit, len(labels))
    order = np.lexsort((generator.random(len(classes)), -remainders))
    counts[order[: limit - counts.sum()]] += 1
    groups = (generator.permutation(np.flatnonzero(labels == label)) for label in classes)
    return np.sort(np.concatenate([group[:count] for group, count in zip(groups, counts, strict=True)]))


def _of_each_class(
    labels: IndexArray, members: IndexArray, share: float, generator: np.random.Generator
) -> Int[np.ndarray, " chosen"]:
    chosen: list[IndexArray] = []
    for label in np.unique(labels):
        group = generator.permutation(members[labels == label])
        chosen.append(group[: max(1, round(share * len(group)))])
    return np.concatenate(chosen)
