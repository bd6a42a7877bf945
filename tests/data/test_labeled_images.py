"""Labels beside images: tables of many forms, and names of files, for folders and archives alike."""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dicom_files import made

from negatoscope.data import DataLocator, Dataset, LeftOut
from negatoscope.data.label_table import pattern_labels, read_labels
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError, InputError

Pack = Callable[[Path, Mapping[str, bytes]], Path]
Encode = Callable[..., tuple[bytes, np.ndarray]]

FILES = ("a.png", "b.png", "deep/c.png", "d.jpg.png")
LABELS = ("cat", "dog", "cat", "eel")
CSV = "file,label\n" + "".join(f"{file},{label}\n" for file, label in zip(FILES, LABELS, strict=True))


@pytest.fixture(scope="module")
def contents(encode: Encode) -> dict[str, bytes]:
    return {name: encode(seed)[0] for seed, name in enumerate(FILES)}


@pytest.fixture
def photos(tmp_path: Path, pack: Pack, contents: Mapping[str, bytes]) -> Path:
    """A plain folder of images, without class folders."""
    return pack(tmp_path / "photos", {**contents, ".hidden/x.png": b"nothing"})


def opened(photos: Path, table: str, name: str = "labels.csv", **settings: object) -> Dataset:
    file = photos.parent / name
    file.write_text(table, encoding="utf-8")
    return open_dataset(str(photos), labels=file, **settings)  # type: ignore[arg-type]


def named(dataset: Dataset) -> dict[str, str]:
    classes = [dataset.class_names[label] for label in dataset.labels]
    return dict(zip(dataset.names, classes, strict=True))


