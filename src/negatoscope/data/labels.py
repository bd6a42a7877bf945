"""Images whose labels are class indices out of somebody's file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from negatoscope.data.base import Dataset, SourceFile
from negatoscope.data.containers import Container, LazyImages, printable
from negatoscope.errors import DataError, expect, shown
from negatoscope.stores import AnyPath
from negatoscope.types import TrackArray

MAX_CLASSES = 32_768
"""Rows keep a label in 16 bits."""

_NUMBER = re.compile(r"(\d{1,9})(\.0+)?")  # tables with gaps hold floats


def number_classes(
    labels: Iterable[str], class_names: Sequence[str] = (), *, source: str
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Which class each label is, and what the classes are called.

    Labels are names of classes or, where all are whole numbers that are no names, their indices. Where no names are
    given, classes are called as the labels are, in the order of text, or by their numbers.

    Args:
        labels: The labels, with repetitions; "" is none.
        class_names: All classes in order, where they are known.
        source: What an error calls the labels' source.

    Raises:
        DataError: A label is no class, there are no labels, or too many classes.
    """
    given = sorted({label for label in labels if label})
    expect(given, f"labels in {source}", "none", DataError)
    numbers = {label: int(found[1]) for label in given if (found := _NUMBER.fullmatch(label))}
    if len(numbers) < len(given) or set(given) <= set(class_names):
        names = tuple(class_names or given)
        numbers = {name: index for index, name in enumerate(names)}
        stranger = next((label for label in given if label not in numbers), None)
        classes = shown(", ".join(names))
        expect(stranger is None, f"labels in {source} among its classes {classes}", repr(stranger), DataError)
    else:
        names = tuple(class_names) or tuple(map(str, range(min(max(numbers.values()), MAX_CLASSES) + 1)))
    last = min(len(names), MAX_CLASSES) - 1
    highest = max(numbers[label] for label in given)
    expect(highest <= last, f"labels from 0 to {last} in {source}", f"{highest}; correct them", DataError)
    return numbers, names


def number_objects(objects: Sequence[str]) -> TrackArray | None:
    """Which object each image shows, numbered from 0; None where no two images show the same.

    Args:
        objects: What names the object of each image; "" is one of its own.
    """
    names = [name or ("", place) for place, name in enumerate(objects)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names]) if len(numbers) < len(names) else None


def named_column(name: str, columns: Sequence[str], of_kind: Sequence[str]) -> str:
    """The column of that name, else the only one of its kind: what is called a label is one, whatever else is there."""
    return of_kind[0] if name not in columns and len(of_kind) == 1 else name


def classes_of(
    labels: Shaped[np.ndarray, " n"], class_names: Sequence[str] = (), *, source: str | AnyPath
) -> tuple[str, ...]:
    """What the classes that whole numbers stand for are called: by these numbers, where the source names none.

    Raises:
        DataError: A label is no class.
    """
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    last = (len(class_names) or MAX_CLASSES) - 1
    got = f"{low if low < 0 else high}; correct them"
    expect(low >= 0 and high <= last, f"labels from 0 to {last} in {source}", got, DataError)
    return tuple(class_names) or tuple(map(str, range(high + 1)))


def labeled(
    container: Container,
    labels: Shaped[np.ndarray, " n"],
    *,
    path: str | AnyPath,
    split: str,
    files: Sequence[AnyPath],
    class_names: Sequence[str] = (),
    positions: Sequence[int] | None = None,
) -> Dataset:
    """The dataset that images and their labels make; a class is called by its number where the source names none.

    Raises:
        DataError: There are no images, the labels are no whole numbers, or one of them is no class.
    """
    if labels.dtype.kind not in "iu":
        raise DataError(f"expected whole numbers as labels in {path}, got {labels.dtype}; number the classes from 0")
    if len(labels) == 0:
        raise DataError(f"expected images in {path}, found none")
    class_names = classes_of(labels, class_names, source=path)
    samples = np.arange(len(labels))
    images = LazyImages(container, samples if positions is None else np.array(positions, dtype=np.int64))
    return Dataset(
        spec=printable(Path(str(path)).name),
        split=split,
        images=images,
        labels=labels.astype(np.int64),
        class_names=class_names,
        samples=samples,
        files=tuple(map(SourceFile.of_user, files)),
        names=tuple(printable(container.names[position]) for position in images.positions),
    )
