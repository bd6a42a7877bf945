"""A user's own images: one folder a class."""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from negatoscope.data import DataLocator, Dataset, SourceFile, register_dataset
from negatoscope.data.class_folders import Opener, open_class_folders
from negatoscope.data.containers import FolderFiles, LazyImages, StoreFiles, opening, printable
from negatoscope.data.dicom import with_dicom
from negatoscope.data.prepare import prepared
from negatoscope.errors import DataError
from negatoscope.pixels import DECODING
from negatoscope.stores import StorePath, path_of


@register_dataset
def folder(locator: DataLocator, split: str, *, path: str) -> Dataset:
    """Your own images, in folders named after their classes.

    They lie in ``PATH/train/CLASS`` and ``PATH/test/CLASS``, or in ``PATH/CLASS`` if they are for test only; a class
    may hold more folders. Classes are the names of their folders over all splits, sorted as text. Images of one size
    and mode come as one array, others at their own size. The spec is "folder:NAME" with the last part of the path, and
    one digest of all names and bytes stands for the files.

    Args:
        locator: Not used: the path alone says where the images are.
        split: "train" or "test". A folder that is not divided is for test: nobody should train on what they test.
        path: The folder, absolute or from the current one; "~" is the user's.

    Raises:
        DataError: There is no such folder, it holds no images of the split, or one of them cannot be read.
    """
    opened = open_folder(path, split)
    images = opened.images
    assert isinstance(images, LazyImages), "open_folder gives them"
    digest = sha256()
    for index, name in enumerate(opened.names):
        digest.update(repr((name, sha256(images.read(index)).hexdigest())).encode())
    key = {"dataset": "folder", "sha256": digest.hexdigest(), "decoding": DECODING}
    arrays = prepared(key, lambda: _decoded(images))
    file = SourceFile(opened.spec.removeprefix("folder:"), digest.hexdigest(), official=None)
    return replace(opened, images=arrays.get("images", images), files=(file,))


def open_folder(path: str, split: str, opener: Opener = open_class_folders) -> Dataset:
    """The same without a look into the files: every image is decoded on access, at its own size.

    One digest of all names and sizes stands for the files, so that none has to be read twice.

    Raises:
        DataError: There is no such folder, or it holds no images of the split.
    """
    top = path_of(path)
    if not path or not top.is_dir():
        raise DataError(f"expected folder:PATH with a folder of images, got {path!r}, no folder; correct it")
    if isinstance(top, Path) and top.resolve() == top.resolve().parent:
        raise DataError(
            f"expected folder:PATH with a folder of images, got {path!r}, a whole file system; name a folder in it"
        )
    with opening(top, "a folder"):
        sizes = top.entries() if isinstance(top, StorePath) else dict(_entries(top))
    container = StoreFiles(top, sizes) if isinstance(top, StorePath) else FolderFiles(top, list(sizes))
    dataset = opener(container, top, split)
    assert isinstance(dataset.images, LazyImages), "openers give them"
    digest = sha256()
    for name, position in zip(dataset.names, dataset.images.positions, strict=True):
        digest.update(repr((name, sizes[container.names[position]])).encode())
    name = printable(top.resolve().name)
    file = SourceFile(f"{name} (names and sizes)", digest.hexdigest(), official=None)
    return with_dicom(replace(dataset, spec=f"folder:{name}", files=(file,)))


def _entries(top: Path) -> Iterator[tuple[str, int]]:
    """The path and size of every file and folder from `top`; those of folders end in "/", and links are followed."""
    waiting = [(top, "", frozenset({_identity(top.stat())}))]
    while waiting:
        place, prefix, above = waiting.pop()
        for entry in sorted(place.iterdir()):
            try:
                facts = entry.stat()
            except FileNotFoundError:  # a link that leads nowhere is reported when it is read
                yield f"{prefix}{entry.name}", 0
                continue
            if stat.S_ISREG(facts.st_mode):
                yield f"{prefix}{entry.name}", facts.st_size
            elif stat.S_ISDIR(facts.st_mode) and not entry.name.startswith(".") and _identity(facts) not in above:
                yield f"{prefix}{entry.name}/", 0
                waiting.append((entry, f"{prefix}{entry.name}/", above | {_identity(facts)}))


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino


def _decoded(images: LazyImages) -> dict[str, np.ndarray]:
    """All images in one array or, at the first one that differs from those before it, the two shapes."""
    decoded: list[np.ndarray] = []
    for image in images:
        decoded.append(image)
        if image.shape != decoded[0].shape:
            return {"shapes": np.array([decoded[0].shape, image.shape])}
    return {"images": np.stack(decoded)}
