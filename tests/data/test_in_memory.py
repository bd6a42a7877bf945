"""Images in memory: arrays, tensors, pictures, torch's datasets and loaders, Hugging Face's datasets."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torch.utils.data import Dataset as TorchDataset

from negatoscope.data import Dataset, LeftOut
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError

Encode = Callable[..., tuple[bytes, np.ndarray]]

N = 7
COLOR = np.random.default_rng(0).integers(0, 256, (N, 3, 6, 5), dtype=np.uint8)
GRAY = COLOR[:, :1]
LABELS = np.array([0, 1, 2, 0, 1, 2, 1])
NAMES = ("cat", "dog", "eel")


def floats(pixels: np.ndarray) -> np.ndarray:
    """As torchvision's ToTensor makes them."""
    return pixels.astype(np.float32) / 255


@pytest.mark.parametrize(
    ("images", "pixels"),
    [
        (COLOR, COLOR),
        (COLOR.transpose(0, 2, 3, 1), COLOR),
        (GRAY, GRAY),
        (GRAY[:, 0], GRAY),
        (np.concatenate([COLOR, GRAY], axis=1), COLOR),
        (floats(COLOR), COLOR),
        (floats(COLOR).astype(np.float64).transpose(0, 2, 3, 1), COLOR),
        (floats(GRAY).astype(np.float16), GRAY),
        (torch.from_numpy(COLOR), COLOR),
        (torch.from_numpy(floats(COLOR)), COLOR),
        (torch.from_numpy(floats(GRAY))[:, 0].requires_grad_(), GRAY),
        (list(COLOR), COLOR),
        (list(torch.from_numpy(floats(COLOR))), COLOR),
        ([Image.fromarray(image.transpose(1, 2, 0)) for image in COLOR], COLOR),
        ([Image.fromarray(image[0]) for image in GRAY], GRAY),
    ],
)
def test_images_in_any_form_are_the_same_pixels(images: Any, pixels: np.ndarray) -> None:
    dataset = Dataset.from_arrays(images, LABELS, NAMES)
    assert (dataset.spec, dataset.split, dataset.class_names, len(dataset)) == ("arrays", "test", NAMES, N)
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in dataset.images]), pixels)
    assert dataset.provenance.note == "images of the user's own"
    pair = open_dataset((images, LABELS, NAMES))
    assert (pair.fingerprint, pair.class_names) == (dataset.fingerprint, NAMES)


def test_all_256_values_come_back_from_floats() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    for kind in (np.float16, np.float32, np.float64):
        given = values.astype(kind) / kind(255)
        np.testing.assert_array_equal(np.asarray(Dataset.from_arrays(given, [0]).images), values)


def test_images_may_have_sizes_of_their_own() -> None:
    dataset = Dataset.from_arrays([COLOR[0], GRAY[1], COLOR[2, :, :3]], ["b", "a", "b"], names=("x", "y", "z"))
    assert [image.shape for image in dataset.images] == [(3, 6, 5), (1, 6, 5), (3, 3, 5)]
    assert (dataset.class_names, dataset.labels.tolist()) == (("a", "b"), [1, 0, 1])
    assert dataset.names == ("x", "y", "z")


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (
            (floats(COLOR) - 0.45) / 0.22,
            r"or floats in \[0, 1\], got -2\.0\d+ to 2\.5; give images as they are",
        ),
        (
            COLOR.astype(np.float32),
            r"or floats in \[0, 1\], got 0 to 255; give images as they are",
        ),
        (torch.from_numpy(floats(COLOR)) * 2 - 1, r"or floats in \[0, 1\], got -1 to 1; give images as they are"),
        (np.full((N, 6, 5), np.nan), r"or floats in \[0, 1\], got nan to nan"),
        (COLOR.astype(np.int64), r"or floats in \[0, 1\], got int64; convert it"),
        (GRAY > 9, r"or floats in \[0, 1\], got bool; convert it"),
        (COLOR[..., :3], r"to be \[n, height, width\], or of four axes .*, got \[7, 3, 6, 3\]; move them"),
        (COLOR[:, :2], r"to be \[n, height, width\], or of four axes .*, got \[7, 2, 6, 5\]; move them"),
        (torch.from_numpy(COLOR).permute(0, 2, 3, 1), r"to be .* four axes .*, got \[7, 6, 5, 3\]; move them"),
        (COLOR.reshape(N, -1), r"to be \[n, height, width\], .*, got \[7, 90\]; move them"),
        (["a.png"] * N, r"^expected an array, a tensor or a picture as image 0 of arrays, got str$"),
        ([Image.fromarray(np.zeros((2, 2), dtype=np.int32))] * N, r"^expected 8 bits per value in image 0 of arrays"),
        ([], "^expected images in arrays, got none$"),
        (COLOR[:0], "^expected images in arrays, got none$"),
        (COLOR[:5], "^expected 5 labels for as many images, got 7$"),
    ],
)
def test_images_of_another_form_are_one_sentence(images: Any, sentence: str, unchecked: None) -> None:
    with pytest.raises(DataError, match=sentence):
        Dataset.from_arrays(images, LABELS)


