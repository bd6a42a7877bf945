"""What an audit must reach: rules on the lower end of an interval, and no significant loss against an earlier audit."""

from collections.abc import Sequence
from dataclasses import dataclass

from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.compare import compare, difference_words
from negatoscope.auditing.plan import AuditConfig, PlannedTransform
from negatoscope.auditing.results import AuditSummary, GateResult, RuleResult, TransformResult
from negatoscope.errors import expect, suggest
from negatoscope.registry import parse_spec
from negatoscope.reports.formatting import counted, percent
from negatoscope.transforms import TRANSFORMS

_OVER_ALL = ("clean", "mean", "worst_case")


@dataclass(frozen=True)
class GateRule:
    """A rate whose interval must not begin below a bound.

    Args:
        text: As the user wrote it.
        name: "clean", "mean", "worst_case", a transform's name (which stands for all its specs) or a spec.
        bound: In [0, 1].
    """

    text: str
    name: str
    bound: float

    def matches(self, spec: str) -> bool:
        """Whether it is about the transform of that spec."""
        return self.name in (spec, parse_spec(spec).name)


def parse_rule(text: str) -> GateRule:
    """Read "negative=0.9", "gamma(exponent=2.0)=0.9" or "worst_case=0.5".

    Raises:
        InputError: The text has another form, or the bound is not in [0, 1].
        SpecError: It holds the spec of no transform.
    """
    name, _, after = (part.strip() for part in text.rpartition("="))
    try:
        bound = float(after)
    except ValueError:
        bound = -1.0
    usable = name and 0 <= bound <= 1  # NaN is not
    expect(usable, "a rule such as negative=0.9, with a rate from 0 to 1", repr(text))
    if name not in _OVER_ALL:
        spec = parse_spec(name)
        name = str(TRANSFORMS.resolve(name)[0]) if spec.arguments else spec.name  # no argument that is at its default
    return GateRule(text, name, bound)


def parse_rules(
    texts: Sequence[str], transforms: Sequence[PlannedTransform] | Sequence[TransformResult]
) -> list[GateRule]:
    """Read rules, and refuse those on what is not audited, before an audit runs for hours.

    Args:
        texts: What must be reached.
        transforms: Those of the audit.

    Raises:
        InputError: A rule is malformed, or names no transform of the audit, or the mean or worst case where none
            preserves labels.
        SpecError: It holds the spec of no transform.
    """
    rules = [parse_rule(text) for text in texts]
    preserving = any(entry.kind == "label_preserving" for entry in transforms)
    names = dict.fromkeys(parse_spec(entry.spec).name for entry in transforms)
    known = [*_OVER_ALL, *names, *(entry.spec for entry in transforms)]
    for rule in rules:
        if rule.name in ("mean", "worst_case"):
            expect(preserving, f"a label-preserving transform for the rule {rule.text!r}", "none")
        expect(rule.name in known, "a rule on what is audited", f"{rule.text!r}; {suggest(rule.name, known)}")
    return rules


def judge(audited: AuditResult, config: AuditConfig) -> GateResult:
    """Hold an audit to the rules of its config.

    Raises:
        InputError: A rule is malformed or on what was not audited.
        DataError: The earlier audit is damaged or not finished.
    """
    summary = audited.summary
    results = [_judge(rule, summary) for rule in parse_rules(config.fail_under, summary.transforms)]
    if summary.unreadable:
        most = config.max_unreadable
        sentence = f"{counted(summary.unreadable, 'unreadable image')}, {most} allowed"
        passed = summary.unreadable <= most
        results.append(
            RuleResult(rule="unreadable", value=summary.unreadable, bound=most, passed=passed, sentence=sentence)
        )
    if config.baseline is not None:
        results.append(_against(read_audit(config.baseline), audited))
    return GateResult(passed=all(result.passed for result in results) if results else None, rules=tuple(results))


def _judge(rule: GateRule, summary: AuditSummary) -> RuleResult:
    """The rule on what it names; of several specs, on the one whose interval begins lowest."""
    measured = {"clean": summary.clean, "mean": summary.mean, "worst_case": summary.worst_case}
    rates = [
        (name, rate.accuracy, rate.low)
        for name, rate in (measured | {entry.spec: entry for entry in summary.transforms}).items()
        if rule.matches(name) and rate and rate.accuracy is not None and rate.low is not None
    ]
    if not rates:
        sentence = "no image keeps its label, so there is nothing to measure"
        return RuleResult(rule=rule.text, value=None, bound=rule.bound, passed=False, sentence=sentence)
    name, accuracy, low = min(rates, key=lambda rate: rate[2])
    what = name.replace("_", " ") if name in _OVER_ALL else name
    lowest = f", the lowest of {len(rates)}," if len(rates) > 1 else ""
    passed = low >= rule.bound
    sentence = (
        f"{what}{lowest} is {percent(accuracy, unit=True)}, and its 95 % interval begins at "
        f"{percent(low, unit=True, down=True)}, {'which reaches' if passed else 'below'} {100 * rule.bound:.6g} %"
    )
    return RuleResult(rule=rule.text, value=low, bound=rule.bound, passed=passed, sentence=sentence)


def _against(old: AuditResult, new: AuditResult) -> RuleResult:
    """Whether anything that both audits have fell significantly."""
    comparison = compare(old, new)
    differences = [(entry.difference, entry) for entry in comparison.rates if entry.difference is not None]
    lost = [(difference, entry) for difference, entry in differences if difference < 0 and entry.significant]
    sentence = f"none of {len(differences)} rates fell significantly"
    if lost:
        _, most = min(lost, key=lambda pair: pair[0])
        sentence = (
            f"{len(lost)} of {len(differences)} rates fell significantly, most {most.spec}, {difference_words(most)}"
        )
    sentence += f"; compared {'image by image' if comparison.paired else 'as two samples, for the images differ'}"
    if comparison.only_a:
        sentence += f"; not audited any more, which fails, too: {', '.join(comparison.only_a)}"
    return RuleResult(
        rule="baseline",
        value=min((difference for difference, _ in differences), default=None),
        bound=0.0,
        passed=not lost and not comparison.only_a,
        sentence=sentence,
    )
