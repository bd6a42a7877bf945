from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.auditing.page_contents import Report
from negatoscope.auditing.results import AuditSummary

Maker = Callable[..., tuple[Path, AuditSummary]]


def test_transforms_come_by_kind_in_the_order_of_the_audit(make_audit: Maker) -> None:
    _, summary = make_audit(("pixel_flips(probability=0.5)", "flip", "negative_path(share=0.5)", "negative"))
    listed = [(title, [entry.name for entry in entries]) for title, entries in Report(summary).groups.items()]
    assert listed == [
        ("Label-preserving transforms", ["flip", "negative"]),
        ("The path to the negative", ["negative_path"]),
        ("Random controls", ["pixel_flips"]),
    ]


def test_the_negative_is_in_focus_wherever_it_stands(make_audit: Maker) -> None:
    _, summary = make_audit(("gamma(exponent=0.5)", "negative", "flip"))
    entry = Report(summary).focus
    assert entry is not None
    assert entry.spec == "negative"


def test_without_the_negative_it_is_the_label_preserving_transform_with_the_lowest_accuracy(make_audit: Maker) -> None:
    _, summary = make_audit(("gamma(exponent=0.5)", "translation(right=0.4)", "pixel_flips(probability=0.9)"))
    lowest = Report(summary).focus
    assert lowest is not None
    assert lowest.accuracy == min(entry.accuracy for entry in summary.label_preserving)
    assert lowest.kind == "label_preserving"


def test_without_any_image_to_count_nothing_is_in_focus(make_audit: Maker) -> None:
    _, summary = make_audit(("flip",), lost=("flip",))
    assert Report(summary).focus is None


def test_a_class_that_the_data_do_not_have_is_called_by_its_number(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",))
    assert [summary.dataset.class_name(index) for index in (0, 2, 3)] == ["bar 0", "bar 2", "class 3"]


@pytest.mark.parametrize(("p", "significant"), [(0.049, True), (0.05, False), (1.0, False), (None, False)])
def test_significant_is_below_five_percent(make_audit: Maker, p: float | None, significant: bool) -> None:
    assert replace(make_audit(("negative",))[1].transforms[0], p_holm=p).significant is significant
