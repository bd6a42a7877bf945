"""Classes of the data find their outputs by number, by order or by name."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from negatoscope.errors import InputError
from negatoscope.models.class_map import read_class_map
from negatoscope.models.open import open_classifier
from negatoscope.stores import path_of


@pytest.mark.parametrize(("text", "expected"), [("+1", (1, 2, 0)), ("-1", (2, 0, 1))])
def test_a_step_moves_all_around(text: str, expected: tuple[int, ...]) -> None:
    assert read_class_map(text, classes=3, data_classes=3) == expected


def test_sorted_is_the_place_of_each_folder_name_among_all_sorted_as_text() -> None:
    places = read_class_map("sorted", classes=12, data_classes=12)
    folders = sorted(str(label) for label in range(12))
    assert [folders[place] for place in places] == [str(label) for label in range(12)]


def test_names_are_found_in_a_file_or_among_the_labels_of_the_classifier(tmp_path: Path) -> None:
    labels = ["background", "tench, Tinca tinca", "goldfish", "Great White"]
    (tmp_path / "labels.txt").write_text("\n".join(labels))
    names = ("goldfish", "Tench", "great_white")
    assert read_class_map(str(tmp_path / "labels.txt"), classes=4, class_names=names) == (2, 1, 3)
    assert read_class_map("names", classes=4, class_names=names, labels=labels) == (2, 1, 3)


def test_a_file_has_a_line_for_each_output_or_every_class_would_be_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("background\ncat\ndog\n")
    with pytest.raises(InputError, match=r"^expected a line for each of 2 outputs in .*labels\.txt, got 3 lines$"):
        read_class_map(str(tmp_path / "labels.txt"), classes=2, class_names=("cat", "dog"))


@pytest.mark.parametrize(
    ("text", "names", "sentence"),
    [
        ("names", ("crane",), "expected the class 'crane' once among the labels .*, got it 2 times; give numbers"),
        ("names", ("mose",), "got it 0 times; did you mean 'mouse'"),
        ("names", (), "expected class names in the data for --class-map names, got none"),
        ("no such file", ("mouse",), "expected --class-map to be 1..1000, .* or a text file, got 'no such file'"),
        ("sorted", (), "expected data with a known number of classes"),
    ],
)
def test_what_is_not_there_is_one_sentence(text: str, names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_class_map(text, classes=3, class_names=names, labels=["crane", "mouse", "crane"])


@pytest.mark.parametrize("text", ["~nobody.here/x", "~\0/x"])
@pytest.mark.parametrize("use", [partial(read_class_map, classes=3), path_of, open_classifier])
def test_the_home_of_a_user_who_cannot_be_is_one_sentence(use: Callable[[str], object], text: str) -> None:
    with pytest.raises(InputError, match=r"^expected .*; correct it$"):
        use(text)
