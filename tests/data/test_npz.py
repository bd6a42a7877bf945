"""Arrays in .npz files are read image by image, and nothing pickled is loaded."""

import gc
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError, InputError
from negatoscope.pixels import DecodeSpec

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), dtype=np.uint8)
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])


def saved(path: Path, *, compressed: bool = True, **arrays: Any) -> str:
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return str(path)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(
    ("images", "labels"), [("images", "labels"), ("x", "y"), ("x_test", "y_test"), ("test_images", "test_labels")]
)
def test_each_pair_of_keys_is_read(tmp_path: Path, images: str, labels: str, compressed: bool) -> None:
    path = saved(tmp_path / "signs.npz", compressed=compressed, **{images: IMAGES, labels: LABELS, "more": np.zeros(2)})
    dataset = open_dataset(path)
    assert (dataset.spec, dataset.split, dataset.class_names) == ("signs.npz", "test", ("0", "1", "2"))
    assert dataset.names[3] == f"{images}[3]"
    np.testing.assert_array_equal(dataset.labels, LABELS)
    np.testing.assert_array_equal(np.stack(list(dataset.images)), IMAGES.transpose(0, 3, 1, 2))
    for index in (5, 2, 2, -1):
        np.testing.assert_array_equal(dataset.images[index], IMAGES[index].transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (IMAGES[..., 0], IMAGES[:, None, :, :, 0]),
        (IMAGES[..., :1], IMAGES[:, None, :, :, 0]),
        (IMAGES.transpose(0, 3, 1, 2), IMAGES.transpose(0, 3, 1, 2)),
        (np.concatenate([IMAGES, IMAGES[..., :1]], axis=3), IMAGES.transpose(0, 3, 1, 2)),
    ],
    ids=["gray", "one channel last", "channels first", "transparency"],
)
def test_channels_may_be_missing_first_or_last(tmp_path: Path, given: np.ndarray, expected: np.ndarray) -> None:
    dataset = open_dataset(saved(tmp_path / "a.npz", images=given, labels=LABELS))
    np.testing.assert_array_equal(np.stack(list(dataset.images)), expected)


def test_splits_have_keys_of_their_own(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:2], y_test=LABELS[:2])
    assert len(open_dataset(f"{path}:train")) == 7
    assert len(open_dataset(path)) == 2
    with pytest.raises(
        DataError, match=r"^expected x_validation and y_validation, .* in .*a\.npz, got x_train, y_train"
    ):
        open_dataset(f"{path}:validation")


@pytest.mark.parametrize("keys", [("x_val", "y_val"), ("val_images", "val_labels")])
def test_the_validation_split_may_be_called_val(tmp_path: Path, keys: tuple[str, str]) -> None:
    path = saved(tmp_path / "a.npz", **dict(zip(keys, (IMAGES, LABELS), strict=True)))
    for split in ("val", "validation"):
        dataset = open_dataset(f"{path}:{split}")
        assert (dataset.split, len(dataset)) == ("validation", len(LABELS))


@pytest.mark.parametrize("names", [np.array(["stop", "yield", "bump"]), np.array([b"stop", b"yield", b"bump"])])
def test_labels_may_stand_in_a_column_and_classes_have_names(tmp_path: Path, names: np.ndarray) -> None:
    dataset = open_dataset(
        saved(tmp_path / "a.npz", images=IMAGES, labels=LABELS[:, None].astype("u1"), class_names=names)
    )
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.class_names == ("stop", "yield", "bump")


