"""An audit in one line of Python: what it takes, what it gives, and what it writes."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import negatoscope as ng
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.compare import Comparison
from negatoscope.auditing.folder import folders_of
from negatoscope.auditing.gallery import PICTURES
from negatoscope.auditing.page_gallery import read_gallery
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.run import AuditProgress
from negatoscope.data import Dataset
from negatoscope.documents import read_document
from negatoscope.errors import DataError, InputError, MissingExtraError, OutputError
from negatoscope.provenance import Provenance
from negatoscope.types import Images, Logits, PixelArray

NEGATIVE = {"suite": "none", "transforms": ["negative"]}


def brightest_bar(images: Images) -> Logits:
    """Reads `make_dataset`'s bars as a person would, but not their negatives."""
    rows = images.mean(dim=(1, 3))
    return 9 * torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)


def blind(images: Images) -> Logits:
    return torch.zeros(len(images), 3)


@pytest.fixture(scope="module")
def images(make_dataset: Callable[..., Dataset], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of class folders."""
    tmp_path = tmp_path_factory.mktemp("data")
    dataset = make_dataset(60, split="test")
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        folder = tmp_path / "images" / dataset.class_names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(folder / f"{index:03d}.png")
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a-2", "a", "a"], ["a", "a-2", "a-3", "a-4"]),
        (["a", "a", "a-2"], ["a", "a-2", "a-2-2"]),
        (["timm:net", "../up", "..", ""], ["timm_net", "_up", "model", "model-2"]),
    ],
)
def test_each_of_several_models_has_a_folder_of_its_own(names: list[str], folders: list[str], tmp_path: Path) -> None:
    assert folders_of(tmp_path, names) == [tmp_path / folder for folder in folders]


def test_one_line_audits_whatever_open_classifier_and_open_dataset_take(images: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "a")
    result = ng.audit(brightest_bar, images, size=8, channels="gray", suite="negative", limit=30, out=out)
    assert "'images'" in result.summary.provenance.command
    assert str(images.parent) not in (result.out / "provenance.json").read_text(), "no folder of this machine is named"
    assert str(tmp_path) not in (result.out / "provenance.json").read_text()
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


def test_without_a_suite_clean_images_alone_are_audited(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    result = ng.audit(
        brightest_bar, make_dataset(40, split="test"), size=8, channels="gray", suite="none", out=tmp_path
    )
    assert result.clean.accuracy == 1.0
    assert result.rows().num_rows == 40
    assert (result.transforms, result.summary.mean, result.summary.worst_case) == ({}, None, None)
    assert "no label-preserving transform was audited" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def result(make_dataset: Callable[..., Dataset]) -> AuditResult:
    """An audit in a temporary folder."""
    return ng.audit(brightest_bar, make_dataset(40, split="test"), size=8, channels="gray", **NEGATIVE)


def test_an_estimator_is_audited_as_it_is_and_its_package_is_recorded(make_dataset: Callable[..., Dataset]) -> None:
    sklearn, linear_model = pytest.importorskip("sklearn"), pytest.importorskip("sklearn.linear_model")
    train, test = make_dataset(200), make_dataset(90, seed=1, split="test")
    model = linear_model.LogisticRegression(max_iter=1000).fit(train.images.reshape(200, -1) / 255, train.labels)
    result = ng.audit(model, test, suite="negative")
    assert result.clean.accuracy == model.score(test.images.reshape(90, -1) / 255, test.labels)
    negatives = result.transforms["negative"]
    assert negatives.accuracy == model.score(1 - test.images.reshape(90, -1) / 255, test.labels)
    provenance = result.summary.provenance
    assert provenance.versions["sklearn"] == sklearn.__version__
    assert provenance.command.startswith("negatoscope.audit(LogisticRegression, ")


def test_the_rows_come_as_a_table_and_as_a_data_frame(result: AuditResult) -> None:
    assert result.rows().num_rows == 80
    frame = result.to_pandas()
    negatives = frame[frame["transform"] == "negative"]
    assert isinstance(frame, pd.DataFrame)
    assert (negatives["label"] == negatives["prediction"]).mean() == pytest.approx(
        result.transforms["negative"].accuracy
    )


def test_without_pandas_a_sentence_names_the_extra(result: AuditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"to_pandas\(\) needs pandas: pip install 'pandas>=\S+'$"):
        result.to_pandas()


def test_a_saved_audit_can_be_compared_with(result: AuditResult, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "released")
    saved = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert {Path("summary.json"), Path("report.html"), Path("figures/accuracy.svg")} <= saved
    with pytest.raises(OutputError, match=r"expected .*released to be new or an empty folder"):
        result.save(folder)
    with pytest.raises(InputError, match=r"^expected a folder on the disk to save to, got s3://bucket/a; audit with"):
        result.save("s3://bucket/a")
    comparison = ng.compare(result, folder)
    assert isinstance(comparison, Comparison)
    assert comparison.paired
    assert {rate.difference for rate in comparison.rates} == {0.0}
    assert str(comparison).startswith(f"**{comparison.verdict}**")
    assert (comparison.a.folder, comparison.b.folder) == ("unsaved", "released")
    assert ng.compare(str(folder), folder) == replace(comparison, a=comparison.b)


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
    assert provenance.versions["torch"] == version("torch")
    assert provenance.hardware.endswith("float32")
    assert [data.name for data in provenance.data] == ["bars"]


def test_of_data_that_nobody_annotated_the_report_says_what_is_assumed_and_shows_the_rest_apart(
    images: Path, tmp_path: Path
) -> None:
    specs = ["negative", "gamma(exponent=0.5)", "flip", "solarize(threshold=0.5)"]
    made = {"size": 8, "channels": "gray", "suite": "none", "transforms": specs}
    summary = ng.audit(brightest_bar, images, out=tmp_path / "a", **made).summary
    assert [entry.spec for entry in summary.assumed] == specs[:2]
    assert [entry.spec for entry in summary.not_annotated] == specs[2:]
    assert summary.mean is not None
    assert summary.worst_case is not None
    assert (summary.mean.transforms, summary.worst_case.n) == (2, 60)
    assert "(assumed to keep their label)" in summary.verdict
    page, text = (tmp_path / "a" / "report.html").read_text(), str(AuditResult(summary, tmp_path / "a"))
    for part in ("day/night", "2 transforms are not annotated", "negatoscope annotate"):
        assert part in page
        assert part in text
    assert page.index("Nobody annotated these data. Assumed to") < page.index("Accuracy by transform</h2>")
    rules = tmp_path / "rules.toml"
    rules.write_text('["folder:images"]\ncomplete = true\n')
    annotated = ng.audit(brightest_bar, images, label_preserving=rules, **made).summary
    assert (annotated.assumed, annotated.not_annotated) == ((), ())
    assert "assumed" not in str(AuditResult(annotated, tmp_path)).lower()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"suite": "sematic"}, "did you mean 'semantic'"),
        ({"transforms": "negatve"}, "did you mean 'negative'"),
        ({"fail_under": "clean=2"}, "expected a rule such as"),
        ({"chanels": "gray"}, "did you mean 'channels'"),
        ({"suit": "none"}, "expected no 'suit'; did you mean 'suite'"),
        ({"tolerance": 0.1}, "expected --baseline with --baseline-on and --tolerance, got none"),
        (
            {"baseline_on": "negative,clean"},
            "expected --baseline with --baseline-on and --tolerance, got none",
        ),
        (
            {"baseline": ".", "tolerance": 2.0},
            r"expected --tolerance, a difference of accuracies, in \[0, 1\]",
        ),
        ({"baseline": ".", "baseline_on": "negatve"}, "expected what --baseline-on names to be audited, got 'negatve'"),
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
    make_dataset: Callable[..., Dataset], result: AuditResult, tmp_path: Path, name: str
) -> None:
    folder = result.save(tmp_path / "a")
    (folder / name).write_text(json.dumps({"schema": 1}))
    with pytest.raises(DataError, match=rf"of schema 2 in .*{name}, got schema 1; "):
        ng.audit(brightest_bar, make_dataset(40, split="test"), size=8, channels="gray", out=folder, **NEGATIVE)


class Counted(Sequence[Any]):
    """Images that know how often each was decoded."""

    def __init__(self, images: PixelArray) -> None:
        self.images, self.decoded = images, np.zeros(len(images), dtype=int)
        self.lock = Lock()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> Any:
        with self.lock:
            self.decoded[index] += 1
        return self.images[index]


def test_an_image_is_decoded_once_or_where_it_is_checked_or_shown_twice(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(540, split="test")
    images = Counted(np.asarray(dataset.images))
    ng.audit(brightest_bar, replace(dataset, images=images), size=8, channels="gray", **NEGATIVE)
    assert set(images.decoded) == {1, 2}
    assert 512 <= (images.decoded == 2).sum() <= 512 + PICTURES


def test_a_classifier_that_fails_the_self_check_sees_no_other_image(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    dataset = make_dataset(540, split="test")
    images = Counted(np.asarray(dataset.images))
    with pytest.raises(InputError, match=r"expected .* to classify clean images correctly, but"):
        ng.audit(blind, replace(dataset, images=images), size=8, channels="gray", out=tmp_path / "a", **NEGATIVE)
    assert images.decoded.sum() == 512
    assert not (tmp_path / "a").exists()


def test_other_classes_that_keep_their_label_bring_other_pictures(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    dataset = make_dataset(60, split="test")
    settings = {"size": 8, "channels": "gray", "out": tmp_path / "a", **NEGATIVE}
    shown = {}
    for name, classes in (("first", dataset.class_names[:1]), ("last", dataset.class_names[2:])):
        file = tmp_path / f"{name}.toml"
        file.write_text(f"[[any.rules]]\ntransform = 'negative'\npreserved = {list(classes)}\n")
        result = ng.audit(brightest_bar, dataset, label_preserving=file, **settings)  # type: ignore[arg-type]
        pairs = read_gallery(result.out / "gallery")
        shown[name] = {pair.entry.before_prediction for pair in pairs}
        pictures = {path.name for path in (result.out / "gallery").glob("*.png")}
        assert len(pictures) == 2 * len(pairs) > 0
    assert shown == {"first": {0}, "last": {2}}


def test_pictures_that_are_there_are_not_drawn_again(
    make_dataset: Callable[..., Dataset], result: AuditResult, tmp_path: Path
) -> None:
    gallery = result.save(tmp_path / "a") / "gallery"
    times = {path.name: path.stat().st_mtime_ns for path in gallery.iterdir()}
    ng.audit(brightest_bar, make_dataset(40, split="test"), size=8, channels="gray", out=gallery.parent, **NEGATIVE)
    assert len(times) > 1
    assert {path.name: path.stat().st_mtime_ns for path in gallery.iterdir()} == times


def test_what_would_help_an_expected_classifier_stands_in_the_report(make_dataset: Callable[..., Dataset]) -> None:
    def upside_down(images: Images) -> Logits:
        return brightest_bar(1 - images)

    dataset, settings = make_dataset(120, split="test"), {"size": 8, "channels": "gray", **NEGATIVE}
    few = dataset.take(np.arange(15), split="test")
    result = ng.audit(upside_down, few, expect_accuracy=0.01, **settings)
    assert result.summary.self_check.passed
    assert "(the negative)" in result.summary.self_check.suggestion
    assert "(the negative)" in (result.out / "report.html").read_text()
    assert "(the negative)" in str(result)
    for accuracy in (None, 0.01):
        with pytest.raises(
            InputError, match=r"\(the negative\) the accuracy is 100.* or skip this check with --no-self-check"
        ):
            ng.audit(upside_down, dataset, expect_accuracy=accuracy, **settings)
    insisted = ng.audit(upside_down, dataset, no_self_check=True, **settings).summary
    assert (insisted.clean.accuracy, insisted.self_check.suspects, insisted.self_check.suggestion) == (0, 0, "")
    assert "no_self_check=True" in insisted.provenance.command
    with pytest.raises(InputError, match="expected --expect-accuracy or --no-self-check, got both; leave one out"):
        ng.audit(upside_down, dataset, no_self_check=True, expect_accuracy=0.9, **settings)


@pytest.mark.parametrize("stage", ["images", "summary", "gallery", "report"])
def test_a_folder_is_one_audits_until_all_is_written(stage: str, images: Path, tmp_path: Path) -> None:
    def audit(**settings: Any) -> AuditResult:
        return ng.audit(brightest_bar, images, size=8, channels="gray", limit=30, out=tmp_path, **NEGATIVE, **settings)

    def another(moment: AuditProgress) -> None:
        if moment.stage == stage:
            with pytest.raises(OutputError, match=r"another run writes to it; wait or give another --out$"):
                audit()

    assert (audit(progress=another).out / "summary.json").is_file()


def test_an_audit_that_was_stopped_as_it_ran_again_is_not_finished(images: Path, tmp_path: Path) -> None:
    def stopping(moment: AuditProgress) -> None:
        if moment.stage == "report":
            raise KeyboardInterrupt

    audit = partial(ng.audit, brightest_bar, images, size=8, channels="gray", limit=30, out=tmp_path, **NEGATIVE)
    audit()
    with pytest.raises(KeyboardInterrupt):
        audit(fail_under=["clean=0.5"], progress=stopping)
    with pytest.raises(DataError, match=r"which has no summary\.json"):
        ng.read_audit(tmp_path)
    assert audit(fail_under=["clean=0.5"]).passed
    with pytest.raises(
        InputError, match=r"^expected --baseline in another folder than --out .*, got the same; keep a copy"
    ):
        audit(baseline=tmp_path)


def test_a_baseline_whose_rows_are_gone_is_refused_before_anything_is_written(images: Path, tmp_path: Path) -> None:
    settings = {"size": 8, "channels": "gray", "limit": 30, **NEGATIVE}
    baseline = ng.audit(brightest_bar, images, out=tmp_path / "old", **settings)
    shutil.rmtree(baseline.out / "rows.parquet")
    with pytest.raises(DataError, match=r"^expected rows in .*rows\.parquet, but there is no such file"):
        ng.audit(brightest_bar, images, out=tmp_path / "new", baseline=baseline.out, **settings)
    assert not (tmp_path / "new").exists()


def test_what_a_killed_audit_left_of_a_figure_is_gone_when_it_has_resumed(images: Path, tmp_path: Path) -> None:
    for _ in range(2):
        ng.audit(brightest_bar, images, size=8, channels="gray", limit=30, out=tmp_path, **NEGATIVE)
        assert not list(tmp_path.rglob("*.tmp"))
        (tmp_path / "figures/.accuracy.svg.77.tmp").write_bytes(b"half")
