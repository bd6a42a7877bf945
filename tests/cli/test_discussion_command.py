"""`negatoscope reproduce discussion`: what it says, and what it refuses in one sentence."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from negatoscope.cli.main import run

Command = Callable[..., tuple[int, str, str]]
PLAN = """
recipe = "sgd"
datasets = ["mnist_sample"]
variants = [
    { name = "plain", experiments = ["a", "b"], transforms = true, noise = true },
    { name = "5 negatives", experiments = ["b"], negatives = 5 },
]
[transforms]
mnist_sample = ["gamma(exponent=0.5)"]
[data]
mnist_sample = "DIGITS"
"""


@pytest.fixture
def negatoscope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["negatoscope", "reproduce", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            run()
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    return call


def test_experiments_report_their_runs_and_what_they_wrote(
    negatoscope: Command, tmp_path: Path, few_digits: str
) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.replace("DIGITS", few_digits))
    out = tmp_path / "out"
    words = ("discussion", "--plan", tmp_path / "plan.toml", "--seeds", "1", "--fast", "--out", out)
    code, printed, err = negatoscope(*words, "--experiments", "a")
    assert code == 0, err
    assert "1 run; " in err
    assert "mnist_sample, plain, seed 0: test " in err
    assert "1 run. Written to" in printed
    assert not (out / "discussion_b.png").exists()
    code, printed, err = negatoscope(*words)
    assert (code, "2 runs, 1 of them finished earlier" in err) == (0, True)
    assert {"discussion_a.svg", "discussion_b.png"} <= {file.name for file in out.iterdir()}
    page = (out / "discussion.md").read_text()
    assert "`negatoscope reproduce discussion --seeds 1 --plan plan.toml --fast`" in page
    (out / "discussion.md").unlink()
    code, printed, err = negatoscope(*words, "--only-report")
    assert (code, "2 runs. Written to" in printed) == (0, True)
    assert "--fast --only-report`" in (out / "discussion.md").read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seeds", "0"], "expected --seeds of at least 1"),
        (["--experiments", "a,x"], "expected known names in --experiments, got 'x'"),
        (["--datasets", "mnst"], "did you mean 'mnist'?"),
        (["--plan", "nowhere.toml"], "nowhere.toml"),
        (["--only-report"], "discussion.json"),
        (["--workers", "2"], "expected --executor processes or ray beside --workers"),
    ],
)
def test_what_is_given_wrongly_is_one_sentence(
    options: list[str], sentence: str, negatoscope: Command, tmp_path: Path
) -> None:
    code, _, err = negatoscope("discussion", "--out", tmp_path / "out", *options)
    assert code == 2
    assert sentence in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("negatoscope: ")