def test_images_of_one_patient_are_a_track() -> None:
    patients = ["Roe", "Doe", "Roe", "", "", "Poe", "Doe"]
    dataset = Dataset.from_arrays(COLOR, LABELS, tracks=patients)
    assert dataset.tracks is not None
    assert dataset.tracks.tolist() == [0, 1, 0, 2, 3, 4, 1]
    assert dataset.fingerprint != Dataset.from_arrays(COLOR, LABELS).fingerprint
    gaps = Dataset.from_arrays(COLOR, LABELS, tracks=["Roe", "Doe", "Roe", None, math.nan, pd.NA, "Doe"])
    assert gaps.tracks is not None
    assert gaps.tracks.tolist() == dataset.tracks.tolist(), "what is missing is an object of its own"
    assert Dataset.from_arrays(COLOR, LABELS, tracks=range(N)).tracks is None
    with pytest.raises(DataError, match=r"^expected 7 tracks for as many images, got 2$"):
        Dataset.from_arrays(COLOR, LABELS, tracks=[1, 2])


@pytest.mark.parametrize(
    ("labels", "names", "numbers", "classes"),
    [
        (LABELS, (), LABELS, ("0", "1", "2")),
        (torch.from_numpy(LABELS), NAMES, LABELS, NAMES),
        (LABELS[:, None].astype(np.uint8), NAMES, LABELS, NAMES),
        ([int(label) for label in LABELS], NAMES, LABELS, NAMES),
        ([torch.tensor(label) for label in LABELS], NAMES, LABELS, NAMES),
        ([NAMES[label] for label in LABELS], (), LABELS, NAMES),
        (np.array(NAMES, dtype=object)[LABELS], ("eel", "dog", "cat", "gnu"), 2 - LABELS, ("eel", "dog", "cat", "gnu")),
    ],
)
def test_labels_are_numbers_or_names(labels: Any, names: tuple[str, ...], numbers: Any, classes: Any) -> None:
    dataset = Dataset.from_arrays(COLOR, labels, names)
    assert (dataset.labels.tolist(), dataset.class_names) == (numbers.tolist(), classes)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.eye(7), r"^expected one whole number or one text for each image as labels of arrays, got float64 \[7, 7\]"),
        (LABELS.astype(float), r"^expected one whole number or one text for each image .*, got float64 \[7\]; convert"),
        (LABELS - 1, r"^expected labels from 0 to 2 in arrays, got -1; correct them$"),
        (LABELS + 1, r"^expected labels from 0 to 2 in arrays, got 3; correct them$"),
        (["cat", "", *["dog"] * 5], r"^expected a label for each image of arrays, got 1 without one; leave them out$"),
        (["cow"] * N, r"^expected labels in arrays among its classes 'cat, dog, eel', got 'cow'$"),
        (LABELS[:3], r"^expected 7 labels for as many images, got 3$"),
        ([[0, 1], [2]], r"^expected one whole number or one text for each image .*, got others \(.*\); convert them$"),
        (list(torch.eye(7)), r"^expected one whole number or one text for each .*, got others \(.*\); convert them$"),
        (list(np.eye(7)), r"^expected one whole number or one text for each .*, got others \(.*\); convert them$"),
    ],
)
def test_labels_of_another_form_are_one_sentence(labels: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Dataset.from_arrays(COLOR, labels, NAMES)


class Pictures(TorchDataset):  # type: ignore[type-arg]
    """As torchvision's datasets are: pictures, classes and targets."""

    def __init__(self, transform: Callable[[Image.Image], Any] | None = None) -> None:
        self.classes, self.targets, self.transform = list(NAMES), LABELS.tolist(), transform
        self.read: list[int] = []

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> tuple[Any, int]:
        self.read.append(index)
        picture = Image.fromarray(COLOR[index].transpose(1, 2, 0))
        return self.transform(picture) if self.transform else picture, self.targets[index]


def to_tensor(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(floats(np.asarray(picture).transpose(2, 0, 1)))


@pytest.mark.parametrize(
    "data",
    [
        Pictures(),
        Pictures(to_tensor),
        DataLoader(Pictures(to_tensor), batch_size=3),
        Subset(Pictures(), range(N)),
        DataLoader(Subset(Pictures(to_tensor), range(N)), batch_size=N),
        [(Image.fromarray(image.transpose(1, 2, 0)), NAMES[label]) for image, label in zip(COLOR, LABELS, strict=True)],
    ],
)
def test_datasets_and_loaders_of_torch_are_read_as_they_are(data: Any) -> None:
    dataset = open_dataset(data)
    assert dataset.spec == ("list" if isinstance(data, list) else "Pictures")
    assert (dataset.class_names, dataset.labels.tolist(), dataset.left_out) == (NAMES, LABELS.tolist(), ())
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in dataset.images]), COLOR)
    assert open_dataset(data).fingerprint == dataset.fingerprint


