"""The gate of a search: each rule is held to the lower end of the interval of what it is on."""

from dataclasses import replace

import pytest

import negatoscope as ng
from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.searching.gate import judge
from negatoscope.searching.result import SearchSummary

SPACES = ("gamma(exponent=0.3..3)", "translation(right=-0.2..0.2, down=-0.2..0.2)")


@pytest.fixture(scope="module")
def summary(classifier: ClassifierAdapter, digits: Dataset) -> SearchSummary:
    return ng.search(classifier, digits, space=SPACES, budget=6, limit=80).summary


def test_without_rules_nothing_is_decided(summary: SearchSummary) -> None:
    assert judge(summary, ()).passed is None
    assert judge(summary, ()).rules == ()


@pytest.mark.parametrize("name", ["robust", "clean", "mean", "universal"])
def test_a_rule_holds_exactly_as_far_as_the_lower_end_of_its_interval(name: str, summary: SearchSummary) -> None:
    measured = {
        "robust": [summary.accuracy_under_attack],
        "clean": [summary.curve[0]],
        "mean": [space.mean for space in summary.spaces],
        "universal": [space.universal for space in summary.spaces],
    }[name]
    low = min(rate.low for rate in measured if rate is not None)
    (reached,) = judge(summary, [f"{name}={low!r}"]).rules
    (missed,) = judge(summary, [f"{name}={low + 1e-9!r}"]).rules
    assert (reached.passed, reached.value, reached.bound) == (True, low, low)
    assert (missed.passed, missed.value) == (False, low)
    assert "which reaches" in reached.sentence
    assert " below " in missed.sentence


def test_of_several_spaces_the_one_that_does_most_harm_counts(summary: SearchSummary) -> None:
    first, second = summary.spaces
    assert first.mean is not None
    bad = replace(first.mean, accuracy=0.11, low=0.1, high=0.12)
    for spaces in ((replace(first, mean=bad), second), (second, replace(first, mean=bad))):
        (rule,) = judge(replace(summary, spaces=spaces), ["mean=0.2"]).rules
        assert (rule.passed, rule.value) == (False, 0.1)
        assert rule.sentence == "the mean over settings is 11.00 %, and its 95 % interval begins at 10.00 %, below 20 %"


def test_one_rule_that_fails_fails_the_gate_and_all_are_reported(summary: SearchSummary) -> None:
    result = judge(summary, ["clean=0.1", "robust=1", "mean=0"])
    assert result.passed is False
    assert [rule.rule for rule in result.rules] == ["clean=0.1", "robust=1", "mean=0"]
    assert [rule.passed for rule in result.rules] == [True, False, True]
    assert judge(summary, ["clean=0.1", "mean=0"]).passed is True


def test_what_could_not_be_measured_reaches_no_bound_not_even_zero(summary: SearchSummary) -> None:
    nothing = tuple(replace(space, universal=None, mean=None) for space in summary.spaces)
    for name in ("universal", "mean"):
        (rule,) = judge(replace(summary, spaces=nothing), [f"{name}=0"]).rules
        assert (rule.passed, rule.value) == (False, None)
        assert rule.sentence == "there are too few images to measure it"


def test_a_rate_just_below_its_bound_is_not_rounded_up_to_it(summary: SearchSummary) -> None:
    rate = replace(summary.accuracy_under_attack, accuracy=0.95, low=0.899999, high=0.99)
    (rule,) = judge(replace(summary, accuracy_under_attack=rate), [" robust = 0.9 "]).rules
    assert not rule.passed
    assert rule.sentence.endswith("begins at 89.99 %, below 90 %")


def test_the_gate_of_a_search_is_that_of_its_rules(classifier: ClassifierAdapter, digits: Dataset) -> None:
    settings = {"space": SPACES[0], "budget": 4, "limit": 40}
    passed, failed = (ng.search(classifier, digits, fail_under=rule, **settings) for rule in ("robust=0", "robust=1"))
    assert (passed.passed, passed.summary.gate.passed) == (True, True)
    assert (failed.passed, failed.summary.gate.passed) == (False, False)
    assert "the gate passed" in passed.summary.verdict
    assert "the gate FAILED: robust=1" in failed.summary.verdict