GIVEN = dict(zip(FILES, LABELS, strict=True))
ROWS = [{"file_name": file, "label": label, "width": 5, "bbox": [1, 2]} for file, label in GIVEN.items()]
COCO = {
    "images": [{"id": 10 + index, "file_name": file} for index, file in enumerate(FILES)],
    "categories": [{"id": 7, "name": "eel"}, {"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
    "annotations": [{"image_id": 10 + index, "category_id": kind} for index, kind in enumerate((1, 3, 1, 7))],
}


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("labels.csv", CSV),
        ("labels.CSV", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("labels.csv", CSV.replace(",", ";")),
        ("labels.tsv", CSV.replace(",", "\t")),
        ("labels.csv", CSV.replace("file,label", "Image Path , Class-Name")),
        ("labels.csv", 'id,"label"\n' + "".join(f'"{file}","{label}"\n\n' for file, label in GIVEN.items())),
        ("labels.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("labels.json", json.dumps(ROWS)),
        ("labels.json", json.dumps(GIVEN)),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_a_table_of_any_form_labels_a_folder_and_an_archive(
    name: str, table: str, kind: str, photos: Path, pack: Pack, contents: Mapping[str, bytes], encode: Encode
) -> None:
    place = photos if kind == "folder" else pack(photos.parent / f"photos.{kind}", contents)
    dataset = opened(place, table, name)
    assert named(dataset) == GIVEN
    assert dataset.class_names == ("cat", "dog", "eel")
    assert dataset.left_out == ()
    assert dataset.files[-1].name == name
    assert dataset.spec == ("folder:photos" if kind == "folder" else place.name)
    for image, name in zip(dataset.images, dataset.names, strict=True):
        np.testing.assert_array_equal(image, encode(FILES.index(name))[1])


def test_cocos_categories_are_the_classes_in_the_order_of_their_ids(photos: Path) -> None:
    dataset = opened(photos, json.dumps(COCO), "annotations.json")
    assert dataset.class_names == ("cat", "dog", "eel")
    assert named(dataset) == GIVEN
    several = {**COCO, "annotations": [*COCO["annotations"], {"image_id": 10, "category_id": 1}]}
    assert named(opened(photos, json.dumps(several), "annotations.json")) == GIVEN, "two boxes of one class"
    torn = {**COCO, "annotations": [*COCO["annotations"], {"image_id": 10, "category_id": 7}]}
    with pytest.raises(DataError, match=r"^expected one label for a\.png in annotations\.json, got 'cat' and 'eel'"):
        opened(photos, json.dumps(torn), "annotations.json")
    few = {**COCO, "annotations": COCO["annotations"][:2]}
    assert opened(photos, json.dumps(few), "a.json").left_out == (
        LeftOut(2, "image", "without a label in a.json", ("d.jpg.png", "deep/c.png")),
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"images": [{"id": 10}]}, r"KeyError\('file_name'\)"),
        ({"annotations": [{"image_id": 99, "category_id": 1}]}, r"KeyError\(99\)"),
        ({"annotations": [{"image_id": 10, "category_id": 99}]}, r"KeyError\(99\)"),
        ({"annotations": 3}, "TypeError"),
        ({"categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]}, "two with one id or name|KeyError"),
        ({"categories": [{"id": index, "name": "cat"} for index in (1, 3, 7)]}, "two with one id or name"),
    ],
)
def test_annotations_of_another_form_are_one_sentence(photos: Path, change: dict[str, object], reason: str) -> None:
    with pytest.raises(DataError, match=rf"^expected .*annotations\.json.*, got .*({reason}).*; correct it$"):
        opened(photos, json.dumps({**COCO, **change}), "annotations.json")


def test_columns_are_found_by_their_names_or_given(photos: Path) -> None:
    table = "who,file,label,truth\n" + "".join(f"anna,{file},7,{label}\n" for file, label in GIVEN.items())
    assert set(opened(photos, table).class_names) == set(map(str, range(8))), "label is a usual name, truth is none"
    assert named(opened(photos, table, label_columns="file,truth")) == GIVEN
    assert named(opened(photos, table, label_columns=("file", "truth"))) == GIVEN
    with pytest.raises(
        DataError, match=r"^expected a column of .* for --label-columns, got 'trut'; did you mean 'truth'"
    ):
        opened(photos, table, label_columns="file,trut")
    with pytest.raises(InputError, match=r"^expected --label-columns with two columns or three, as in .*, got 'file'$"):
        opened(photos, table, label_columns="file")
    headless = CSV.partition("\n")[2]
    assert named(opened(photos, headless, label_columns="1,2")) == GIVEN
    with pytest.raises(
        DataError, match=r"^expected a column of file names .*, got the columns a\.png, cat; give --label-"
    ):
        opened(photos, headless)
    with pytest.raises(InputError, match=r"^expected --labels beside --label-columns, got none$"):
        open_dataset(str(photos), label_columns="1,2")


@pytest.mark.parametrize("numbers", [("3", "0", "3", "11"), ("3.0", "0.0", "3.0", "11.0")])
def test_whole_numbers_are_the_classes_own(photos: Path, numbers: tuple[str, ...]) -> None:
    dataset = opened(photos, "file,label\n" + "".join(f"{file},{n}\n" for file, n in zip(FILES, numbers, strict=True)))
    assert dataset.class_names == tuple(map(str, range(12)))
    assert named(dataset) == dict(zip(FILES, ("3", "0", "3", "11"), strict=True))


def test_numbers_in_json_are_numbers(photos: Path) -> None:
    assert named(opened(photos, json.dumps(dict.fromkeys(FILES, 2)), "labels.json")) == dict.fromkeys(FILES, "2")
    bools = opened(photos, json.dumps({"a.png": True, "b.png": False}), "labels.json")
    assert bools.class_names == ("False", "True")
    assert named(opened(photos, '{"a.png": NaN, "b.png": "dog"}', "labels.json")) == {"b.png": "dog"}


def test_an_image_is_named_by_its_path_by_the_end_of_it_or_without_its_suffix(photos: Path) -> None:
    inside, beside = (photos.absolute() / "a.png").as_posix(), "photos/b.png"
    for files in (
        (inside, beside, "./deep/../deep/c.png", "d.jpg.png"),
        ("a", "b", "c", "d.jpg"),
        ("a", "b", "c.png", "d.jpg"),
    ):
        rows = "".join(f"{file},{label}\n" for file, label in zip(files, LABELS, strict=True))
        assert named(opened(photos, f"file,label\n{rows}")) == GIVEN
    windows = CSV.replace("deep/c.png", "deep\\c.png")
    assert named(opened(photos, windows)) == GIVEN


def test_a_name_that_two_images_share_is_one_sentence(photos: Path) -> None:
    (photos / "deeper").mkdir()
    (photos / "deeper" / "c.png").write_bytes((photos / "a.png").read_bytes())
    assert len(opened(photos, CSV)) == 4
    with pytest.raises(
        DataError, match=r"^expected one image for 'c\.png' of labels\.csv, got 2: deep/c\.png, deeper/c"
    ):
        opened(photos, CSV.replace("deep/", ""))


@pytest.mark.parametrize(
    "path", ["../secret.png", "/etc/passwd", "deep/../../secret.png", "C:/a.png", "..\\secret.png"]
)
def test_no_path_leads_out_of_the_folder(photos: Path, path: str, encode: Encode) -> None:
    (photos.parent / "secret.png").write_bytes(encode(9)[0])
    with pytest.raises(DataError, match=r"^expected paths of images inside photos in labels\.csv, got '.*'$"):
        opened(photos, f"{CSV}{path},cat\n")


def test_what_does_not_fit_together_is_counted_and_named(photos: Path) -> None:
    table = "file,label\na.png,cat\na.png,cat\nb.png,\ngone.png,dog\nlost.png,cat\n"
    dataset = opened(photos, table)
    assert named(dataset) == {"a.png": "cat"}
    assert dataset.class_names == ("cat", "dog")
    assert dataset.left_out == (
        LeftOut(3, "image", "without a label in labels.csv", ("b.png", "d.jpg.png", "deep/c.png")),
        LeftOut(2, "label", "without an image in labels.csv", ("gone.png", "lost.png")),
        LeftOut(1, "repeated label", "in labels.csv", ("a.png",)),
    )
    with pytest.raises(
        DataError, match=r"^expected one label for a\.png in labels\.csv, got 'cat' and 'dog'; correct it$"
    ):
        opened(photos, f"{CSV}a.png,dog\n")


def test_a_column_divides_a_table_into_splits(photos: Path) -> None:
    rows = zip(FILES, LABELS, ("test", "train", "Val", "test"), strict=True)
    table = "file,label,split\n" + "".join(f"{','.join(row)}\n" for row in rows)
    assert named(opened(photos, table)) == {"a.png": "cat", "d.jpg.png": "eel"}
    for split in ("validation", "val"):
        assert named(opened(photos, table, split=split)) == {"deep/c.png": "cat"}
    assert opened(photos, table).left_out == (), "images of another split have a label"
    assert opened(photos, table).class_names == ("cat", "dog", "eel"), "those of all splits"


@pytest.mark.parametrize(
    ("column", "got"),
    [
        ("train", "got those of train; name one, as in photos:train"),
        ("fold1", "got those of 'fold1'; correct them"),
    ],
)
def test_a_split_that_no_row_is_of_is_answered_with_those_that_are(photos: Path, column: str, got: str) -> None:
    table = "file,label,split\n" + "".join(f"{file},cat,{column}\n" for file in FILES)
    with pytest.raises(DataError, match=rf"^expected rows of the split test in labels\.csv, {got}$"):
        opened(photos, table)


def test_folders_divide_images_into_splits(tmp_path: Path, pack: Pack, contents: Mapping[str, bytes]) -> None:
    names = ("photos/train/a.png", "photos/test/a.png", "photos/test/b.png")
    zipped = pack(tmp_path / "photos.zip", dict.fromkeys(names, contents["a.png"]))
    whole = "file,label\n" + "".join(f"{name},{label}\n" for name, label in zip(names, LABELS, strict=False))
    assert named(opened(zipped, whole)) == {"photos/test/a.png": "dog", "photos/test/b.png": "cat"}
    assert named(opened(zipped, whole, split="train")) == {"photos/train/a.png": "cat"}
    assert opened(zipped, whole).left_out == (), "labels of another split are not left out"
    assert named(opened(zipped, "file,label\na.png,cat\n")) == {"photos/test/a.png": "cat"}
    with pytest.raises(
        DataError, match=r"^expected images .*, split validation, got those of test and train; name one"
    ):
        opened(zipped, whole, split="val")


@pytest.mark.parametrize(
    ("pattern", "name", "label"),
    [
        ("{label}_*.png", "cat_01.png", "cat"),
        ("{label}_*.png", "deep/stop_sign_01.png", "stop"),
        ("{label}_[0-9]*.png", "stop_sign_01.png", "stop_sign"),
        ("*_{label}.*", "0001_7.jpeg", "7"),
        ("img????-{label}.png", "img0001-dog.png", "dog"),
        ("{label}/*/*.png", "top/cat/raw/1.png", "cat"),
        ("{label}.*.jpg", "cat.123.jpg", "cat"),
        ("{label}_*.png", "cat.png", None),
        ("{label}_*.png", "_1.png", None),
        ("{label}+(*).png", "a+(b).png", "a"),
        ("{label}[!a-z]*", "cat7.png", "cat"),
        ("[x_{label}.png", "[x_cat.png", "cat"),
        ("[x_{label}.png", "x_cat.png", None),
    ],
)
def test_file_names_hold_labels(pattern: str, name: str, label: str | None) -> None:
    table = pattern_labels(pattern, [name])
    assert (list(table.files), list(table.labels)) == (([name], [label]) if label else ([], []))


def test_a_pattern_labels_a_folder(tmp_path: Path, pack: Pack, contents: Mapping[str, bytes]) -> None:
    folder = pack(tmp_path / "a", dict.fromkeys(("cat.1.png", "x/dog.2.png", "eel.png"), contents["a.png"]))
    dataset = open_dataset(str(folder), labels="{label}.*.png")
    assert named(dataset) == {"cat.1.png": "cat", "x/dog.2.png": "dog"}
    assert dataset.left_out == (LeftOut(1, "image", "without a label in {label}.*.png", ("eel.png",)),)
    with pytest.raises(
        InputError, match=r"^expected \{label\} once in the pattern of --labels, got '\{label\}\{label\}'$"
    ):
        open_dataset(str(folder), labels="{label}{label}")
    with pytest.raises(InputError, match=r"^expected no --label-columns beside a pattern of file names, got 1,2$"):
        open_dataset(str(folder), labels="{label}*", label_columns="1,2")


@given(
    parts=st.lists(
        st.sampled_from(
            ["*", "?", "[ab]", "[b-a]", "[!^]", "[[a]", "[a--b]", "[!]", "[", "]", "(", "a", ".", "/", "\\", "{label}"]
        ),
        max_size=6,
    ),
    name=st.text("ab./[(", max_size=8),
)
def test_any_pattern_gives_labels_or_one_sentence(parts: list[str], name: str) -> None:
    try:
        table = pattern_labels("".join(parts), [name])
    except InputError:
        return
    assert all(label and label in name for label in table.labels)


def test_files_that_are_no_images_are_passed_over_but_for_the_table_itself(photos: Path) -> None:
    for name in ("notes.txt", "deep/scan.npy", "LICENSE"):
        (photos / name).write_bytes(b"something")
    (photos / "labels.csv").write_text(CSV, encoding="utf-8")
    dataset = open_dataset(str(photos), labels=photos / "labels.csv")
    assert named(dataset) == GIVEN
    assert dataset.left_out == (
        LeftOut(1, "file", "ending in .npy", ("deep/scan.npy",)),
        LeftOut(1, "file", "ending in .txt", ("notes.txt",)),
        LeftOut(1, "file", "without an ending", ("LICENSE",)),
    )


def test_dicom_files_are_labeled_with_and_without_suffix(tmp_path: Path, pack: Pack) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 5), dtype=np.uint8)
    folder = pack(tmp_path / "scans", {"1.2.840.7": made(pixels[0]), "Roe^Jane.dcm": made(pixels[1])})
    dataset = opened(folder, "image_id,diagnosis\n1.2.840.7,ill\nRoe^Jane,well\n", label_columns="image_id,diagnosis")
    assert dataset.private
    assert [dataset.class_names[label] for label in dataset.labels] == ["ill", "well"]
    for image, values in zip(dataset.images, pixels, strict=True):
        np.testing.assert_array_equal(image[0], values)


@pytest.mark.data
def test_the_official_table_of_gtsrb_labels_its_zip(tmp_path: Path) -> None:
    files = DataLocator(download=False).find("gtsrb")
    with zipfile.ZipFile(files["GTSRB_Final_Test_GT.zip"].path) as zipped:
        table = zipped.read("GT-final_test.csv").decode()
    (tmp_path / "GT-final_test.csv").write_text(table, encoding="utf-8")
    images = files["GTSRB_Final_Test_Images.zip"].path
    dataset = open_dataset(str(images), labels=tmp_path / "GT-final_test.csv")
    official = open_dataset("gtsrb")
    np.testing.assert_array_equal(dataset.labels, official.labels)
    for index in range(0, len(official), 1500):
        np.testing.assert_array_equal(dataset.images[index], official.images[index])


@pytest.mark.parametrize(
    ("table", "name", "sentence"),
    [
        (
            "",
            "labels.csv",
            r"expected a column of file names in .*labels.csv \(file_name, .*\), got none; give",
        ),
        ("file,label\n", "labels.csv", "expected rows in .*labels.csv, got none"),
        ("file,label\n,cat\n", "labels.csv", "expected a file name in each row of .*labels.csv, got none in row 1"),
        ("file,label\nx,cat\n", "labels.csv", "expected labels in labels.csv for images such as .*, got such as 'x'"),
        ("file,kind\na.png,cat\n", "labels.csv", r"expected a column of labels .*, got the columns file, kind; give"),
        ("{", "labels.json", "expected a table of labels in .*labels.json, got one that cannot be read"),
        ("3", "labels.json", "expected a table of labels in .*labels.json, got one that .*its rows are no objects"),
        ('[{"file": [1], "label": 2}]', "labels.json", "expected a table of .* is neither a text nor a number"),
        ("file,label\na.png,99999\n", "labels.csv", "expected labels from 0 to 32767 in labels.csv, got 99999"),
        ("file,label\na.png,\n", "labels.csv", "expected labels in labels.csv, got none of an image; fill the column$"),
        (CSV, "labels.xlsx", "expected labels in a file that ends in .csv, .tsv, .*, got .*labels.xlsx; convert it"),
    ],
)
def test_a_table_that_is_none_is_one_sentence(photos: Path, table: str, name: str, sentence: str) -> None:
    with pytest.raises(DataError, match=f"^{sentence}"):
        opened(photos, table, name)


def test_bytes_that_are_no_text_are_one_sentence(photos: Path) -> None:
    (photos.parent / "labels.csv").write_bytes(b"file,label\n\xff\xfe.png,cat\n")
    with pytest.raises(DataError, match=r"^expected a table of labels in .*labels\.csv, got one that cannot be read"):
        open_dataset(str(photos), labels=photos.parent / "labels.csv")


@given(content=st.binary(max_size=60), kind=st.sampled_from([".csv", ".tsv", ".json", ".jsonl"]))
def test_any_bytes_are_a_table_or_one_sentence(
    content: bytes, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("any") / f"labels{kind}"
    file.write_bytes(content)
    try:
        table = read_labels(file)
    except DataError:
        return
    assert len(table.files) == len(table.labels)


def test_what_has_labels_of_its_own_takes_no_others(photos: Path) -> None:
    np.savez(photos.parent / "a.npz", images=np.zeros((2, 4, 4), dtype=np.uint8), labels=np.arange(2))
    for text in (str(photos.parent / "a.npz"), "mnist"):
        with pytest.raises(
            DataError, match=r"^expected a folder or a file that ends in \.zip, .* beside --labels, got"
        ):
            open_dataset(text, labels="{label}_*")
    with pytest.raises(
        DataError, match=r"^expected --labels to be a file, or a pattern .*, got 'gone.csv', which is no"
    ):
        open_dataset(str(photos), labels="gone.csv")


def test_other_labels_are_another_dataset(photos: Path) -> None:
    first, second = opened(photos, CSV), opened(photos, CSV.replace("dog", "cat"))
    assert first.fingerprint != second.fingerprint
    assert replace(first, labels=second.labels).fingerprint != first.fingerprint
