"""The tables beside an audit's rows: what images are called, which failed, and the numbers for a paper."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import negatoscope as ng
from negatoscope.auditing import failures, images_table
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.failures import COLUMNS
from negatoscope.auditing.images_table import read_images
from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError
from negatoscope.reports.csv_table import csv_table, guarded
from negatoscope.reports.latex import latex_table
from negatoscope.types import Images, Logits

AUDITED = ("negative", "flip", "noise(l2=2.0)", "fgsm(epsilon=0.5)")


def brightest_bar(images: Images) -> Logits:
    """Reads `make_dataset`'s bars as a person would, but not their negatives."""
    rows = images.mean(dim=(1, 3))
    return 9 * torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)


@pytest.fixture(scope="module")
def named(make_dataset: Callable[..., Dataset]) -> Dataset:
    dataset = make_dataset(40, split="test")
    names = tuple(f'{index:02d}, a "bar".png' for index in range(39))
    return replace(dataset, names=("=HYPERLINK(1).png", *names), class_names=("left", "-middle", "right, é"))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A third of the classes keep their label under a flip."""
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    rules = {"flip": ["left"], "negative": ["left", "-middle", "right, é"]}
    text = "".join(f"[[bars.rules]]\ntransform = '{name}'\npreserved = {classes}\n" for name, classes in rules.items())
    file.write_text(text, encoding="utf-8")
    return {"size": 8, "channels": "gray", "suite": "none", "transforms": AUDITED, "label_preserving": file}


@pytest.fixture(scope="module")
def result(named: Dataset, settings: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    return ng.audit(brightest_bar, named, limit=30, out=tmp_path_factory.mktemp("audit"), **settings)


def lines(folder: Path) -> list[dict[str, str]]:
    with (folder / "failures.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_images_names_files_and_classes(result: AuditResult, named: Dataset) -> None:
    table = pq.read_table(result.out / "images.parquet").to_pydict()
    assert len(table["sample"]) == 30 == result.summary.n
    for sample, name, label, class_name in zip(*table.values(), strict=True):
        assert name == named.names[sample]
        assert label == named.labels[sample]
        assert class_name == named.class_names[label]


def test_a_data_frame_has_names_beside_the_numbers(result: AuditResult, named: Dataset) -> None:
    frame = result.to_pandas()
    assert list(frame.columns)[:-3] == result.rows().column_names
    assert list(frame["name"]) == [named.names[sample] for sample in frame["sample"]]
    for column in ("label", "prediction"):
        assert list(frame[f"{column}_name"]) == [named.class_names[index] for index in frame[column]]


def test_the_failures_are_what_the_rows_say_where_labels_are_preserved(result: AuditResult, named: Dataset) -> None:
    frame = result.to_pandas()
    counted = (frame["transform"] != "noise(l2=2.0)") & ((frame["transform"] != "flip") | (frame["label"] == 0))
    failed = frame[counted & (frame["label"] != frame["prediction"])]
    listed = pd.DataFrame(lines(result.out))
    assert list(listed.columns) == list(COLUMNS)
    assert len(listed) > 30
    key = ["transform", "sample", "label", "prediction"]
    failed = failed.astype({"transform": str})
    same = listed[[*key, "confidence"]].astype(failed[key].dtypes).sort_values(key, ignore_index=True)
    failed = failed[[*key, "confidence"]].sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(same[key], failed[key])
    assert same["confidence"].tolist() == [f"{confidence:.4f}" for confidence in failed["confidence"]]
    assert list(dict.fromkeys(listed["transform"])) == [
        spec for spec in ("clean", *AUDITED) if spec in set(listed["transform"])
    ]
    clean = frame[frame["transform"] == "clean"].set_index("sample")["prediction_name"].astype(str)
    for line in listed.itertuples():
        assert line.name == guarded(named.names[int(line.sample)])
        assert line.label_name == guarded(named.class_names[int(line.label)])
        assert line.prediction_name == guarded(named.class_names[int(line.prediction)])
        assert line.clean_prediction_name == guarded(clean[int(line.sample)])


def test_images_have_their_names_whatever_the_order_of_the_data(
    named: Dataset, settings: Mapping[str, Any], tmp_path: Path
) -> None:
    shuffled = named.take(np.random.default_rng(0).permutation(len(named)), split=named.split)
    result = ng.audit(brightest_bar, shuffled, out=tmp_path, **settings)
    frame = result.to_pandas()
    assert list(frame["name"]) == [named.names[sample] for sample in frame["sample"]]
    failed = lines(tmp_path)
    assert [line["name"] for line in failed] == [guarded(named.names[int(line["sample"])]) for line in failed]
    gallery = json.loads((tmp_path / "gallery" / "gallery.json").read_text(encoding="utf-8"))["entries"]
    assert len(gallery) > 10
    assert [entry["name"] for entry in gallery] == [named.names[entry["sample"]] for entry in gallery]


@pytest.mark.parametrize("outputs", [2, 5])
def test_an_open_classifier_has_a_class_for_each_of_the_data_and_others_are_numbers(
    named: Dataset, tmp_path: Path, outputs: int
) -> None:
    def backwards(images: Images) -> Logits:
        return 9 * torch.arange(float(outputs)).expand(len(images), -1)

    classifier = ng.open_classifier(backwards, size=8, channels="gray", name="backwards")
    audit = partial(ng.audit, classifier, named, suite="none", no_self_check=True, out=tmp_path / "out")
    if outputs < 3:
        with pytest.raises(InputError, match="an output of backwards for each of the 3 classes of the data, got 2"):
            audit()
    else:
        assert set(audit().to_pandas()["prediction_name"]) == {"class 4"}
        assert {line["prediction_name"] for line in lines(tmp_path / "out")} == {"class 4"}


def test_no_cell_of_the_failures_is_a_formula(named: Dataset, settings: Mapping[str, Any], tmp_path: Path) -> None:
    ng.audit(brightest_bar, named, out=tmp_path, **settings)
    cells = {cell for line in lines(tmp_path) for cell in line.values()}
    assert {"'=HYPERLINK(1).png", "'-middle", "left"} <= cells
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n@", "＝1"])
def test_what_begins_like_a_formula_has_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "cat", "a=b", "3", "'quoted", "50-60.png"])
def test_other_cells_are_as_they_are(text: str) -> None:
    assert guarded(text) == text


def test_tables_for_other_programs_are_guarded_too() -> None:
    assert csv_table([{"model": "=net", "accuracy": -0.5}]) == "model,accuracy\n'=net,-0.5\n"


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("keep_names", [False, True])
def test_private_images_are_numbered_and_named_in_one_file_where_that_is_asked_for(
    named: Dataset, settings: Mapping[str, Any], tmp_path: Path, keep_names: bool
) -> None:
    private = replace(named, private=True, names=tuple(f"Roe^Jane^{index}" for index in range(40)))
    result = ng.audit(brightest_bar, private, out=tmp_path, keep_names=keep_names, **settings)
    table = pq.read_table(tmp_path / "images.parquet")
    assert table["name"].to_pylist() == (list(private.names) if keep_names else [None] * 40)
    assert [file for file, content in written(tmp_path).items() if b"Roe^Jane" in content] == [
        "images.parquet"
    ] * keep_names
    assert "Roe^Jane" not in str(result)
    assert (result.to_pandas()["name"].notna() == keep_names).all()
    assert {line["name"] for line in lines(tmp_path)} == {""}


def test_a_folder_of_an_audit_opens_again(result: AuditResult) -> None:
    again = ng.read_audit(result.out)
    assert again.summary == result.summary
    pd.testing.assert_frame_equal(again.to_pandas(), result.to_pandas())


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_a_missing_or_damaged_table_of_images_is_one_sentence(
    result: AuditResult, tmp_path: Path, content: bytes | None
) -> None:
    file = result.save(tmp_path / "a") / "images.parquet"
    file.unlink()
    if content:
        file.write_bytes(content)
    with pytest.raises(DataError, match=r"^expected the table of an audit's images in .*; audit again$"):
        ng.read_audit(tmp_path / "a").to_pandas()


def test_the_numbers_come_as_a_latex_table(result: AuditResult) -> None:
    text = result.to_latex()
    first, *rows, last = text.splitlines()
    assert (first, last) == (r"\begin{tabular}{lrrrr}", r"\end{tabular}")
    assert rows[1] == r"Transform & Images & Accuracy, \% & Change, points & p (Holm) \\"
    specs = [row.partition(" & ")[0] for row in rows[3:-1]]
    assert specs == ["clean", "negative", "flip", "noise(l2=2.0) (control)", "fgsm(epsilon=0.5) (attack)"]
    assert all(row.count("&") == 4 and row.endswith(r" \\") for row in rows[3:-1])
    assert text.isascii(), "any engine sets it"


def test_signs_that_latex_takes_for_its_own_are_escaped() -> None:
    text = latex_table(["a_b", "c"], [["50 % & {x}", "\u22123 <1 #$~^\\"]])
    assert r"a\_b & c \\" in text
    assert r"50 \% \& \{x\} & $-$3 $<$1 \#\$\textasciitilde{}\textasciicircum{}\textbackslash{} \\" in text


def test_the_page_says_where_names_and_failures_are(result: AuditResult) -> None:
    page = (result.out / "report.html").read_text(encoding="utf-8")
    for words in ("images.parquet", "failures.csv", "read_audit", "to_pandas()", "to_latex()"):
        assert words in page


def test_chosen_images_keep_their_numbers(result: AuditResult) -> None:
    samples = pq.read_table(result.out / "images.parquet")["sample"].to_numpy()
    assert not np.array_equal(samples, np.arange(30)), "a sample of 40"
    assert set(result.rows()["sample"].to_pylist()) == set(samples.tolist())


def test_tables_made_a_few_lines_at_a_time_are_the_same(
    named: Dataset, settings: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ng.audit(brightest_bar, named, out=tmp_path / "whole", **settings)
    monkeypatch.setattr(failures, "_LINES", 3)
    monkeypatch.setattr(images_table, "_AT_ONCE", 7)
    pieces = ng.audit(brightest_bar, named, out=tmp_path / "pieces", **settings)
    assert (pieces.out / "failures.csv").read_bytes() == (whole.out / "failures.csv").read_bytes()
    assert (pieces.out / "failures.csv").read_bytes().count(b"\n") > 4
    assert read_images(pieces.out).equals(read_images(whole.out))
