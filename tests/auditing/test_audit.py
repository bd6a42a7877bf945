"""An audit in one line of Python: what it takes, what it gives, and what it writes."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

import negatoscope as ng
from negatoscope.auditing.results import AuditSummary, Comparison
from negatoscope.data import Dataset
from negatoscope.documents import read_document
from negatoscope.errors import DataError, InputError, MissingExtraError, OutputError
from negatoscope.provenance import Provenance
from negatoscope.types import Images, Logits

NEGATIVE = {"suite": "none", "transforms": ["negative"]}


def brightest_bar(images: Images) -> Logits:
    """Reads `make_dataset`'s bars as a person would, but not their negatives."""
    rows = images.mean(dim=(1, 3))
    return 9 * torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)


@pytest.fixture
def images(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Path:
    """A folder of class folders."""
    dataset = make_dataset(60, split="test")
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        folder = tmp_path / "images" / dataset.class_names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(folder / f"{index:03d}.png")
    return tmp_path / "images"


def test_one_line_audits_whatever_open_classifier_and_open_dataset_take(images: Path) -> None:
    result = ng.audit(brightest_bar, f"folder:{images}", size=8, channels="gray", suite="negative", limit=30)
    negative = result.transforms["negative"]
    assert result.clean.accuracy == 1.0
    assert negative.accuracy is not None
    assert negative.interval is not None
    assert negative.accuracy in negative.interval
    assert negative.accuracy < 0.5
    assert result.summary.n == 30
    assert result.passed
    assert "negative" in str(result)
    assert "<svg" in result._repr_html_()


def test_what_is_open_already_is_audited_too(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(40, split="test")
    classifier = ng.open_classifier(brightest_bar, size=8, channels="gray", data_classes=3)
    result = ng.audit(classifier, dataset, **NEGATIVE)
    assert set(result.transforms) == {"negative"}
    with pytest.raises(InputError, match="expected no 'size' beside a classifier that is open"):
        ng.audit(classifier, dataset, size=8, **NEGATIVE)


def test_the_rows_come_as_a_table_and_as_a_data_frame(make_dataset: Callable[..., Dataset]) -> None:
    result = ng.audit(brightest_bar, make_dataset(40, split="test"), size=8, channels="gray", **NEGATIVE)
    assert result.rows().num_rows == 80
    frame = result.to_pandas()
    negatives = frame[frame["transform"] == "negative"]
    assert isinstance(frame, pd.DataFrame)
    assert (negatives["label"] == negatives["prediction"]).mean() == pytest.approx(
        result.transforms["negative"].accuracy
    )


def test_without_pandas_a_sentence_names_the_extra(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ng.audit(brightest_bar, make_dataset(20, split="test"), size=8, channels="gray", **NEGATIVE)
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"to_pandas\(\) needs pandas: pip install 'negatoscope\[pandas\]'"):
        result.to_pandas()


def test_a_saved_audit_can_be_compared_with(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset(60, split="test")
    result = ng.audit(brightest_bar, dataset, size=8, channels="gray", **NEGATIVE)
    folder = result.save(tmp_path / "released")
    saved = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert {Path("summary.json"), Path("report.html"), Path("figures/accuracy.svg")} <= saved
    with pytest.raises(OutputError, match=r"expected .*released to be new or an empty folder"):
        result.save(folder)
    comparison = ng.compare(result, folder)
    assert isinstance(comparison, Comparison)
    assert comparison.paired
    assert {rate.difference for rate in comparison.rates} == {0.0}
    assert str(comparison).startswith(f"**{comparison.verdict}**")
    assert ng.compare(str(folder), folder) == comparison


def test_the_summary_and_the_provenance_on_disk_are_those_of_the_result(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    result = ng.audit(
        brightest_bar,
        make_dataset(40, split="test"),
        size=8,
        channels="gray",
        seed=3,
        fail_under="negative=0.9",
        out=tmp_path / "a",
        **NEGATIVE,
    )
    assert not result.passed
    reading = {"what": "a document", "make": "audit again"}
    assert read_document(tmp_path / "a" / "summary.json", AuditSummary, **reading) == result.summary
    provenance = read_document(tmp_path / "a" / "provenance.json", Provenance, **reading)
    assert provenance == result.summary.provenance
    assert provenance.command == (
        "negatoscope.audit(brightest_bar, 'bars(n=40, seed=0, size=8, channels=1)', suite='none', "
        "transforms=['negative'], seed=3, fail_under=['negative=0.9'], size=8, channels='gray')"
    )
    assert provenance.versions["torch"] == torch.__version__
    assert provenance.hardware.endswith("float32")
    assert [data.name for data in provenance.data] == ["bars"]


def test_the_recorded_call_names_no_folder_of_this_machine(images: Path, tmp_path: Path) -> None:
    result = ng.audit(brightest_bar, images, size=8, channels="gray", out=str(tmp_path / "a"), **NEGATIVE)
    assert "'images'" in result.summary.provenance.command
    assert str(tmp_path) not in (tmp_path / "a" / "provenance.json").read_text()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"suite": "sematic"}, "did you mean 'semantic'"),
        ({"transforms": "negatve"}, "did you mean 'negative'"),
        ({"fail_under": "clean=2"}, "expected a rule such as"),
        ({"chanels": "gray"}, "did you mean 'channels'"),
        ({"expect_accuracy": 90}, r"expected --expect-accuracy in \[0, 1\], got 90"),
        ({"baseline": "nowhere"}, "nowhere"),
    ],
)
def test_a_setting_that_is_wrong_is_one_sentence_before_anything_is_written(
    make_dataset: Callable[..., Dataset], tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    given = {"size": 8, "channels": "gray", "out": tmp_path / "a", **settings}
    with pytest.raises(InputError, match=reason):
        ng.audit(brightest_bar, make_dataset(20, split="test"), **given)  # type: ignore[arg-type]
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["plan.json", "done.json"])
def test_a_folder_of_an_earlier_schema_is_one_sentence(
    make_dataset: Callable[..., Dataset], tmp_path: Path, name: str
) -> None:
    dataset = make_dataset(20, split="test")
    ng.audit(brightest_bar, dataset, size=8, channels="gray", out=tmp_path, **NEGATIVE)
    (tmp_path / name).write_text(json.dumps({"schema": 1}))
    with pytest.raises(DataError, match=rf"of schema 2 in .*{name}, got schema 1; "):
        ng.audit(brightest_bar, dataset, size=8, channels="gray", out=tmp_path, **NEGATIVE)
