import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.auditing.page_text import change, change_interval, dicom_facts, notes, preserving_words
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.sections import Report
from negatoscope.auditing.sections.confusion import confusion
from negatoscope.auditing.sections.method import facts, method
from negatoscope.data.dicom import DicomSummary

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
    sentences = "\n".join(notes(summary))
    for part in ("sample: 120 of 500", "(gray, 28x28)", "not the published ones", "user's own code", "0..255"):
        assert part in sentences
    assert "25 images could not be read and are left out: 0.png (no image), 1.png (no image), 2.png" in sentences
    assert "and 22 more" in sentences


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("negatoscope audit a.onnx --data folder:a", "negatoscope annotate DATA"),
        ("negatoscope audit a.onnx --data a --labels b.csv", "negatoscope annotate DATA --labels LABELS"),
        (
            "negatoscope.audit('a.onnx', 'a', labels='b.csv', label_columns='file,kind')",
            "negatoscope annotate DATA --labels LABELS --label-columns LABEL-COLUMNS",
        ),
    ],
)
def test_the_command_that_annotates_has_the_labels_of_the_audit(make_audit: Maker, command: str, hint: str) -> None:
    _, summary = make_audit(("negative",))
    shown_apart = tuple(replace(entry, kind="not_annotated") for entry in summary.transforms)
    summary = replace(summary, transforms=shown_apart, provenance=replace(summary.provenance, command=command))
    assert [note for note in notes(summary) if note.endswith(f"start with: {hint}")]


def test_unreadable_images_do_not_make_a_sample(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), unreadable=1)
    sentences = notes(summary)
    assert not [note for note in sentences if "sample" in note]
    assert "1 image could not be read and is left out: 0.png (no image)." in sentences


def test_an_unreadable_image_without_a_name_is_quoted_with_its_reason(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), unreadable=2)
    unnamed = tuple(replace(image, name="", reason="expected a, got b; mend it") for image in summary.unreadable_named)
    sentences = notes(replace(summary, unreadable_named=unnamed))
    listed = '"expected a, got b; mend it" and "expected a, got b; mend it"'
    assert f"2 images could not be read and are left out: {listed}." in sentences


def test_one_image_has_a_window_of_its_own() -> None:
    for n, words in ((1, "1 of 2 images is without a window of its own"), (2, "2 of 2 images are without a window of")):
        (sentence,) = dicom_facts(DicomSummary(images=2, files=2, monochrome1=0, unwindowed=n, burnt_in=0))
        assert sentence.startswith(words)


def test_information_is_called_more_than_chance_only_where_it_is(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",))
    entry = replace(summary.transforms[0], information_bits=0.2, information_null_bits=0.1, entropy_bits=1.5)
    more, no_more = (
        confusion(Report(replace(summary, transforms=(transform,)))).lead
        for transform in (entry, replace(entry, information_bits=0.1))
    )
    assert "1.50 bits; spread evenly over 3 classes it would be 1.58. They carry 0.200" in more
    assert "label, more than chance" in more
    assert "stay below 0.100." in more
    assert "label, no more than chance" in no_more


def test_classes_whose_label_is_not_preserved_are_named(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), names=("a", "b", "c"))
    (whole,) = summary.transforms
    for preserved, names in (((1,), "a and c"), ((), "a, b and c")):
        entry = replace(whole, preserved=preserved)
        assert f"<dd>{names}</dd>" in method(Report(replace(summary, transforms=(entry,)))).body
    assert "not counted, by transform" not in method(Report(summary)).body


def test_facts_are_lines_of_names_and_texts_without_what_is_empty() -> None:
    values = {"model": {"name": "m", "sha256": "", "input_spec": {"mean": [], "size": [2, 3]}, "runs_code": False}}
    values["provenance"] = {"data": [{"spec": "mnist"}], "batch": None, "hue": math.pi}
    assert list(facts(values)) == [
        ("model: name", "m"),
        ("model: input spec: size", "2, 3"),
        ("model: runs code", "no"),
        ("provenance: data: spec", "mnist"),
        ("provenance: hue", "3.141592653589793"),
    ]


@pytest.mark.parametrize(
    ("assumed", "words"),
    [
        (0, "2 label-preserving transforms"),
        (1, "2 label-preserving transforms (1 by assumption)"),
        (2, "2 transforms assumed to be label-preserving"),
    ],
)
def test_what_is_assumed_is_counted_in_words(make_audit: Maker, assumed: int, words: str) -> None:
    _, summary = make_audit(("negative", "gamma(exponent=0.5)"))
    entries = [replace(entry, assumed=index < assumed) for index, entry in enumerate(summary.transforms)]
    summary = replace(summary, transforms=tuple(entries))
    assert preserving_words(summary) == words
    titles = [title for title, _ in Report(summary).groups.items()]
    known, believed = "Label-preserving transforms", "Assumed to be label-preserving"
    assert titles == [*([known] if assumed < 2 else []), *([believed] if assumed else [])]
    assert ("day/night" in "".join(notes(summary))) is bool(assumed)


def test_unequal_classes_are_noted_with_what_a_constant_prediction_gives(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), names=("a", "b", "c"))
    first, *others = summary.clean.per_class
    clean = replace(summary.clean, n=120, per_class=(replace(first, n=60, accuracy=1.0), *others))
    (sentence,) = [note for note in notes(replace(summary, clean=clean)) if "unequal" in note]
    assert sentence.startswith("Classes are unequal: compare with always predicting a (50.0 %).")
    assert f"{100 * clean.balanced_accuracy:.1f} % clean and " in sentence
    assert not [note for note in notes(summary) if "unequal" in note]
