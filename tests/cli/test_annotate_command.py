"""`negatoscope annotate` writes a file that the audit reads, and never over another one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from negatoscope.cli.main import app
from negatoscope.errors import OutputError
from negatoscope.transforms.label_preserving import read_rules


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("lamp off", "lamp on"):
        (tmp_path / "lamps" / name).mkdir(parents=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "lamps" / name / "0.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_writes_what_the_audit_reads_and_says_how_to_go_on(folder: Path) -> None:
    done = CliRunner().invoke(app, ["annotate", "folder:lamps"])
    assert done.exit_code == 0, done.output
    assert "negatoscope audit MODEL --data folder:lamps --label-preserving label-preserving.toml" in done.output
    assert "2 classes of folder:lamps" in done.output
    text = (folder / "label-preserving.toml").read_text(encoding="utf-8")
    assert '"lamp on"' in text
    assert set(read_rules(folder / "label-preserving.toml")) == {"folder:lamps"}


def test_labels_may_stand_in_a_table_beside_the_images(folder: Path) -> None:
    (folder / "all").mkdir()
    for name in ("1.png", "2.png"):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "all" / name)
    (folder / "labels.csv").write_text("picture,finding\n1.png,lamp off\n2.png,lamp on\n")
    given = ["annotate", "all", "--labels", "labels.csv", "--label-columns", "picture,finding"]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    beside = "--labels labels.csv --label-columns picture,finding --label-preserving label-preserving.toml"
    assert f"negatoscope audit MODEL --data all {beside}" in done.output
    assert '"lamp on"' in (folder / "label-preserving.toml").read_text(encoding="utf-8")


def test_a_file_that_is_there_is_never_replaced(folder: Path) -> None:
    (folder / "mine.toml").write_text("mine")
    done = CliRunner().invoke(app, ["annotate", "folder:lamps", "--out", "mine.toml"])
    assert isinstance(done.exception, OutputError)
    assert str(done.exception) == "expected a new file to write to, got mine.toml, which is there; give another --out"
    assert (folder / "mine.toml").read_text() == "mine"


def test_help_has_an_example() -> None:
    assert "negatoscope annotate folder:images" in CliRunner().invoke(app, ["annotate", "--help"]).output
