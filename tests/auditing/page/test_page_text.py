import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.auditing.page_text import destinations, facts, kept_note, left_out, notes
from negatoscope.auditing.verdict import percent
from negatoscope.reports.formatting import change, change_interval, p_value, points, rate, tight

Maker = Callable[..., tuple[Path, dict[str, Any]]]


@given(st.floats(0, 1))
def test_a_rate_is_zero_or_a_hundred_only_where_it_is(value: float) -> None:
    text = rate(value)
    assert (text == "0.0") == (value == 0)
    assert (text == "100.0") == (value == 1)
    assert float(text.strip("<>")) == pytest.approx(100 * value, abs=0.1)


@given(st.floats(0, 1))
def test_the_table_and_the_verdict_round_alike(value: float) -> None:
    assert percent(value) == rate(value).replace("<", "less than ").replace(">", "more than ") + " %"


@pytest.mark.parametrize(
    ("drop", "text"), [(0.25, "−25.0"), (-0.25, "+25.0"), (0.0, "0.0"), (0.0004, "0.0"), (-0.0004, "0.0"), (None, "–")]
)
def test_a_drop_is_a_change_with_the_other_sign(drop: float | None, text: str) -> None:
    assert change(drop) == text


def test_the_interval_of_a_change_begins_with_its_lower_end() -> None:
    assert change_interval(-0.01, 0.25) == "[−25.0, +1.0]"
    assert change_interval(None, None) == "–"
    assert points(0.104) == "+10.4"


@pytest.mark.parametrize(("p", "text"), [(0.0, "<0.001"), (0.00099, "<0.001"), (0.0104, "0.010"), (1.0, "1.000")])
def test_a_p_value_is_never_zero(p: float, text: str) -> None:
    assert p_value(p) == text


def test_a_number_keeps_its_percent_sign() -> None:
    assert tight("0.2 % of 3,000 images, a % b") == "0.2\u00a0% of 3,000 images, a % b"


def test_nothing_unusual_needs_no_note(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",))
    summary["model"]["runs_code"] = False
    assert notes(summary) == []


def test_whatever_could_mislead_is_noted(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), unreadable=25)
    summary["dataset"] |= {"available": 500, "prepared": "gray, 28x28", "official": False, "files": {"a.zip": "00"}}
    summary["self_check"]["suggestion"] = "try --range 0..255"
    said = "\n".join(notes(summary))
    for part in ("sample: 120 of 500", "(gray, 28x28)", "not the published ones", "code of the user's own", "0..255"):
        assert part in said
    assert "25 images could not be read and are left out: 0.png (no image), 1.png (no image), 2.png" in said
    assert "and 22 more" in said


def test_unreadable_images_do_not_make_a_sample(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), unreadable=1)
    said = notes(summary)
    assert not [note for note in said if "sample" in note]
    assert "1 image could not be read and is left out: 0.png (no image)." in said


def test_information_is_called_more_than_chance_only_where_it_is(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",))
    entry = summary["transforms"][0]
    entry |= {"information_bits": 0.2, "information_null_bits": 0.1, "entropy_bits": 1.5}
    assert "1.50 bits; 3 classes evenly would be 1.58. They carry 0.200" in destinations(entry, classes=3)
    assert "label, more than chance would" in destinations(entry, classes=3)
    assert "label, no more than chance would" in destinations(entry | {"information_bits": 0.1}, classes=3)


def test_classes_that_lose_their_meaning_are_named() -> None:
    names = ["a", "b", "c"]
    assert left_out({"kept": [1]}, names) == "a and c"
    assert left_out({"kept": []}, names) == "a, b and c"
    assert left_out({"kept": None}, names) == ""
    assert kept_note({"kept": [1]}, classes=3) == "1 of 3 classes"
    assert kept_note({"kept": None}, classes=3) == ""


def test_facts_are_lines_of_names_and_texts_without_what_is_empty() -> None:
    told = {"model": {"name": "m", "sha256": "", "input_spec": {"mean": (), "size": [2, 3]}, "runs_code": False}}
    told["provenance"] = {"data": [{"spec": "mnist"}], "batch": None, "hue": math.pi}
    assert facts(told) == [
        ("model: name", "m"),
        ("model: input spec: size", "2, 3"),
        ("model: runs code", "no"),
        ("provenance: data: spec", "mnist"),
        ("provenance: hue", "3.141592653589793"),
    ]
