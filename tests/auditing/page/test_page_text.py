import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.auditing.page_text import change, change_interval, destinations, facts, kept_note, left_out, notes
from negatoscope.auditing.results import AuditSummary

Maker = Callable[..., tuple[Path, AuditSummary]]


@pytest.mark.parametrize(
    ("drop", "text"), [(0.25, "−25.0"), (-0.25, "+25.0"), (0.0, "0.0"), (0.0004, "0.0"), (-0.0004, "0.0"), (None, "–")]
)
def test_a_drop_is_a_change_with_the_other_sign(drop: float | None, text: str) -> None:
    assert change(drop) == text


def test_the_interval_of_a_change_begins_with_its_lower_end() -> None:
    assert change_interval(-0.01, 0.25) == "[−25.0, +1.0]"
    assert change_interval(None, None) == "–"


def test_nothing_unusual_needs_no_note(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",))
    summary = replace(summary, model=replace(summary.model, runs_code=False))
    assert notes(summary) == []


def test_whatever_could_mislead_is_noted(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), unreadable=25)
    changes = {"available": 500, "prepared": "gray, 28x28", "official": False, "files": {"a.zip": "00"}}
    checked = replace(summary.self_check, suggestion="try --range 0..255")
    summary = replace(summary, dataset=replace(summary.dataset, **changes), self_check=checked)
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
    entry = replace(summary.transforms[0], information_bits=0.2, information_null_bits=0.1, entropy_bits=1.5)
    assert "1.50 bits; 3 classes evenly would be 1.58. They carry 0.200" in destinations(entry, classes=3)
    assert "label, more than chance would" in destinations(entry, classes=3)
    assert "label, no more than chance would" in destinations(replace(entry, information_bits=0.1), classes=3)


def test_classes_that_lose_their_meaning_are_named(make_audit: Maker) -> None:
    names = ["a", "b", "c"]
    whole = make_audit(("negative",))[1].transforms[0]
    one, none = replace(whole, preserved=(1,)), replace(whole, preserved=())
    assert [left_out(entry, names) for entry in (one, none, whole)] == ["a and c", "a, b and c", ""]
    assert [kept_note(entry, classes=3) for entry in (one, whole)] == ["1 of 3 classes", ""]


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
