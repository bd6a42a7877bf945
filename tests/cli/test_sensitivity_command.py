"""`negatoscope reproduce sensitivity` and `claims`: what they say, and what they refuse in one sentence."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from negatoscope.cli.main import run

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def negatoscope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["negatoscope", "reproduce", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            run()
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    return call


def test_a_study_reports_its_runs_and_what_it_wrote(negatoscope: Command, tmp_path: Path, few_runs: str) -> None:
    pytest.importorskip("mlxtend")
    (tmp_path / "plan.toml").write_text(few_runs)
    words = ("sensitivity", "--plan", tmp_path / "plan.toml", "--seeds", "1", "--fast", "--out", tmp_path / "out")
    code, out, err = negatoscope(*words)
    assert code == 0, err
    assert "2 runs; about" in err
    assert "few, default, seed 0: test " in err
    assert "2 runs. Written to" in out
    page = (tmp_path / "out" / "sensitivity.md").read_text()
    assert "`negatoscope reproduce sensitivity --seeds 1 --plan plan.toml --fast`" in page
    code, _, err = negatoscope(*words)
    assert (code, "2 runs, 2 of them finished earlier" in err) == (0, True)
    (tmp_path / "out" / "sensitivity.md").unlink()
    code, out, _ = negatoscope(*words, "--only-report")
    assert (code, "2 runs. Written to" in out) == (0, True)
    assert "--fast --only-report`" in (tmp_path / "out" / "sensitivity.md").read_text()
    code, out, err = negatoscope(
        "claims", "--table1", tmp_path, "--sensitivity", tmp_path / "out", "--out", tmp_path / "claims.md"
    )
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("negatoscope: expected ")
    assert f"{tmp_path / 'table1.json'}" in err
    assert not (tmp_path / "claims.md").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--budget", "soon"], "expected --budget such as 90min or 300passes, got 'soon'"),
        (["--budget", "0min"], "expected --budget of passes or minutes above 0"),
        (["--seeds", "0"], "expected --seeds of at least 1"),
        (["--factors", "optimiser"], "did you mean 'optimizer'?"),
        (["--studies", "mnst"], "did you mean 'mnist'?"),
        (["--studies", "fashion_mnist", "--factors", "padding"], "which has none of padding"),
        (["--plan", "nowhere.toml"], "nowhere.toml"),
        (["--device", "quantum"], "expected --device to be one of"),
    ],
)
def test_what_is_given_wrongly_is_one_sentence(
    options: list[str], sentence: str, negatoscope: Command, tmp_path: Path
) -> None:
    code, _, err = negatoscope("sensitivity", "--out", tmp_path / "out", *options)
    assert code == 2
    assert sentence in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("negatoscope: ")


def test_table1_is_reported_from_published_runs_alone(negatoscope: Command, tmp_path: Path) -> None:
    published = Path(__file__).parents[2] / "results" / "table1"
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    (tmp_path / "table1.csv").unlink()
    words = ("table1", "--recipe", "panel", "--only-report", "--out", tmp_path, "--format", "csv")
    code, out, err = negatoscope(*words)
    assert code == 0, err
    assert out.strip() == (tmp_path / "table1.csv").read_text().strip()
    assert "`negatoscope reproduce table1 --recipe panel --only-report`" in (tmp_path / "table1.md").read_text()
    assert not (tmp_path / "rows.parquet").exists()
