"""Images of one object, such as a patient: a table says so, and intervals are as wide as whole objects make them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image
from torch import Tensor

import negatoscope as ng
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.rows import read_rows

FLIP = "flip(axis='top_bottom')"
FILES = ("a.png", "b.png", "c.png", "d.png")


def opened(tmp_path: Path, objects: Sequence[str], header: str = "file,label,patient", columns: str = "") -> Dataset:
    table = tmp_path / "labels.csv"
    lines = [f"{file},cat,{name}" for file, name in zip(FILES, objects, strict=True)]
    table.write_text("\n".join(filter(None, [header, *lines])))
    for place, file in enumerate(FILES):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("L", (4, 4), place).save(tmp_path / "photos" / file)
    return open_dataset(str(tmp_path / "photos"), labels=table, label_columns=columns)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("file,label,Patient ID", ""),
        ("file,label,who", "file,label,who"),
        ("file,label,subject", "file,label"),
        ("", "1,2,3"),
    ],
)
def test_a_column_says_which_images_show_one_object(header: str, columns: str, tmp_path: Path) -> None:
    dataset = opened(tmp_path, ("Roe", "", "Roe", ""), header, columns)
    assert dataset.tracks is not None
    assert dataset.tracks.tolist() == [0, 1, 0, 2], "an empty cell is an object of its own"


def test_objects_that_are_shown_once_each_are_none(tmp_path: Path) -> None:
    assert opened(tmp_path, "abcd").tracks is None


def test_of_the_same_table_another_column_makes_another_dataset(tmp_path: Path) -> None:
    one, other = (
        opened(tmp_path, ("0,0", "0,1", "1,2", "1,3"), "file,label,a,b", f"file,label,{name}") for name in "ab"
    )
    assert (one.tracks is None, other.tracks is None) == (False, True)
    assert one.files == other.files
    assert one.fingerprint != other.fingerprint


def test_intervals_are_as_wide_as_whole_patients(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset(120, split="test")
    (tmp_path / "images").mkdir()
    for index, image in enumerate(dataset.images):
        Image.fromarray(image[0]).save(tmp_path / "images" / f"{index:03d}.png")

    def audited(column: str, patients: Sequence[str]) -> AuditResult:
        table = tmp_path / f"{column}.csv"
        lines = [
            f"{index:03d}.png,{label},{who}"
            for index, (label, who) in enumerate(zip(dataset.labels, patients, strict=True))
        ]
        table.write_text("\n".join([f"file,label,{column}", *lines]))
        settings = {"size": 8, "channels": "gray", "suite": "none", "transforms": [FLIP], "out": tmp_path / column}
        return ng.audit(reads_bars, tmp_path / "images", labels=table, **settings)

    def reads_bars(images: Tensor) -> Tensor:
        rows = images.mean(dim=(1, 3))[:, : 8 // 3 * 3].unflatten(1, (3, -1))
        return rows.mean(dim=2) * 9

    alone = audited("note", ["Roe"] * len(dataset))
    rows = read_rows(alone.out / "rows.parquet", where={"transform": FLIP}).sort_by("sample").to_pylist()
    both = audited("patient", ["Roe" if row["prediction"] == row["label"] else "Doe" for row in rows])
    narrow, wide = alone.transforms[FLIP], both.transforms[FLIP]
    assert 0 < narrow.accuracy == wide.accuracy < 1
    assert wide.low <= narrow.low < narrow.high < wide.high - 0.3, "one patient is always read, the other one never"
    assert alone.transforms[FLIP].p_value < 1e-6
    assert both.transforms[FLIP].p_value == 1, "of two patients, one is lost: that may be chance"
    assert (alone.summary.dataset.objects, both.summary.dataset.objects) == (None, 2)
    sentence = "The images show 2 objects, some several times: intervals and p-values count whole objects"
    assert sentence not in str(alone)
    assert sentence in str(both)
    assert ("p is McNemar's" in str(alone), "p is that of whole objects" in str(both)) == (True, True)
    assert sentence in (both.out / "report.html").read_text()
    one = audited("track", ["Roe"] * len(dataset))
    assert "All images show one object: intervals and p-values count images" in str(one)
    assert "p is McNemar's" in str(one)
    assert "Roe" not in json.dumps(json.loads((both.out / "summary.json").read_text())), "names are not kept"
