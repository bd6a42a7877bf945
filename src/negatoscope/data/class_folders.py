"""One folder a class: images and labels from paths, in a folder as in an archive."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from negatoscope.data.containers import printable
from negatoscope.errors import DataError
from negatoscope.types import IndexArray, LabelArray

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Files with other suffixes are no images and are passed over."""

SPLITS = ("train", "test", "validation")


@dataclass(frozen=True)
class ClassFolders:
    """The images of one split.

    Args:
        class_names: Of all splits, sorted as text.
        names: Each image's path from the folder of the split.
        positions: Where its entry stands.
        labels: Its class.
    """

    class_names: tuple[str, ...]
    names: tuple[str, ...]
    positions: IndexArray
    labels: LabelArray


def arrange(
    entries: Sequence[str], *, split: str, where: str, wrapped: bool = False, ordered: bool = True
) -> ClassFolders:
    """Find the images of a split and their classes.

    They lie in ``SPLIT/CLASS``, or in ``CLASS`` if they are for test only; a class may hold more folders. Names that
    begin with a dot are passed over, and what macOS adds to archives.

    Args:
        entries: Paths separated by "/"; those of folders end in "/".
        split: "train", "test" or "validation".
        where: How an error calls it all.
        wrapped: Whether a single folder around everything is taken off.
        ordered: Whether to sort by class and name; otherwise the images keep the order of their entries.

    Raises:
        DataError: There are no images of the split.
    """
    entries = ["" if _is_hidden(entry) else entry for entry in entries]
    top = _wrapper(entries) if wrapped else ""
    divided = any(_folders(entries, f"{top}{part}/") for part in SPLITS)
    home = f"{top}{split}/" if divided else top
    if not divided and split != "test":
        word = {"train": "training"}.get(split, split)
        raise DataError(
            f"expected {word} images in {where}/{split}/CLASS, found no such folder; divide {where} into splits"
        )
    homes = [f"{top}{part}/" for part in SPLITS] if divided else [top]
    class_names = sorted(set().union(*(_folders(entries, place) for place in homes)))
    labels = {name: label for label, name in enumerate(class_names)}
    found = [
        (labels[name.partition("/")[0]], name, position)
        for position, entry in enumerate(entries)
        if entry.startswith(home) and _is_image(name := entry.removeprefix(home))
    ]
    if not found:
        place = f"{where}/{home}CLASS"
        raise DataError(f"expected images ({', '.join(SUFFIXES)}) in {place}, found none; put each class in a folder")
    found = sorted(found) if ordered else found
    return ClassFolders(
        tuple(printable(name) for name in class_names),
        tuple(printable(name) for _, name, _ in found),
        np.array([position for _, _, position in found], dtype=np.int64),
        np.array([label for label, _, _ in found], dtype=np.int64),
    )


def _is_hidden(entry: str) -> bool:
    return entry.startswith((".", "__MACOSX/")) or "/." in entry


def _is_image(name: str) -> bool:
    return "/" in name and name.lower().endswith(SUFFIXES)


def _folders(entries: Sequence[str], home: str) -> Set[str]:
    """The names of the folders right inside `home`."""
    inside = (entry.removeprefix(home) for entry in entries if entry.startswith(home))
    return {name.partition("/")[0] for name in inside if "/" in name}


def _wrapper(entries: Sequence[str]) -> str:
    """The folder, or folders in one another, around everything: "" where there is none."""
    top = ""
    while len(inside := _folders(entries, top)) == 1:
        (name,) = inside
        deeper = f"{top}{name}/"
        if name in SPLITS or any(
            entry.startswith(deeper) and _is_image(entry.removeprefix(top)) and "/" not in entry.removeprefix(deeper)
            for entry in entries
        ):
            break
        if not _folders(entries, deeper):
            break
        top = deeper
    return top
