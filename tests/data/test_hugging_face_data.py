"""Datasets of Hugging Face are read as they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from negatoscope.data.containers import LazyImages
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError

Encode = Callable[..., tuple[bytes, np.ndarray]]

N = 7
COLOR = np.random.default_rng(0).integers(0, 256, (N, 3, 6, 5), dtype=np.uint8)
GRAY = COLOR[:, :1]
LABELS = np.array([0, 1, 2, 0, 1, 2, 1])
NAMES = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def hugging(encode: Encode) -> datasets.Dataset:
    contents = [encode(seed, kind=kind)[0] for seed, kind in enumerate(["PNG", "PNG", "BMP"])]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES))})
    images = [{"bytes": content, "path": f"deep/{index}.png"} for index, content in enumerate(contents)]
    return datasets.Dataset.from_dict({"image": images, "label": [2, 0, 1]}, features=features)


def test_a_hugging_face_dataset_names_its_classes_and_images(hugging: datasets.Dataset, encode: Encode) -> None:
    dataset = open_dataset(hugging)
    assert (dataset.class_names, dataset.labels.tolist()) == (NAMES, [2, 0, 1])
    assert (dataset.names, dataset.split) == (("0.png", "1.png", "2.png"), "test")
    assert isinstance(dataset.images, LazyImages)
    for index, image in enumerate(dataset.images):
        np.testing.assert_array_equal(image, encode(index)[1])
    assert dataset.fingerprint == open_dataset(hugging).fingerprint != open_dataset(hugging.select([0, 1])).fingerprint


def test_what_is_set_or_chosen_of_a_hugging_face_dataset_is_heeded(hugging: datasets.Dataset, encode: Encode) -> None:
    def broken(batch: Any) -> Any:
        raise AssertionError("a transform is not applied")

    for changed in (hugging.with_format("numpy"), hugging.with_transform(broken)):
        np.testing.assert_array_equal(open_dataset(changed).images[1], encode(1)[1])
    turned = open_dataset(hugging.select([2, 0]))
    assert (turned.names, turned.labels.tolist()) == (("2.png", "0.png"), [1, 2])
    np.testing.assert_array_equal(turned.images[0], encode(2)[1])


def test_a_part_of_a_hugging_face_split_is_of_that_split(hugging: datasets.Dataset, tmp_path: Path) -> None:
    hugging.to_parquet(tmp_path / "pets.parquet")
    files = {"train": str(tmp_path / "pets.parquet")}
    part = datasets.load_dataset("parquet", data_files=files, split="train[:2]", cache_dir=str(tmp_path / "cache"))
    dataset = open_dataset(part)
    assert (dataset.split, len(dataset)) == ("train", 2)


def test_columns_of_other_names_are_found_by_their_features(hugging: datasets.Dataset, tmp_path: Path) -> None:
    renamed = hugging.rename_columns({"image": "img", "label": "fine"})
    assert open_dataset(renamed).labels.tolist() == [2, 0, 1]
    sources = hugging.rename_column("label", "source").add_column("label", [1, 1, 0])
    assert open_dataset(sources).labels.tolist() == [1, 1, 0], "as of a Parquet file"
    texts = (
        hugging.cast_column("label", datasets.Value("int64"))
        .remove_columns("label")
        .add_column("label", ["b", "a", "b"])
    )
    assert open_dataset(texts).class_names == ("a", "b")
    Image.fromarray(COLOR[0].transpose(1, 2, 0)).save(tmp_path / "photo.png")
    files = datasets.Dataset.from_dict({"image": [str(tmp_path / "photo.png")], "label": [0]})
    opened = open_dataset(files.cast_column("image", datasets.Image()))
    np.testing.assert_array_equal(opened.images[0], COLOR[0])
    assert opened.names == ("photo.png",)


def test_splits_of_hugging_face_are_chosen(hugging: datasets.Dataset) -> None:
    both = datasets.DatasetDict({"train": hugging, "validation": hugging.select([0])})
    assert len(open_dataset(both, split="train")) == 3
    validation = open_dataset(both, split="val")
    assert (len(validation), validation.split) == (1, "validation")
    with pytest.raises(DataError, match=r"^expected the split test in a DatasetDict, got train, validation; give one"):
        open_dataset(both)


def test_a_hugging_face_dataset_of_another_form_is_one_sentence(hugging: datasets.Dataset) -> None:
    for data, sentence in (
        (
            hugging.remove_columns("label"),
            r"^expected the columns image \(Image\) and label \(ClassLabel\), got image",
        ),
        (
            hugging.to_iterable_dataset(),
            r"^expected a datasets\.Dataset, got IterableDataset, which is streamed",
        ),
        (hugging.select([]), "^expected images in .*, got none$"),
        (
            hugging.remove_columns("label").add_column("label", [[0, 1], [2], [0]]),
            r"^expected one whole number or one text for each image .*, got others \(.*\); convert them$",
        ),
    ):
        with pytest.raises(DataError, match=sentence):
            open_dataset(data)
    lost = datasets.Dataset.from_dict({"image": [{"bytes": None, "path": "/nowhere/a.png"}], "label": [0]})
    opened = open_dataset(lost.cast_column("image", datasets.Image()))
    with pytest.raises(DataError, match=r"^expected a readable image, but a\.png is none: No such file"):
        opened.images[0]


def test_a_16_bit_picture_of_hugging_face_is_read_as_a_file_is(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 30).reshape(5, 6).astype(np.uint16)
    (tmp_path / "deep" / "a").mkdir(parents=True)
    file = tmp_path / "deep" / "a" / "a.png"
    Image.fromarray(values).save(file)
    data = datasets.Dataset.from_dict({"image": [{"bytes": file.read_bytes(), "path": None}], "label": [0]})
    opened = open_dataset(data.cast_column("image", datasets.Image()))
    np.testing.assert_array_equal(opened.images[0], open_dataset(str(tmp_path / "deep")).images[0])
