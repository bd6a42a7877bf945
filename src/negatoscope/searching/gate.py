"""What a search must reach: rules on the lower end of an interval, such as "robust=0.5"."""

from collections.abc import Mapping, Sequence

from negatoscope.auditing.gate import GateRule
from negatoscope.auditing.results import GateResult, RuleResult
from negatoscope.errors import expect, suggest
from negatoscope.reports.formatting import percent
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
    rules = []
    for text in texts:
        name, _, after = (part.strip() for part in text.rpartition("="))
        try:
            bound = float(after)
        except ValueError:
            bound = -1.0
        expect(name and 0 <= bound <= 1, "a rule such as robust=0.5, with a rate from 0 to 1", repr(text))  # no NaN
        expect(name in _NAMED, "a rule on what a search measures", f"{text!r}; {suggest(name, _NAMED)}")
        rules.append(GateRule(text, name, bound))
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
        sentence = "there are too few images to measure it"
        return RuleResult(rule=rule.text, value=None, bound=rule.bound, passed=False, sentence=sentence)
    lowest = min(known, key=lambda rate: rate.low)
    passed = lowest.low >= rule.bound
    begins = f"{percent(lowest.low, unit=True, down=True)}, {'which reaches' if passed else 'below'}"
    sentence = (
        f"{_NAMED[rule.name]} is {percent(lowest.accuracy, unit=True)}, and its 95 % interval begins at {begins} "
        f"{100 * rule.bound:.6g} %"
    )
    return RuleResult(rule=rule.text, value=lowest.low, bound=rule.bound, passed=passed, sentence=sentence)
