"""A user's own images: one folder a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from negatoscope.data import Dataset, Shelf, SourceFile, register_dataset
from negatoscope.data.prepare import prepared
from negatoscope.errors import DataError
from negatoscope.pixels import decode

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Files with other suffixes are no images and are passed over."""


@dataclass(frozen=True)
class Picture:
    """An image file; `name` is its path from the folder of the split, parted by "/"."""

    path: Path
    name: str
    label: int


@register_dataset
def folder(shelf: Shelf, split: str, *, path: str) -> Dataset:
    """Your own images, in folders named after their classes.

    They lie in ``PATH/train/CLASS`` and ``PATH/test/CLASS``, or in ``PATH/CLASS`` if they are for test only; a class
    may hold more folders. Classes are the names of their folders over both splits, sorted as text. Images of one size
    and mode come as one array, others at their own size. The spec is "folder:NAME" with the last part of the path, and
    one digest of all names and bytes stands for the files.

    Args:
        shelf: Not used: the path alone says where the images are.
        split: "train" or "test". A folder that is not divided is for test: nobody should train on what they test.
        path: The folder, absolute or from the current one; "~" is the user's.

    Raises:
        DataError: There is no such folder, it holds no images of the split, or one of them cannot be read.
    """
    top = Path(path).expanduser()
    if not path or not top.is_dir():
        raise DataError(f"expected folder:PATH with a folder of images, got {path!r}, which is none; correct it")
    class_names, pictures = _listed(top, split)
    digest = _digest(pictures)
    arrays = prepared({"dataset": "folder", "sha256": digest}, lambda: _decoded(pictures))
    name = top.resolve().name
    return Dataset(
        spec=f"folder:{name}",
        split=split,
        images=arrays["images"] if "images" in arrays else FolderImages(pictures),
        labels=np.array([picture.label for picture in pictures], dtype=np.int64),
        class_names=class_names,
        samples=np.arange(len(pictures)),
        files=(SourceFile(name, digest, official=False),),
    )


class FolderImages(Sequence[UInt8[np.ndarray, "channels height width"]]):
    """Images of different sizes or modes, read when they are asked for."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return FolderImages(self.pictures[index])
        return _decode(self.pictures[index])


def _listed(top: Path, split: str) -> tuple[tuple[str, ...], list[Picture]]:
    """The names of all classes, and the images of the split in the order of class and name."""
    divided = any(_folders(top / part) for part in ("train", "test"))
    if not divided and split == "train":
        raise DataError(f"expected training images in {top / 'train'}/CLASS, found no such folder; divide {top} in two")
    home = top / split if divided else top
    homes = (top / "train", top / "test") if divided else (top,)
    class_names = sorted({each.name for place in homes for each in _folders(place)})
    pictures = [
        Picture(home / name, name, label)
        for label, class_name in enumerate(class_names)
        for name in sorted(path.relative_to(home).as_posix() for path in _images(home / class_name))
    ]
    if not pictures:
        raise DataError(
            f"expected images ({', '.join(SUFFIXES)}) in {home}/CLASS, found none; put each class in a folder"
        )
    return tuple(class_names), pictures


def _images(place: Path) -> list[Path]:
    files = [path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    return [path for path in files if not path.name.startswith(".")]


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return [path for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _digest(pictures: Sequence[Picture]) -> str:
    digest = sha256()
    for picture in pictures:
        digest.update(repr((picture.name, sha256(_read(picture)).hexdigest())).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _decoded(pictures: Sequence[Picture]) -> dict[str, np.ndarray]:
    """All images in one array or, at the first one that differs from those before it, the two shapes."""
    images: list[np.ndarray] = []
    for picture in pictures:
        images.append(_decode(picture))
        if images[-1].shape != images[0].shape:
            return {"shapes": np.array([images[0].shape, images[-1].shape])}
    return {"images": np.stack(images)}


def _decode(picture: Picture) -> UInt8[np.ndarray, "channels height width"]:
    return decode(_read(picture), name=str(picture.path))


def _read(picture: Picture) -> bytes:
    try:
        return picture.path.read_bytes()
    except OSError as error:
        raise DataError(f"expected a readable image, but {picture.path} is none: {error.strerror}") from error
