"""Images and classes come from paths alike in folders and archives."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.data import Dataset, LeftOut
from negatoscope.data.class_folders import open_class_folders
from negatoscope.data.containers import FolderFiles, LazyImages
from negatoscope.errors import DataError


def found(*entries: str, split: str = "test", wrapped: bool = True, ordered: bool = True) -> Dataset:
    container = FolderFiles(Path(), entries)
    return open_class_folders(container, Path("pets.zip"), split, wrapped=wrapped, ordered=ordered)


def positions(dataset: Dataset) -> list[int]:
    assert isinstance(dataset.images, LazyImages)
    return dataset.images.positions.tolist()


def test_folders_are_classes_and_deeper_folders_are_not() -> None:
    folders = found("dog/b.png", "cat/siamese/a.JPG", "cat/a.png", "loose.png", "cat/readme.txt")
    assert folders.class_names == ("cat", "dog")
    assert folders.names == ("cat/a.png", "cat/siamese/a.JPG", "dog/b.png")
    assert positions(folders) == [2, 1, 0]
    assert folders.labels.tolist() == [0, 0, 1]


def test_images_may_keep_the_order_of_their_archive() -> None:
    folders = found("dog/b.png", "cat/z.png", "dog/a.png", ordered=False)
    assert folders.names == ("dog/b.png", "cat/z.png", "dog/a.png")
    assert folders.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize("top", ["", "pets/", "downloads/pets/"])
def test_one_folder_around_everything_is_taken_off(top: str) -> None:
    entries = [f"{top}train/cat/a.png", f"{top}test/dog/b.png", f"{top}test/cat/c.png", f"{top}readme.txt"]
    assert found(*entries).names == ("cat/c.png", "dog/b.png")
    assert found(*entries, split="train").names == ("cat/a.png",)
    assert found(*entries).class_names == ("cat", "dog")
    undivided = [f"{top}cat/a.png", f"{top}dog/b.png"]
    assert found(*undivided).names == ("cat/a.png", "dog/b.png")


def test_one_class_is_no_wrapper_and_a_folder_that_the_user_named_has_none() -> None:
    assert found("cat/a.png").class_names == ("cat",)
    assert found("cat/a.png", "cat/siamese/b.png").class_names == ("cat",)
    assert found("pets/cat/a.png", "pets/dog/a.png", wrapped=False).class_names == ("pets",)


def test_a_class_without_images_is_a_class() -> None:
    assert found("cat/a.png", "dog/", "eel/readme.txt").class_names == ("cat", "dog", "eel")


def test_what_is_hidden_is_passed_over() -> None:
    hidden = ("__MACOSX/cat/._a.png", ".git/x/a.png", "cat/._a.png", "cat/.cache/a.png", "../up/a.png", ".DS_Store")
    folders = found("cat/a.png", "dog/b.png", *hidden)
    assert folders.names == ("cat/a.png", "dog/b.png")
    assert folders.class_names == ("cat", "dog")


def test_a_third_split_is_for_validation() -> None:
    entries = ("train/cat/a.png", "test/cat/b.png", "validation/cat/c.png")
    assert positions(found(*entries, split="validation")) == [2]


@pytest.mark.parametrize("top", ["", "pets/"])
def test_the_validation_split_may_be_called_val(top: str) -> None:
    entries = [f"{top}train/cat/a.png", f"{top}val/dog/b.png", f"{top}val/eel/c.png"]
    folders = found(*entries, split="validation")
    assert (folders.split, folders.names) == ("validation", ("dog/b.png", "eel/c.png"))
    assert folders.class_names == ("cat", "dog", "eel")
    with pytest.raises(DataError, match=r"^expected one folder for the split validation in .*, got validation and val"):
        found("val/cat/a.png", "validation/cat/b.png", split="validation")


@pytest.mark.parametrize(("split", "word"), [("train", "training"), ("validation", "validation")])
def test_what_is_not_divided_is_for_test_only(split: str, word: str) -> None:
    with pytest.raises(DataError, match=rf"^expected {word} images in pets\.zip/{split}/CLASS, found no such folder"):
        found("cat/a.png", split=split)


@pytest.mark.parametrize(
    ("entries", "others"),
    [
        ((), ""),
        (("cat/",), ""),
        (("loose.png",), r" \(passed over: 1 file outside class folders\)"),
        (
            ("cat/a.npy", "dog/b.NPY", "cat/readme.txt"),
            r" \(passed over: 2 files ending in \.npy, 1 file ending in \.txt\)",
        ),
    ],
)
def test_no_images_is_one_sentence(entries: tuple[str, ...], others: str) -> None:
    sentence = rf"^expected images \(\.bmp, .*\) in pets\.zip/.*CLASS, found none{others}; put each"
    with pytest.raises(DataError, match=sentence):
        found(*entries)


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ("test", "split test in pets.zip, got the splits train, validation; name one, as in pets.zip:train"),
        ("validation", ""),
    ],
)
def test_a_split_that_is_not_among_the_folders_is_answered_with_those_that_are(split: str, sentence: str) -> None:
    entries = ("train/cat/a.png", "val/cat/b.png")
    if not sentence:
        assert found(*entries, split=split).names == ("cat/b.png",)
        return
    with pytest.raises(DataError, match=f"^expected images of the {re.escape(sentence)}$"):
        found(*entries, split=split)


def test_what_is_passed_over_is_counted_and_named() -> None:
    entries = (
        "cat/a.png",
        "cat/b.npy",
        "dog/c.NPY",
        "loose.png",
        "readme",
        "cat/.hidden",
        "dog/",
        "__MACOSX/cat/x.npy",
    )
    assert found(*entries).left_out == (
        LeftOut(2, "file", "ending in .npy", ("cat/b.npy", "dog/c.NPY")),
        LeftOut(1, "file", "outside class folders", ("loose.png",)),
        LeftOut(1, "file", "without an ending", ("readme",)),
    )
    divided = found("test/cat/a.png", "test/cat/b.npy", "train/cat/c.npy", "notes.txt")
    assert divided.left_out == (LeftOut(1, "file", "ending in .npy", ("cat/b.npy",)),)
    assert found("cat/a.png").left_out == ()


paths = st.lists(st.sampled_from(["a", "b", ".c", "test", "x.png", "y.jpg", ""]), max_size=4).map("/".join)


@given(entries=st.lists(paths, max_size=8), wrapped=st.booleans())
def test_any_paths_are_images_with_classes_or_one_sentence(entries: list[str], wrapped: bool) -> None:
    try:
        folders = found(*entries, wrapped=wrapped)
    except DataError:
        return
    assert len(folders.names) == len(positions(folders)) == len(folders.labels) > 0
    for name, position, label in zip(folders.names, positions(folders), folders.labels, strict=True):
        assert entries[position].endswith(name)
        assert name.startswith(f"{folders.class_names[label]}/")