def test_nothing_pickled_is_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    objects = np.array([Bomb()] * 7, dtype=object)
    with pytest.raises(
        DataError, match=r"^expected plain values in labels of .*, got pickled objects, which are never"
    ):
        open_dataset(saved(tmp_path / "labels.npz", images=IMAGES, labels=objects))
    with pytest.raises(DataError, match=r"^expected images of .* to be uint8 .*, got object \[7\]; convert it"):
        open_dataset(saved(tmp_path / "images.npz", images=objects, labels=LABELS))
    (tmp_path / "a.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(
        DataError, match=r"^expected an \.npz file in .*a\.npz, got one that cannot be read \(File is not"
    ):
        open_dataset(str(tmp_path / "a.npz"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (IMAGES.astype(np.float32) / 255, "got float32"),
        (IMAGES.astype(np.uint16), "got uint16"),
        (IMAGES[..., :2], r"got uint8 \[7, 6, 5, 2\]"),
        (np.zeros((7, 3, 5, 3), dtype=np.uint8), r"got uint8 \[7, 3, 5, 3\]"),
        (IMAGES.reshape(7, -1), r"got uint8 \[7, 90\]"),
        (np.uint8(7), r"got uint8 \[\]"),
        (np.zeros((7, 0, 5), dtype=np.uint8), r"got uint8 \[7, 0, 5\]"),
    ],
)
def test_what_is_no_image_is_refused_rather_than_guessed(tmp_path: Path, images: np.ndarray, sentence: str) -> None:
    with pytest.raises(
        DataError, match=rf"^expected images of .* to be uint8 \[n, height, width\], .*{sentence}.*convert"
    ):
        open_dataset(saved(tmp_path / "a.npz", images=images, labels=LABELS))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (LABELS[:6], r"expected 7 labels in .*, got an array of \(6,\)"),
        (np.eye(3, dtype=np.int64)[LABELS], r"expected 7 labels in .*, got an array of \(7, 3\)"),
        (LABELS.astype(np.float64), "expected whole numbers as labels in .*, got float64; number the classes from 0"),
        (LABELS - 1, "expected labels from 0 to 32767 in .*, got -1"),
        (LABELS + 40_000, "expected labels from 0 to 32767 in .*, got 40002"),
    ],
)
def test_impossible_labels_are_one_sentence(tmp_path: Path, labels: np.ndarray, sentence: str) -> None:
    with pytest.raises(DataError, match=f"^{sentence}"):
        open_dataset(saved(tmp_path / "a.npz", images=IMAGES, labels=labels))


def test_a_label_beyond_the_named_classes_is_one_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=IMAGES, labels=LABELS, class_names=np.array(["stop", "yield"]))
    with pytest.raises(DataError, match=r"^expected labels from 0 to 1 in .*, got 2; correct them$"):
        open_dataset(path)


def test_no_images_at_all_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^expected images in .*a\.npz, found none$"):
        open_dataset(saved(tmp_path / "a.npz", images=IMAGES[:0], labels=LABELS[:0]))


def test_a_header_that_claims_more_than_is_there_is_one_sentence(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 1000, 1000, 3)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as opened:
        opened.writestr("images.npy", stream.getvalue() + bytes(90))
        opened.writestr("labels.npy", b"")
    with pytest.raises(
        DataError, match=r"^expected an \.npz file in .*, got one that cannot be read \(images\.npy has 90"
    ):
        open_dataset(str(tmp_path / "a.npz"))


@pytest.mark.filterwarnings("ignore:.*a.npz:pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_array_is_reported_at_the_image_where_it_shows(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 40, 50, 3), dtype=np.uint8)
    path = Path(saved(tmp_path / "a.npz", compressed=False, images=images, labels=LABELS))
    last = images[6].tobytes()
    path.write_bytes(path.read_bytes().replace(last, last[1:] + last[:1]))
    dataset = open_dataset(str(path))
    np.testing.assert_array_equal(dataset.images[5], images[5].transpose(2, 0, 1))
    with pytest.raises(DataError, match=r"^expected a readable image, but images\[6\] is none: Bad CRC-32"):
        dataset.images[6]
    del dataset
    gc.collect()  # newer Pythons close the file only now, which is what they warn of


def test_an_array_stored_by_columns_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"^expected images\.npy of .*a\.npz in row-major order, but it is in Fortran \(column-major\) order; "
        r"save numpy\.ascontiguousarray\(array\)$",
    ):
        open_dataset(saved(tmp_path / "a.npz", images=np.asfortranarray(IMAGES), labels=LABELS))
    beside = saved(tmp_path / "b.npz", images=IMAGES, labels=LABELS, features=np.asfortranarray(IMAGES.reshape(7, -1)))
    assert len(open_dataset(beside)) == 7, "an array that is not asked for may be stored in any way"


@pytest.mark.parametrize("decoding", [DecodeSpec(bits=12), DecodeSpec(window=(40, 400))])
def test_values_of_8_bits_have_no_depth_and_no_window_to_give(tmp_path: Path, decoding: DecodeSpec) -> None:
    dataset = open_dataset(saved(tmp_path / "a.npz", images=IMAGES, labels=LABELS))
    with pytest.raises(InputError, match=r"^expected image files for --bits or --window, got a\.npz, whose values"):
        dataset.decoded(decoding)


def test_a_header_that_no_parser_can_read_is_one_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"}", b"("))
    with pytest.raises(DataError, match=r"^expected an \.npz file in .*, got one .* \(images.npy has a damaged"):
        open_dataset(str(path))
