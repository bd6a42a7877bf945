"""The command line, called in this process as a shell calls it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from negatoscope.cli.main import run

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def negatoscope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command and gives its exit code, standard output and standard error."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["negatoscope", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            run()
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    return call
