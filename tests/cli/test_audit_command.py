"""`negatoscope audit` and `compare`: one command, one report, exit codes that a machine can read."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from negatoscope.data import Dataset
from negatoscope.rows import read_rows

READER = '''
import torch


class Reader(torch.nn.Module):
    """Names the bar that is brighter than the rest; with `even`, darker will do as well."""

    def __init__(self, even):
        super().__init__()
        self.even = even

    def forward(self, images):
        rows = images.mean(dim=(1, 3))
        bars = torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)
        apart = bars - bars.median(dim=1, keepdim=True).values
        return 20 * (apart.abs() if self.even else apart)


def bright():
    return Reader(even=False)


def even():
    return Reader(even=True)


def blind():
    reader = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    torch.nn.init.zeros_(reader[1].weight)
    return reader
'''

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's folder: a module with three readers, and images in folders of classes."""
    (tmp_path / "bar_readers.py").write_text(READER)
    dataset = make_dataset(120, split="test")
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        folder = tmp_path / "images" / dataset.class_names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(folder / f"{index:03d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


EXPECTS = ("--size", "8", "--channels", "gray")
NEGATIVE = ("--suite", "none", "--transform", "negative")


def test_an_audit_writes_a_report_and_numbers_that_agree_with_its_rows(negatoscope: Command, place: Path) -> None:
    code, out, err = negatoscope("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, "--out", "a")
    assert code == 0, err
    assert "This runs your own code" in err
    summary = json.loads((place / "a" / "summary.json").read_text())
    assert summary["clean"]["accuracy"] == 1.0
    (negative,) = [each for each in summary["transforms"] if each["spec"] == "negative"]
    assert negative["accuracy"] < 0.2
    assert "negative" in out
    assert "not the published ones" not in out
    written = {path.name for path in (place / "a").iterdir()}
    assert {"report.html", "rows.parquet", "junit.xml", "provenance.json", "figures", "gallery"} <= written
    assert str(place) not in (place / "a" / "report.html").read_text()
    assert str(place) not in (place / "a" / "summary.json").read_text()


def test_an_audit_loads_neither_scipy_nor_pandas_nor_pyplot(place: Path) -> None:
    words = ["negatoscope", "audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, "--out", "a"]
    never = {"scipy", "pandas", "matplotlib.pyplot"}
    program = f"""
import atexit, sys
from negatoscope.cli.main import main
sys.argv = {words}
atexit.register(lambda: print(sorted({never} & sys.modules.keys())))
main()"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_labels_beside_images_give_the_rows_of_class_folders(negatoscope: Command, place: Path) -> None:
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE)
    code, _, err = negatoscope(*words, "--out", "folders")
    assert code == 0, err
    files = sorted((place / "images").rglob("*.png"))
    lines = [f"{file.relative_to(place / 'images')};{file.parent.name}" for file in files]
    (place / "labels.csv").write_text("\n".join(["what;truth", *lines, "bar 1/gone.png;bar 1"]), encoding="utf-8")
    code, out, err = negatoscope(*words, "--labels", "labels.csv", "--label-columns", "what,truth", "--out", "table")
    assert code == 0, err
    folders, table = (read_rows(place / name / "rows.parquet") for name in ("folders", "table"))
    assert table.equals(folders)
    sentence = "1 label without an image in labels.csv is left out: bar 1/gone.png."
    assert sentence in out
    assert sentence in (place / "table" / "report.html").read_text(encoding="utf-8")
    command = json.loads((place / "table" / "provenance.json").read_text())["command"]
    assert "--labels labels.csv --label-columns what,truth" in command


def test_a_second_run_of_a_finished_audit_gives_the_same(negatoscope: Command, place: Path) -> None:
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE, "--out", "a")
    _, first, _ = negatoscope(*words)
    rows = [part.read_bytes() for part in sorted((place / "a" / "rows.parquet").iterdir())]
    code, second, _ = negatoscope(*words)
    assert (code, second) == (0, first)
    assert [part.read_bytes() for part in sorted((place / "a" / "rows.parquet").iterdir())] == rows


def test_the_result_is_markdown_json_or_csv_elsewhere_and_a_table_on_a_terminal(
    negatoscope: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE, "--out", "a")
    summary = (negatoscope(*words)[0], json.loads((place / "a" / "summary.json").read_text()))[1]
    assert "| negative " in negatoscope(*words)[1]
    assert negatoscope(*words, "--format", "markdown")[1] == negatoscope(*words)[1]
    printed = json.loads(negatoscope(*words, "--format", "json")[1])
    assert printed["transforms"] == summary["transforms"]
    clean, negative = csv.DictReader(io.StringIO(negatoscope(*words, "--format", "csv")[1]))
    assert (clean["spec"], clean["drop"], float(clean["accuracy"])) == ("clean", "", 1.0)
    assert float(negative["accuracy"]) == summary["transforms"][0]["accuracy"]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    on_a_terminal = negatoscope(*words)[1]
    assert "|" not in on_a_terminal
    assert "Accuracy, %" in on_a_terminal
    assert max(map(len, on_a_terminal.splitlines())) <= 80
    assert "| negative " in negatoscope(*words, "--format", "markdown")[1]


def test_a_format_that_there_is_not_is_refused_before_anything_is_classified(negatoscope: Command, place: Path) -> None:
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE, "--out", "a")
    code, out, err = negatoscope(*words, "--format", "html")
    assert (code, out) == (2, "")
    assert "for '--format': 'html' is not one of 'auto', 'markdown'" in err
    assert not (place / "a").exists()


@pytest.mark.parametrize(("reader", "code"), [("bright", 1), ("even", 0)])
def test_the_gate_decides_the_exit_code(reader: str, code: int, negatoscope: Command, place: Path) -> None:
    words = ("audit", f"bar_readers:{reader}", "--data", "folder:images", *EXPECTS, *NEGATIVE, "--out", "a")
    assert negatoscope(*words, "--fail-under", "negative=0.9", "--fail-under", "clean=0.9")[0] == code
    gate = json.loads((place / "a" / "summary.json").read_text())["gate"]
    assert gate["passed"] is (code == 0)
    again = negatoscope(*words, "--fail-under", "negative=0.9", "--fail-under", "clean=0.9", "--format", "csv")
    assert ("Gate FAILED: negative=0.9: " in again[2], "FAILED" in again[1]) == (code == 1, False)
    assert [rule["passed"] for rule in gate["rules"]] == [code == 0, True]


def test_a_loss_against_an_earlier_audit_fails_and_compare_shows_by_how_much(negatoscope: Command, place: Path) -> None:
    words = ("--data", "folder:images", *EXPECTS, *NEGATIVE)
    assert negatoscope("audit", "bar_readers:even", *words, "--out", "old")[0] == 0
    assert negatoscope("audit", "bar_readers:bright", *words, "--out", "new", "--baseline", "old")[0] == 1
    code, out, _ = negatoscope("compare", "old", "new", "--out", "both.json")
    assert code == 0
    assert "negative" in out
    found = json.loads((place / "both.json").read_text())
    assert found["paired"] is True
    (negative,) = [each for each in found["rates"] if each["spec"] == "negative"]
    assert negative["difference"] < -0.8
    assert negative["p_holm"] < 0.001


def test_several_audits_are_compared_in_one_table_and_one_page(negatoscope: Command, place: Path) -> None:
    words = ("--data", "folder:images", *EXPECTS, *NEGATIVE)
    for reader, out in (("even", "a"), ("bright", "b"), ("even", "c")):
        assert negatoscope("audit", f"bar_readers:{reader}", *words, "--out", out)[0] == 0
    code, out, err = negatoscope("compare", "a", "b", "c", "--out", "all.json", "--html", "all.html")
    assert code == 0, err
    assert "| negative " in out
    found = json.loads((place / "all.json").read_text())
    negative = next(each for each in found["rates"] if each["spec"] == "negative")
    assert [model["place"] for model in negative["models"]] == [1, 3, 1]
    assert negative["models"][1]["p_holm"] < 0.001
    assert "bright" in (place / "all.html").read_text()
    assert negatoscope("compare", "a", "b", "--html", "two.html")[0] == 0
    assert "bright" in (place / "two.html").read_text()
    assert negatoscope("compare", "a", "b", "nowhere")[0] == 2


def test_several_models_are_audited_one_after_the_other_and_compared(negatoscope: Command, place: Path) -> None:
    words = ("--data", "folder:images", *EXPECTS, *NEGATIVE, "--out", "all")
    models = ("bar_readers:bright", "bar_readers:even", "bar_readers:bright")
    code, out, err = negatoscope("audit", *models, *words)
    assert code == 0, err
    assert {path.name for path in (place / "all").iterdir()} == {
        *("bright", "even", "bright-2", "compare.html", "compare.json")
    }
    found = json.loads((place / "all" / "compare.json").read_text())
    assert [audit["folder"] for audit in found["audits"]] == ["bright", "even", "bright-2"]
    negative = next(each for each in found["rates"] if each["spec"] == "negative")
    assert [model["place"] for model in negative["models"]] == [2, 1, 2]
    assert "| negative " in out
    rows = {part: part.stat().st_mtime_ns for part in (place / "all").rglob("rows.parquet/*")}
    assert negatoscope("audit", *models, *words)[:2] == (0, out)
    assert {part: part.stat().st_mtime_ns for part in (place / "all").rglob("rows.parquet/*")} == rows, "it resumes"
    code, _, err = negatoscope("audit", *models, *words, "--fail-under", "negative=0.9")
    assert code == 1
    failed = [line for line in err.splitlines() if line.startswith("Gate FAILED")]
    assert [line.partition(": negative=0.9: negative is ")[0] for line in failed] == [
        f"Gate FAILED for {name}" for name in ("bright", "bright-2")
    ]
    code, _, err = negatoscope("audit", *models[:2], *words, "--name", "reader")
    assert (code, "with one model" in err) == (2, True)


def test_several_models_do_not_mix_with_the_audit_of_one(negatoscope: Command, place: Path) -> None:
    words = ("--data", "folder:images", *EXPECTS, *NEGATIVE, "--out", "a")
    assert negatoscope("audit", "bar_readers:bright", *words)[0] == 0
    before = sorted(place.rglob("*"))
    code, _, err = negatoscope("audit", "bar_readers:bright", "bar_readers:even", *words)
    assert (code, "got one audit" in err) == (2, True)
    assert sorted(place.rglob("*")) == before


def test_one_image_without_a_label_is_shown_under_every_transform(
    negatoscope: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = next((place / "images").rglob("*.png"))
    words = ("audit", "bar_readers:bright", "--data", image, *EXPECTS, *NEGATIVE, "--out", "a")
    code, out, err = negatoscope(*words)
    assert code == 0, err
    assert {path.name for path in (place / "a").iterdir()} - {".lock"} == {"report.html", "predictions.json"}
    assert "| negative " in out
    found = json.loads((place / "a" / "predictions.json").read_text())
    assert [one["spec"] for one in found["images"][0]["predictions"]] == ["clean", "negative"]
    assert str(place) not in (place / "a" / "predictions.json").read_text()
    assert len(negatoscope(*words, "--format", "csv")[1].splitlines()) == 3
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for name, value in (("COLUMNS", "80"), ("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    assert max(map(len, negatoscope(*words)[1].splitlines())) <= 80


@pytest.mark.parametrize(
    "option", ["--fail-under=clean=0.5", "--max-unreadable=2", "--no-report", "--dry-run", "--executor=processes"]
)
def test_an_option_that_means_nothing_without_labels_is_refused(negatoscope: Command, place: Path, option: str) -> None:
    image = next((place / "images").rglob("*.png"))
    code, _, err = negatoscope(
        "audit", "bar_readers:bright", "--data", image, *EXPECTS, *NEGATIVE, option, "--out", "a"
    )
    assert (code, f"expected labels for {option.split('=')[0]}, got none; give --labels" in err) == (2, True)
    assert not (place / "a").exists()


def test_several_models_say_what_they_see_in_one_image(negatoscope: Command, place: Path) -> None:
    image = next((place / "images").rglob("*.png"))
    words = ("audit", "bar_readers:bright", "bar_readers:even", "--data", image, *EXPECTS, *NEGATIVE, "--out", "a")
    assert negatoscope(*words)[0] == 0
    assert {path.name for path in (place / "a").iterdir()} == {"bright", "even"}


def test_a_blind_classifier_stops_at_the_self_check(negatoscope: Command, place: Path) -> None:
    code, _, err = negatoscope("audit", "bar_readers:blind", "--data", "folder:images", *EXPECTS, "--out", "a")
    assert code == 2
    assert err.strip().splitlines()[-1].startswith("negatoscope: expected ")
    assert not (place / "a" / "rows.parquet").exists()


def test_the_hint_of_an_audit_that_stops_is_what_one_pastes_behind_the_command(
    negatoscope: Command, place: Path
) -> None:
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE, "--class-map", "+1")
    code, _, err = negatoscope(*words, "--out", "a")
    assert code == 2
    hint = re.search(r"with (--class-map \S+) the accuracy is 100.0.% on 120 images, instead of 0.0", err)
    assert hint, err
    assert negatoscope(*words, *hint[1].split(), "--out", "a")[0] == 0
    assert json.loads((place / "a" / "summary.json").read_text())["clean"]["accuracy"] == 1
    assert negatoscope(*words, "--out", "b", "--no-self-check")[0] == 0
    assert json.loads((place / "b" / "summary.json").read_text())["clean"]["accuracy"] == 0


def test_a_better_setting_that_does_not_stop_an_audit_is_a_warning_and_stands_in_the_report(
    negatoscope: Command, place: Path
) -> None:
    words = ("--data", "folder:images", *EXPECTS, *NEGATIVE, "--class-map", "+1", "--limit", "15")
    code, out, err = negatoscope("audit", "bar_readers:bright", *words, "--expect-accuracy", "0.01", "--out", "a")
    assert code == 0
    assert "Warning: with --class-map 0..2 the accuracy is 100.0" in err + out
    assert "with --class-map 0..2 the accuracy is 100.0" in (place / "a" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--transform", "negatve"), "did you mean 'negative'?"),
        (("--transform", "gamma(exponent=-1.0)"), "exponent"),
        (("--suite", "sematic"), "semantic"),
        (("--fail-under", "negative=2"), "expected a rule such as"),
        (("--fail-under", "fliped=0.5"), "did you mean"),
        (("--baseline", "nowhere"), "nowhere"),
        (("--limit", "0"), "limit"),
        (("--label-preserving", "nowhere.toml"), "nowhere.toml"),
        (("--size", "big"), "size"),
        (("bar_readers:even",) * 26, "expected at most 26 models, which are compared, got 27"),
        (("--bits", "7"), "expected --bits from 8 to 16, got 7"),
        (("--window", "40"), "expected --window to be CENTER,WIDTH"),
        (("--window=-600,1500", "--bits", "12"), "expected --bits or --window, got both"),
        (("--classes", "4"), "4"),
        (("--crop-pct", "0.8"), "expected --resize-mode crop beside --crop-pct, got stretch"),
        (("--max-unreadable", "-1"), "expected --max-unreadable of at least 0, got -1"),
        (("--seed", "-1"), "expected --seed from 0 to 9,223,372,036,854,775,807, got -1"),
    ],
)
def test_what_is_given_wrongly_is_one_sentence(
    words: tuple[str, ...], sentence: str, negatoscope: Command, place: Path
) -> None:
    given = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, "--out", "a")
    code, out, err = negatoscope(*given, *words)
    assert code == 2
    assert out == ""
    assert sentence in err.splitlines()[-1]
    assert not (place / "a").exists()


@pytest.mark.parametrize("data", ["folder:nowhere", "nowhere.zip", "mnits:test", "bar_readers.py"])
def test_data_that_are_none_are_one_sentence(data: str, negatoscope: Command, place: Path) -> None:
    code, _, err = negatoscope("audit", "bar_readers:bright", "--data", data, *EXPECTS, "--out", "a")
    assert code == 2
    assert len(err.splitlines()) == 1


def test_unreadable_images_fail_past_what_is_allowed(negatoscope: Command, place: Path) -> None:
    next((place / "images").rglob("*.png")).write_bytes(b"no image at all")
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE)
    assert negatoscope(*words, "--out", "a")[0] == 1
    assert negatoscope(*words, "--out", "b", "--max-unreadable", "1")[0] == 0
    assert json.loads((place / "b" / "summary.json").read_text())["unreadable"] == 1


def test_a_baseline_that_is_not_covered_any_more_fails(negatoscope: Command, place: Path) -> None:
    words = ("audit", "bar_readers:even", "--data", "folder:images", *EXPECTS, *NEGATIVE)
    assert negatoscope(*words, "--transform", "gamma(exponent=1.5)", "--out", "old")[0] == 0
    code, out, _ = negatoscope(*words, "--out", "new", "--baseline", "old")
    assert code == 1
    assert "no longer audited, which also fails: gamma(exponent=1.5)" in out


def test_somebody_elses_folder_is_left_as_it_is(negatoscope: Command, place: Path) -> None:
    (place / "theirs").mkdir()
    (place / "theirs" / "thesis.txt").write_text("x")
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE)
    code, _, err = negatoscope(*words, "--out", "theirs")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert [path.name for path in (place / "theirs").iterdir()] == ["thesis.txt"]


def test_help_holds_no_pictures(negatoscope: Command) -> None:
    assert max(map(ord, negatoscope("audit", "--help")[1])) < 0x1F000


def test_progress_counts_the_images_of_the_limit(negatoscope: Command, place: Path) -> None:
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, *NEGATIVE, "--limit", "30")
    code, _, err = negatoscope(*words, "--out", "a")
    assert code == 0
    assert "on 30 images of folder" in err
    assert "clean and under 1 transform." in err
    assert " left" not in err


def test_the_recorded_command_holds_every_option_that_was_given(negatoscope: Command, place: Path) -> None:
    rule = '[["folder:images".rules]]\ntransform = "negative"\npreserved = "all"\n'
    (place / "classes.toml").write_text(rule)
    torch.save({"state_dict": {}}, place / "bright.ckpt")
    options = ("--seed 3 --limit 60 --bits 12 --device cpu --label-preserving classes.toml --fail-under clean=0.5 "
               "--max-unreadable 2 --expect-accuracy 0.5 --baseline old --transform negative --batch 7 --dtype float32 "
               "--weights bright.ckpt --weights-key state_dict")  # fmt: skip
    words = ("audit", "bar_readers:bright", "--data", "folder:images", *EXPECTS, "--suite", "none")
    assert negatoscope(*words, "--transform", "negative", "--out", "old")[0] == 0
    given = [str(place / word) if word in ("classes.toml", "bright.ckpt") else word for word in options.split()]
    assert negatoscope(*words, *given, "--out", "a")[0] == 0
    command = json.loads((place / "a" / "provenance.json").read_text())["command"]
    for option in options.split(" --"):
        assert f"--{option.removeprefix('--')}" in command
    assert json.loads((place / "a" / "summary.json").read_text())["model"]["input_spec"]["batch"] == 7
    assert str(place) not in command