def test_a_part_of_a_dataset_has_the_labels_of_its_images() -> None:
    dataset = open_dataset(Subset(Pictures(), [5, 1]), split="val")
    assert (dataset.labels.tolist(), dataset.class_names, dataset.split) == ([2, 1], NAMES, "validation")
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in dataset.images]), COLOR[[5, 1]])
    tensors = open_dataset(TensorDataset(torch.from_numpy(GRAY), torch.from_numpy(LABELS)))
    assert (tensors.spec, tensors.labels.tolist()) == ("TensorDataset", LABELS.tolist())


def test_listed_targets_that_are_not_the_labels_are_not_believed() -> None:
    pictures = Pictures()
    pictures.targets = [int(label) for label in LABELS]

    class Changed(Pictures):
        def __getitem__(self, index: int) -> tuple[Any, int]:
            return super().__getitem__(index)[0], 2 - int(LABELS[index])

    assert open_dataset(Changed()).labels.tolist() == (2 - LABELS).tolist()


def test_images_are_read_when_their_turn_comes() -> None:
    class Many(Pictures):
        def __init__(self) -> None:
            super().__init__()
            self.targets = [index % 3 for index in range(1000)]

        def __len__(self) -> int:
            return 1000

        def __getitem__(self, index: int) -> tuple[Any, int]:
            self.read.append(index)
            return Image.new("L", (4, 4), index % 256), self.targets[index]

    many = Many()
    dataset = open_dataset(many)
    assert len(set(many.read)) == 16
    assert np.asarray(dataset.images[77]).tolist() == [[[77] * 4] * 4]


def test_random_changes_are_refused() -> None:
    generator = np.random.default_rng(0)
    noisy = Pictures(lambda picture: generator.random((3, 6, 5), dtype=np.float32))
    with pytest.raises(DataError, match=r"^expected image 0 of Pictures to be the same each time it is read, got two"):
        open_dataset(noisy)
    for order, got in (
        ({"shuffle": True}, "shuffle=True; turn it off"),
        ({"sampler": SubsetRandomSampler(range(N))}, "a SubsetRandomSampler; leave it out"),
        ({"sampler": WeightedRandomSampler([1.0] * N, N)}, "a WeightedRandomSampler; leave it out"),
    ):
        sentence = f"^expected a DataLoader in which images keep their places, got {got}$"
        with pytest.raises(DataError, match=sentence):
            open_dataset(DataLoader(Pictures(to_tensor), **order))


def test_what_a_loader_leaves_out_is_counted() -> None:
    dataset = open_dataset(DataLoader(Pictures(to_tensor), batch_size=3, drop_last=True))
    assert (len(dataset), dataset.left_out) == (
        6,
        (LeftOut(1, "image", "of Pictures that its DataLoader does not give"),),
    )


