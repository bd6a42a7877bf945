"""Where runs are stored: not among the results of an audit; and what is refused leaves no folder."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from negatoscope.cli.main import run
from negatoscope.files import locked


@pytest.mark.parametrize("command", ["table1", "sensitivity", "match", "discussion", "sequel"])
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_the_folder_of_an_audit_is_refused(
    command: str,
    more: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "plan.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["negatoscope", "reproduce", command, "--out", str(tmp_path), *more])
    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == 2
    expected = f"expected {tmp_path} to be empty or to hold runs, got an audit or a search; give another --out"
    assert expected in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("made", [False, True])
def test_a_new_folder_in_which_nothing_was_made_goes_again(there: bool, made: bool, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    if there:
        folder.mkdir()
    with suppress(KeyError), locked(folder):
        if made:
            (folder / "made").touch()
        raise KeyError
    assert folder.exists() == (there or made)
