"""Networks that are trained in seconds: wrong settings are named, right ones left alone."""

import pytest
from benchmarks import self_check
from benchmarks.self_check import hints


@pytest.fixture(scope="module")
def cases() -> list[dict[str, object]]:
    found = self_check.run(quick=True).details["cases"]
    assert isinstance(found, list)
    return found


def test_a_right_setting_is_left_alone(cases: list[dict[str, object]]) -> None:
    right = [case["outcome"] for case in cases if not case["wrong"]]
    assert right == ["left alone"] * 2


def test_a_wrong_setting_that_costs_anything_is_named(cases: list[dict[str, object]]) -> None:
    outcomes = [case["outcome"] for case in cases if case["wrong"]]
    assert outcomes == ["named"] * 4


def test_hints_are_read_as_a_command_line_reads_them() -> None:
    suggestion = (
        "with --range 0..1 --mean 1 --std=-1 (the negative) the accuracy is 97.1 % on 512 images, instead of 12.0 % "
        "(p < 0.001); as good: --range=-1..1 (no normalization), or --class-map 9..0"
    )
    assert hints(suggestion) == [
        {"range": "0..1", "mean": "1", "std": "-1"},
        {"range": "-1..1"},
        {"class_map": "9..0"},
    ]
    assert hints("12.0 % of 512 images are classified correctly") == []
