"""A profile that names a function or a module that is gone would show nothing there."""

import re

import pytest
from benchmarks import harness, where

SOURCE = harness.ROOT / "src/negatoscope"


@pytest.mark.parametrize("name", ["AUDIT", "REPORT", "COMMAND"])
def test_the_places_are_functions_that_there_are(name: str) -> None:
    for end, function in getattr(where, name).values():
        if function == "<module>" or end.startswith("<frozen"):
            continue  # of other packages
        file = SOURCE / end.removeprefix("negatoscope/")
        assert re.search(rf"^ *def {function}\(", file.read_text(encoding="utf-8"), re.MULTILINE), (end, function)


def test_a_command_that_fails_has_no_profile() -> None:
    with pytest.raises(RuntimeError, match="expected audit to end well, got:"):
        where.shares_of_command(["audit"])
