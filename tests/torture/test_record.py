"""What is kept of checks: tries go on where they were left, failures can be repeated, processes share one file."""

import json
from pathlib import Path
from random import Random

import pytest
from torture.record import Check, Record, carry_out

from negatoscope.errors import InputError


def _odd(choose: Random, place: Path) -> str:
    """Fails for half of all tries, always for the same ones."""
    assert not any(place.iterdir())
    number = choose.randrange(10)
    (place / "tried").write_text(str(number))
    return f"got {number}" if number % 2 else ""


def test_a_check_goes_on_where_it_was_left_and_ends_as_if_it_had_never_been_left(tmp_path: Path) -> None:
    check, record = Check("odd numbers", 12, _odd), Record(tmp_path / "kept")
    for tries in (3, 5, 9):
        carry_out(check, record, tmp_path / "work", seed=7, tries=tries)
    left = carry_out(check, record, tmp_path / "work", seed=7)
    whole = carry_out(check, Record(tmp_path / "other"), tmp_path / "work", seed=7)
    assert (left.tried, left.failed, left.failures) == (12, whole.failed, whole.failures)
    assert 0 < left.failed < 12
    kept = json.loads((tmp_path / "kept/torture.json").read_text())["checks"]
    assert [(entry["name"], entry["tried"], entry["seed"]) for entry in kept] == [("odd numbers", 12, 7)]
    with pytest.raises(InputError, match=r"^expected the seed 7 that odd numbers was begun with, got 8; give that$"):
        carry_out(check, record, tmp_path / "work", seed=8)


def test_only_what_failed_is_repeated_and_counts_no_more_once_it_holds(tmp_path: Path) -> None:
    record, numbers = Record(tmp_path), []

    def mended(choose: Random, place: Path) -> str:
        numbers.append(int(place.name.rpartition("-")[2]))
        return ""

    failed = carry_out(Check("odd", 12, _odd), record, tmp_path / "work", seed=7)
    after = carry_out(Check("odd", 12, mended), record, tmp_path / "work", seed=7, again=True)
    assert numbers == [int(number) for number in failed.failures]
    assert (after.tried, after.failed, after.failures) == (12, 0, {})


def test_a_failed_try_leaves_its_files_to_look_at(tmp_path: Path) -> None:
    tried = carry_out(Check("odd", 12, _odd), Record(tmp_path), tmp_path / "work", seed=7)
    assert {path.name for path in (tmp_path / "work").iterdir()} == {f"odd-{number}" for number in tried.failures}
