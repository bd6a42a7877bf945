"""Parquet files in the layout of Hugging Face's datasets give images and labels, a few rows at a time."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError

Encode = Callable[..., tuple[bytes, np.ndarray]]
LABELS = [1, 0, 2, 1, 1, 0, 2]
FEATURES: dict[str, Any] = {
    "image": {"_type": "Image"},
    "label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"},
}


def hugging_face(
    path: Path,
    contents: Sequence[bytes | None],
    *,
    labels: Sequence[int | None] = LABELS,
    features: dict[str, Any] | None = FEATURES,
    names: Sequence[str] = ("image", "label"),
    paths: Sequence[str | None] | None = None,
) -> str:
    """A file as Hugging Face's `datasets` writes it: structs of bytes and path, and a note in the schema."""
    paths = [f"{index}.png" for index in range(len(contents))] if paths is None else paths
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": c, "path": p} for c, p in zip(contents, paths, strict=True)], struct)
    table = pa.table(dict(zip(names, (images, pa.array(list(labels), pa.int64())), strict=True)))
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=3)
    return str(path)


@pytest.fixture
def pictures(encode: Encode) -> list[tuple[bytes, np.ndarray]]:
    return [encode(seed, (4 + seed, 5, 3)) for seed in range(7)]


@pytest.fixture
def contents(pictures: list[tuple[bytes, np.ndarray]]) -> list[bytes]:
    return [content for content, _ in pictures]


def test_a_file_of_hugging_faces_layout_is_read(
    tmp_path: Path, pictures: list[tuple[bytes, np.ndarray]], contents: list[bytes]
) -> None:
    dataset = open_dataset(hugging_face(tmp_path / "pets.parquet", contents))
    assert (dataset.spec, dataset.split, dataset.class_names) == ("pets.parquet", "test", ("cat", "dog", "eel"))
    assert dataset.labels.tolist() == LABELS
    assert list(dataset.names) == [f"{index}.png" for index in range(7)]
    for index in (0, 1, 2, 3, 6, 5, 0, 4, 4):
        np.testing.assert_array_equal(dataset.images[index], pictures[index][1])


def test_plain_bytes_and_no_note_are_enough(
    tmp_path: Path, pictures: list[tuple[bytes, np.ndarray]], contents: list[bytes]
) -> None:
    for kind in (pa.binary(), pa.large_binary()):
        pq.write_table(pa.table({"label": LABELS, "image": pa.array(contents, kind)}), tmp_path / "a.parquet")
        dataset = open_dataset(str(tmp_path / "a.parquet"))
        assert dataset.class_names == ("0", "1", "2")
        assert dataset.names[2] == "row 2 of a.parquet"
        np.testing.assert_array_equal(dataset.images[2], pictures[2][1])


@pytest.mark.parametrize("inside", ["", "data"])
def test_a_folder_holds_shards_and_splits(tmp_path: Path, contents: list[bytes], inside: str) -> None:
    top = tmp_path / "pets"
    hugging_face(top / inside / "train-00000-of-00001.parquet", contents[:1], labels=[0])
    hugging_face(top / inside / "test-00001-of-00002.parquet", contents[:2], labels=[2, 2])
    hugging_face(top / inside / "test-00000-of-00002.parquet", contents)
    test = open_dataset(str(top))
    assert (test.spec, test.labels.tolist()) == ("folder:pets", [*LABELS, 2, 2])
    assert test.images[8].shape == (3, 5, 5)
    assert [file.name for file in test.files] == ["test-00000-of-00002.parquet", "test-00001-of-00002.parquet"]
    assert open_dataset(f"folder:{top}:train").labels.tolist() == [0]
    with pytest.raises(
        DataError,
        match=r"^expected validation-\*\.parquet in .*pets, got test, train; name one .*, as in pets:test$",
    ):
        open_dataset(f"{top}:validation")


def test_a_file_named_after_another_split_or_none_is_not_taken_for_it(tmp_path: Path, contents: list[bytes]) -> None:
    train = hugging_face(tmp_path / "train-00000-of-00001.parquet", contents)
    with pytest.raises(
        DataError,
        match=r"^expected test-\*\.parquet in .*, got train; name one .*, as in train-0.*:train$",
    ):
        open_dataset(train)
    assert open_dataset(f"{train}:train").split == "train"
    validation = hugging_face(tmp_path / "val-00000-of-00001.parquet", contents)
    assert open_dataset(f"{validation}:val").split == "validation"
    values = hugging_face(tmp_path / "values.parquet", contents)
    assert open_dataset(values).split == "test"
    plain = hugging_face(tmp_path / "pets.parquet", contents)
    with pytest.raises(
        DataError, match=r"^expected train-\*\.parquet in .*, got files without a split; leave :train out"
    ):
        open_dataset(f"{plain}:train")


