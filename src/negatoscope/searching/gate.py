"""What a search must reach: rules on the lower end of an interval, such as "robust=0.5"."""

from collections.abc import Mapping, Sequence

from negatoscope.auditing.gate import GateRule, split_rule
from negatoscope.auditing.results import GateResult, RuleResult
from negatoscope.errors import expect, suggest
from negatoscope.searching.result import AccuracyInterval, SearchSummary

_NAMED: Mapping[str, str] = {
    "robust": "the accuracy under attack",
    "clean": "the clean accuracy",
    "mean": "the mean over settings",
    "universal": "the accuracy under the universal setting",
}
"""What a rule may be on, and how a sentence calls it."""


def parse_rules(texts: Sequence[str]) -> list[GateRule]:
    """Read rules such as "robust=0.5", before a search runs for hours.

    Raises:
        InputError: A text has another form, the bound is not in [0, 1], or it is on nothing that a search measures.
    """
    rules = [split_rule(text, example="robust=0.5") for text in texts]
    for rule in rules:
        got = f"{rule.text!r}; {suggest(rule.name, _NAMED)}"
        expect(rule.name in _NAMED, "a rule on what a search measures", got)
    return rules


def judge(summary: SearchSummary, texts: Sequence[str]) -> GateResult:
    """Hold a search to rules; where there are several spaces, the mean and the universal setting of each."""
    results = tuple(_judge(rule, summary) for rule in parse_rules(texts))
    return GateResult(passed=all(result.passed for result in results) if results else None, rules=results)


def _judge(rule: GateRule, summary: SearchSummary) -> RuleResult:
    rates: dict[str, list[AccuracyInterval | None]] = {
        "robust": [summary.accuracy_under_attack],
        "clean": [summary.curve[0]],
        "mean": [entry.mean for entry in summary.spaces],
        "universal": [entry.universal for entry in summary.spaces],
    }
    known = [rate for rate in rates[rule.name] if rate is not None]
    if not known:
        return rule.failed("there are too few images to measure it")
    lowest = min(known, key=lambda rate: rate.low)
    return rule.judge(_NAMED[rule.name], lowest.accuracy, lowest.low)
