"""Images without labels: one file, or a folder that sorts nothing into classes; whatever else is for `open_dataset`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from negatoscope.data.open import open_dataset
from negatoscope.data.unlabeled import open_unlabeled
from negatoscope.errors import DataError


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


def test_one_file_is_one_image(folder: Path) -> None:
    dataset = open_unlabeled(folder / "b.png")
    assert dataset is not None
    assert (dataset.spec, dataset.names, dataset.images[0].shape) == ("b.png", ("b.png",), (1, 4, 6))


def test_class_folders_other_files_and_names_of_datasets_are_something_else(folder: Path) -> None:
    (folder / "cats").mkdir()
    for data in (folder, folder / "notes.txt", folder / "nowhere.png", folder / "cats", "mnist", "mnist:test"):
        assert open_unlabeled(data) is None


def test_an_image_file_is_no_dataset_and_the_sentence_says_what_it_is_for(folder: Path) -> None:
    with pytest.raises(DataError, match=r"without a label: negatoscope\.inspect"):
        open_dataset(str(folder / "b.png"))