def test_the_note_names_columns_of_other_names(tmp_path: Path, contents: list[bytes]) -> None:
    features = {"img": FEATURES["image"], "fine_label": FEATURES["label"]}
    path = hugging_face(tmp_path / "a.parquet", contents, features=features, names=("img", "fine_label"))
    assert open_dataset(path).class_names == ("cat", "dog", "eel")
    path = hugging_face(tmp_path / "b.parquet", contents, features=None, names=("img", "fine_label"))
    with pytest.raises(
        DataError, match=r"^expected the columns image and label in .*, got img, fine_label; rename them$"
    ):
        open_dataset(path)


@pytest.mark.parametrize(
    "note",
    [
        *(b"no json", b"[]", b'{"info": null}', b'{"info": {"features": []}}'),
        b'{"info": {"features": {"label": {"names": 5}}}}',
    ],
)
def test_a_note_of_another_form_is_no_note(tmp_path: Path, contents: list[bytes], note: bytes) -> None:
    table = pa.table({"image": contents, "label": LABELS}).replace_schema_metadata({b"huggingface": note})
    pq.write_table(table, tmp_path / "a.parquet")
    assert open_dataset(str(tmp_path / "a.parquet")).class_names == ("0", "1", "2")


def test_only_the_last_part_of_a_path_is_reported(tmp_path: Path, contents: list[bytes]) -> None:
    paths = ["/home/somebody/cats/1.png", None, ""]
    dataset = open_dataset(hugging_face(tmp_path / "a.parquet", contents[:3], labels=[0, 0, 0], paths=paths))
    assert list(dataset.names) == ["1.png", "row 1 of a.parquet", "row 2 of a.parquet"]


def test_a_path_that_is_no_text_names_nothing(tmp_path: Path, contents: list[bytes]) -> None:
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.binary())])
    images = pa.array([{"bytes": content, "path": b"x.png"} for content in contents], struct)
    pq.write_table(pa.table({"image": images, "label": LABELS}), tmp_path / "a.parquet")
    assert open_dataset(str(tmp_path / "a.parquet")).names[0] == "row 0 of a.parquet"


def test_an_image_without_bytes_is_reported_by_name_and_others_are_read(tmp_path: Path, contents: list[bytes]) -> None:
    images = open_dataset(hugging_face(tmp_path / "a.parquet", [contents[0], None, b"no image", *contents[3:]])).images
    with pytest.raises(DataError, match=r"^expected the bytes of 1\.png in column image, got none; store them in the"):
        images[1]
    with pytest.raises(DataError, match=r"^expected an image in 2\.png, got bytes that do not decode"):
        images[2]
    assert images[3].shape == (3, 7, 5)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"image": ["a.png"], "label": [0]}, "expected image bytes in column image of .*, got string; encode"),
        ({"image": [[1, 2]], "label": [0]}, "expected image bytes in column image of .*, got list<"),
        ({"image": [{"path": "a"}], "label": [0]}, "expected image bytes in column image of .*, got struct<"),
        ({"image": [b""], "label": ["cat"]}, "expected whole numbers as labels in .*, got object; number"),
        ({"image": [b"", b""], "label": [0, None]}, "expected a label in each row of .*, got 1 without one"),
        ({"image": [b""], "label": [-1]}, "expected labels from 0 to 32767 in .*, got -1"),
        ({"pixels": [b""]}, "expected the columns image and label in .*, got pixels; rename them"),
    ],
)
def test_columns_of_another_kind_are_one_sentence(tmp_path: Path, table: dict[str, Any], sentence: str) -> None:
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=f"^{sentence}"):
        open_dataset(str(tmp_path / "a.parquet"))


def test_a_damaged_file_is_one_sentence(tmp_path: Path, contents: list[bytes]) -> None:
    path = Path(hugging_face(tmp_path / "a.parquet", contents))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"^expected a Parquet file in .*a\.parquet, got one that cannot be read \("):
        open_dataset(str(path))


def test_a_file_that_is_gone_makes_its_images_unreadable_and_reveals_no_folder(
    tmp_path: Path, contents: list[bytes]
) -> None:
    path = Path(hugging_face(tmp_path / "a.parquet", contents))
    images = open_dataset(str(path)).images
    path.unlink()
    with pytest.raises(DataError, match=r"^expected a readable image, but 3\.png is none: ") as caught:
        images[3]
    assert str(tmp_path) not in str(caught.value)


def test_a_shard_of_another_kind_is_one_sentence(tmp_path: Path, contents: list[bytes]) -> None:
    hugging_face(tmp_path / "test-0.parquet", contents)
    pq.write_table(pa.table({"image": contents, "label": LABELS}), tmp_path / "test-1.parquet")
    with pytest.raises(DataError, match=r"^expected a Parquet file like the first in .*test-1\.parquet, got .*binary"):
        open_dataset(str(tmp_path))
