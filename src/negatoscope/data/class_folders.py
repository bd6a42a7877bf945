"""One folder a class: images and labels from paths, in a folder as in an archive."""

from collections.abc import Callable, Sequence, Set
from pathlib import PurePosixPath
from typing import TypeAlias

import numpy as np

from negatoscope.data.base import Dataset, LeftOut
from negatoscope.data.containers import Container, LazyImages, printable
from negatoscope.errors import DataError, UndividedError, expect
from negatoscope.stores import AnyPath

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp", ".dcm")
"""Files with other suffixes are no images and are passed over, unless they are DICOM files without a suffix."""

SPLITS = ("train", "test", "validation")
SPLIT_NAMES = {**dict(zip(SPLITS, SPLITS, strict=True)), "val": "validation"}
"""What folders, arrays, files and users call each split."""

Opener: TypeAlias = Callable[..., Dataset]
"""Finds images and labels in a container, as `open_class_folders` does."""


def open_class_folders(
    container: Container, path: AnyPath, split: str, *, wrapped: bool = False, ordered: bool = True
) -> Dataset:
    """The images of a split, each named by its path from the folder of the split.

    They lie in ``SPLIT/CLASS``, or in ``CLASS`` if they are for test only; a class may hold more folders. Names that
    begin with a dot are passed over, and what macOS adds to archives.

    Args:
        container: What all entries are in. Its names are paths separated by "/"; those of folders end in "/".
        path: Where the container is.
        split: "train", "test" or "validation", whose folder may be called "val".
        wrapped: Whether a single folder around everything is taken off.
        ordered: Whether to sort by class and name; otherwise the images keep the order of their entries.

    Raises:
        DataError: There are no images of the split.
        UndividedError: There are no splits, and `split` is not "test".
    """
    entries = ["" if entry.startswith((".", "__MACOSX/")) or "/." in entry else entry for entry in container.names]
    top = _wrapper(entries) if wrapped else ""
    parts = [part for part in SPLIT_NAMES if _folders(entries, f"{top}{part}/")]
    named = [part for part in parts if SPLIT_NAMES[part] == split]
    expect(
        len(named) < 2, f"one folder for the split {split} in {path}", f"{' and '.join(named)}; join them", DataError
    )
    divided = bool(parts)
    splits = list(dict.fromkeys(SPLIT_NAMES[part] for part in parts))
    if divided and not named:
        got = f"the split{'s' * (len(splits) > 1)} {', '.join(splits)}; name one, as in {printable(path.name)}"
        raise DataError(f"expected images of the split {split} in {path}, got {got}:{splits[0]}")
    home = f"{top}{named[0]}/" if named else top
    if not divided and split != "test":
        word = {"train": "training"}.get(split, split)
        raise UndividedError(
            f"expected {word} images in {path}/{split}/CLASS, found no such folder; divide {path} into splits"
        )
    homes = [f"{top}{part}/" for part in parts] if divided else [top]
    class_names = sorted(set().union(*(_folders(entries, place) for place in homes)))
    labels = {name: label for label, name in enumerate(class_names)}
    images = [
        (labels[name.partition("/")[0]], name, position)
        for position, entry in enumerate(entries)
        if entry.startswith(home) and _is_image(name := entry.removeprefix(home))
    ]
    names = (entry.removeprefix(home) for entry in entries if entry.startswith(home))
    left_out = passed_over([name for name in names if name and not name.endswith("/") and not _is_image(name)])
    if not images:
        place, others = f"{path}/{home}CLASS", f" (passed over: {', '.join(map(str, left_out))})" if left_out else ""
        raise DataError(
            f"expected images ({', '.join(SUFFIXES)}) in {place}, found none{others}; put each class in a folder"
        )
    if ordered:
        images.sort()
    positions = np.array([position for _, _, position in images], dtype=np.int64)
    return Dataset(
        spec=printable(path.name),
        split=split,
        images=LazyImages(container, positions),
        labels=np.array([label for label, _, _ in images], dtype=np.int64),
        class_names=tuple(map(printable, class_names)),
        samples=np.arange(len(images)),
        names=tuple(printable(name) for _, name, _ in images),
        left_out=left_out,
    )


def passed_over(names: Sequence[str]) -> tuple[LeftOut, ...]:
    """Files that are no images with a class, by the ends of their names."""
    others: dict[str, list[str]] = {}
    for name in names:
        suffix = printable(PurePosixPath(name).suffix.lower()[:20])
        kind = f"ending in {suffix}" if suffix else "without an ending"
        others.setdefault("outside class folders" if suffix in SUFFIXES else kind, []).append(name)
    return tuple(LeftOut.of("file", why, members) for why, members in sorted(others.items()))


def has_dicom_suffix(name: str) -> bool:
    """Whether a file says that it is DICOM."""
    return name.lower().endswith(".dcm")


def has_no_suffix(name: str) -> bool:
    """Whether a file may be anything, as many DICOM files: nothing is behind a dot, or numbers as in "1.2.840.1"."""
    suffix = PurePosixPath(name).suffix
    return not suffix or suffix[1:].isdigit()


def _is_image(name: str) -> bool:
    return "/" in name and not name.endswith("/") and (name.lower().endswith(SUFFIXES) or has_no_suffix(name))


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
        if name in SPLIT_NAMES or any(
            entry.startswith(deeper) and entry.lower().endswith(SUFFIXES) and "/" not in entry.removeprefix(deeper)
            for entry in entries
        ):
            break
        if not _folders(entries, deeper):
            break
        top = deeper
    return top
