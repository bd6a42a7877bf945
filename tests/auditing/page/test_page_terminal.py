"""An audit on a terminal: nothing is wider than its columns, and no number is folded."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from negatoscope.auditing.page_terminal import audit_tables
from negatoscope.auditing.results import AuditSummary

Maker = Callable[..., Any]
LONG = "negative_sigmoid_contrast(steepness=5.0)"


def lines_of(summary: AuditSummary, *, width: int = 80) -> list[str]:
    text = io.StringIO()
    console = Console(width=width, file=text, force_terminal=True, color_system=None, highlight=False)
    console.print(audit_tables(summary))
    return [line.rstrip() for line in text.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 100])
def test_an_audit_fits_the_terminal_and_folds_no_number(width: int, make_audit: Maker) -> None:
    _, summary = make_audit(("negative", LONG, "noise(l2=2.0)"), rules=("negative=0.9",), unreadable=5)
    lines = lines_of(summary, width=width)
    assert max(map(len, lines)) <= width
    for entry in summary.transforms:
        rate = f"{100 * entry.accuracy:.1f} [{100 * entry.low:.1f}, {100 * entry.high:.1f}]"
        assert any(line.startswith(entry.spec.replace("(steepness=5.0)", " ")) and rate in line for line in lines)
    assert "  (steepness=5.0)" in lines
    assert "Gate FAILED." in lines
    assert not any("|" in line for line in lines)


def test_images_that_do_not_count_are_said_beneath_the_transform(make_audit: Maker) -> None:
    _, summary = make_audit(("negative", "flip"), n=120)
    lines = lines_of(summary)
    place = next(index for index, line in enumerate(lines) if line.startswith("flip "))
    assert lines[place + 1] == f"  {summary.transforms[1].n} of 120 images"
    assert not lines[place - 1].endswith("images")


def test_a_transform_under_which_nothing_counts_has_no_numbers(make_audit: Maker) -> None:
    _, summary = make_audit(("negative", "flip"), lost=("flip",))
    (line,) = [line for line in lines_of(summary) if line.startswith("flip ")]
    assert line.split() == ["flip", "–", "–", "–"]
