"""Images without labels: one file, or a folder that sorts nothing into classes; whatever else is for `open_dataset`."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.dicom_files import made

from negatoscope.data import LeftOut
from negatoscope.data.open import open_dataset
from negatoscope.data.unlabeled import open_images, open_unlabeled
from negatoscope.errors import DataError, UndividedError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, shade in (("b.png", 10), ("a.JPG", 200)):
        Image.fromarray(np.full((4, 6), shade, np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


def test_a_folder_of_images_has_them_in_the_order_of_their_names(folder: Path) -> None:
    dataset = open_unlabeled(f"folder:{folder}")
    assert dataset is not None
    assert dataset.names == ("a.JPG", "b.png")
    assert [int(image.mean().round(-1)) for image in dataset.images] == [200, 10]
    assert (dataset.class_names, dataset.labels.tolist()) == ((), [0, 0])
    assert dataset.left_out == (LeftOut(1, "file", "ending in .txt", ("notes.txt",)),)


def test_dicom_files_are_images_without_an_ending_too(folder: Path) -> None:
    (folder / "IM0001").write_bytes(made(np.arange(48, dtype=np.uint16).reshape(6, 8)))
    (folder / "LICENSE").write_text("no image")
    dataset = open_unlabeled(folder)
    assert dataset is not None
    assert (len(dataset), dataset.private) == (3, True)
    assert [(entry.n, entry.why) for entry in dataset.left_out] == [(1, "ending in .txt"), (1, "without an ending")]
    single = open_unlabeled(folder / "IM0001")
    assert single is not None
    assert (len(single), single.private) == (1, True)
    assert open_unlabeled(folder / "LICENSE") is None


def test_one_file_is_one_image(folder: Path) -> None:
    dataset = open_unlabeled(folder / "b.png")
    assert dataset is not None
    assert (dataset.spec, dataset.names, dataset.images[0].shape) == ("b.png", ("b.png",), (1, 4, 6))


def test_class_folders_other_files_and_names_of_datasets_are_something_else(folder: Path) -> None:
    (folder / "cats").mkdir()
    for data in (folder, folder / "notes.txt", folder / "nowhere.png", folder / "cats", "mnist", "mnist:test"):
        assert open_unlabeled(data) is None


def test_an_image_file_is_no_dataset_and_the_sentence_says_what_it_is_for(folder: Path) -> None:
    with pytest.raises(DataError, match=r"without a label: negatoscope\.classify_unlabeled"):
        open_dataset(str(folder / "b.png"))


Encode = Callable[..., tuple[bytes, np.ndarray]]
Pack = Callable[[Path, Mapping[str, bytes]], Path]


@pytest.mark.parametrize("form", ["pets", "pets.zip", "pets.tar", "shards.tar", "pets.npz", "pets.parquet"])
def test_data_without_splits_are_taken_whole_unless_a_split_is_named(
    form: str, tmp_path: Path, encode: Encode, pack: Pack
) -> None:
    images = [encode(seed) for seed in range(3)]
    if form == "pets.npz":
        np.savez(
            tmp_path / form, images=np.stack([pixels for _, pixels in images]).transpose(0, 2, 3, 1), labels=[0, 1, 0]
        )
    elif form == "pets.parquet":
        pq.write_table(pa.table({"image": [file for file, _ in images], "label": [0, 1, 0]}), tmp_path / form)
    elif form == "shards.tar":
        pack(
            tmp_path / form,
            {f"{i}.{end}": (b"0", file)[end == "png"] for i, (file, _) in enumerate(images) for end in ("cls", "png")},
        )
    else:
        pack(tmp_path / form, {f"{'cat' if i else 'dog'}/{i}.png": file for i, (file, _) in enumerate(images)})
    dataset = open_images(f"{tmp_path / form}", split="train")
    assert (len(dataset), dataset.split) == (3, "train")
    with pytest.raises(UndividedError):
        open_images(f"{tmp_path / form}:train", split="train")


@pytest.mark.parametrize("form", ["pets", "pets.zip", "pets.npz"])
def test_of_data_with_splits_no_other_one_is_taken(form: str, tmp_path: Path, encode: Encode, pack: Pack) -> None:
    file, pixels = encode(0)
    if form == "pets.npz":
        np.savez(tmp_path / form, images=pixels[None], labels=[0], x_test=pixels[None], y_test=[0])
    else:
        pack(tmp_path / form, {"test/cat/0.png": file})
    with pytest.raises(DataError, match="train") as raised:
        open_images(f"{tmp_path / form}", split="train")
    assert not isinstance(raised.value, UndividedError)
