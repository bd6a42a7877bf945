"""A few tries of every check, as `make torture` makes thousands of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _torture(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torture", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("checks", ["mutated [o-z]*", "kill audit", pytest.param("*", marks=pytest.mark.slow)])
def test_whatever_is_tried_holds(checks: str, tmp_path: Path) -> None:
    ended = _torture(checks, "--tries", "1", "--out", tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    kept = json.loads((tmp_path / "torture.json").read_text())["checks"]
    assert kept
    assert all(entry["tried"] >= 1 and not entry["failed"] for entry in kept)


def test_an_unknown_check_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    ended = _torture("nothing", "--out", tmp_path)
    assert ended.returncode == 2
    assert ended.stdout.startswith("expected checks of mutated onnx, ")
    assert not any(tmp_path.iterdir())