def test_normalized_images_are_refused_at_once() -> None:
    normalized = Pictures(lambda picture: (to_tensor(picture) - 0.5) / 0.2)
    for data in (normalized, DataLoader(normalized)):
        with pytest.raises(DataError, match=r"Pictures to be uint8, or floats in \[0, 1\], .*before normalization$"):
            open_dataset(data)


def test_an_image_that_cannot_be_read_is_named_and_no_other_is_lost() -> None:
    class Torn(Pictures):
        def __len__(self) -> int:
            return 100

        def __getitem__(self, index: int) -> tuple[Any, int]:
            if index == 50:
                raise OSError("truncated")
            return super().__getitem__(index % N)

    torn = Torn()
    torn.targets = [0] * 100
    images = open_dataset(torn).images
    with pytest.raises(DataError, match=r"^expected image 50 of Torn, but reading it raised OSError: truncated$"):
        images[50]
    assert images[51].shape == (3, 6, 5)


class Stream(IterableDataset):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        return iter(Pictures())


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            Stream(),
            r"^expected a path, \(images, labels\), a sequence .*, got Stream; bring it into one of these",
        ),
        (COLOR, r"^expected a path, .*, got ndarray"),
        ({"images": COLOR}, r"^expected a path, .*, got dict"),
        (3, r"^expected a path, .*, got int"),
        ((COLOR,), r"^expected \(images, labels\) or \(images, labels, class_names\), got a tuple of 1$"),
        ([(COLOR[0], 1, 2)], r"^expected pairs \(image, label\), got a tuple of 3; wrap your dataset"),
        ([{"image": COLOR[0], "label": 1}], r"^expected pairs \(image, label\), got a dict; wrap your dataset"),
        ([], "^expected images in list, got none$"),
        (
            DataLoader([(COLOR[0], 1), (COLOR[0][:, :2], 1)], batch_size=1),
            "^expected images of one size from",
        ),
    ],
)
def test_data_of_another_form_are_one_sentence(data: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        open_dataset(data)


def test_a_dataset_of_which_no_image_can_be_read_says_why() -> None:
    class Dictionaries(Pictures):
        def __getitem__(self, index: int) -> Any:
            return dict(zip(("image", "label"), super().__getitem__(index), strict=True))

    with pytest.raises(DataError, match=r"^expected pairs \(image, label\), got a dict; wrap your dataset"):
        open_dataset(Dictionaries())


@given(
    shape=st.lists(st.integers(0, 4), min_size=0, max_size=5),
    kind=st.sampled_from(["u1", "f2", "f4", "i4", "U3", "O"]),
    n=st.integers(0, 4),
)
def test_any_arrays_are_a_dataset_or_one_sentence(shape: list[int], kind: str, n: int) -> None:
    try:
        dataset = Dataset.from_arrays(np.zeros(shape, dtype=kind), np.zeros(n, dtype=np.int64))
    except DataError:
        return
    assert len(dataset) == n == shape[0]


def test_a_dataset_of_a_users_own_module_called_datasets_is_read_as_any_other() -> None:
    own = type("Own", (Pictures,), {"__module__": "datasets.pets"})()
    assert open_dataset(own).labels.tolist() == LABELS.tolist()


def test_a_damaged_file_that_pillow_opens_is_named_and_no_other_is_lost(tmp_path: Path) -> None:
    for index in range(3):
        Image.fromarray(COLOR[index].transpose(1, 2, 0)).resize((64, 64)).save(tmp_path / f"{index}.bmp")
    torn = tmp_path / "0.bmp"
    torn.write_bytes(torn.read_bytes()[:2000])
    opened = [Image.open(tmp_path / f"{index}.bmp") for index in range(3)]
    dataset = open_dataset([(image, label) for label, image in enumerate(opened)])
    with pytest.raises(DataError, match=r"^expected image 0 of list, but reading it raised OSError: image file is"):
        dataset.images[0]
    assert dataset.images[1].shape == (3, 64, 64)
    opened[0].close()


@pytest.mark.parametrize("classes", [10, None, "abc"])
def test_classes_that_are_no_list_name_none(classes: Any) -> None:
    pictures = Pictures()
    pictures.classes = classes
    assert open_dataset(pictures).class_names == tuple(map(str, range(len(NAMES))))
