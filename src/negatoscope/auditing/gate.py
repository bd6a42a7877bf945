"""What an audit must reach: rules on the lower end of an interval, and no significant loss against an earlier audit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from negatoscope.attacks import ATTACKS, resolve_attack
from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.compare import compare, difference_words
from negatoscope.auditing.plan import AuditConfig, PlannedTransform
from negatoscope.auditing.results import AuditSummary, GateResult, PlannedKind, RuleResult, TransformResult
from negatoscope.errors import expect, suggest
from negatoscope.registry import name_in, split_list
from negatoscope.reports.formatting import counted, percent, points
from negatoscope.statistics.paired import holm
from negatoscope.transforms import describe_transform

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
        """Whether it is about the transform of that spec: with brackets it is about no other setting."""
        return self.name == spec or ("(" not in self.text and self.name == name_in(spec))

    def judge(self, what: str, accuracy: float, low: float) -> RuleResult:
        """Hold a rate, by what a sentence calls it, and the lower end of its interval to the rule."""
        passed = low >= self.bound
        sentence = (
            f"{what} is {percent(accuracy, unit=True)}, and its 95 % interval begins at "
            f"{percent(low, unit=True, down=True)}, {'which reaches' if passed else 'below'} {100 * self.bound:.6g} %"
        )
        return RuleResult(rule=self.text, value=low, bound=self.bound, passed=passed, sentence=sentence)

    def failed(self, sentence: str) -> RuleResult:
        """What becomes of it where there is nothing to measure, with the reason."""
        return RuleResult(rule=self.text, value=None, bound=self.bound, passed=False, sentence=sentence)


def split_rule(text: str, *, example: str) -> GateRule:
    """Read a name and a bound, as in "robust=0.5".

    Raises:
        InputError: The text has another form, or the bound is not in [0, 1].
    """
    name, _, after = (part.strip() for part in text.rpartition("="))
    try:
        bound = float(after)
    except ValueError:
        bound = -1.0
    usable = name and 0 <= bound <= 1  # NaN is not
    expect(usable, f"a rule such as {example}, with a rate from 0 to 1", repr(text))
    return GateRule(text, name, bound)


def parse_rule(text: str) -> GateRule:
    """Read "negative=0.9", "gamma(exponent=2.0)=0.9" or "worst_case=0.5".

    Raises:
        InputError: The text has another form, or the bound is not in [0, 1].
        SpecError: It holds the spec of no transform.
    """
    rule = split_rule(text, example="negative=0.9")
    if rule.name in _OVER_ALL or rule.name.isidentifier():
        return rule
    described = (resolve_attack if name_in(rule.name) in ATTACKS.names() else describe_transform)(rule.name)
    return replace(rule, name=str(described.spec))  # arguments at their default go


def parse_rules(
    texts: Sequence[str], transforms: Sequence[PlannedTransform] | Sequence[TransformResult]
) -> list[GateRule]:
    """Read rules, and refuse those on what is not audited, before an audit runs for hours.

    Raises:
        InputError: A rule is malformed, or names no transform of the audit, or the mean or worst case where none
            preserves labels.
        SpecError: It holds the spec of no transform.
    """
    rules = [parse_rule(text) for text in texts]
    preserving = any(entry.kind == "label_preserving" for entry in transforms)
    specs = [entry.spec for entry in transforms]
    known = [*_OVER_ALL, *dict.fromkeys(entry.name for entry in transforms), *specs]
    for rule in rules:
        if rule.name in ("mean", "worst_case"):
            expect(preserving, f"a label-preserving transform for the rule {rule.text!r}", "none")
        audited = any(map(rule.matches, (*_OVER_ALL, *specs)))
        expect(audited, "a rule on what is audited", f"{rule.text!r}; {suggest(rule.name, known)}")
    return rules


def parse_baseline_on(
    texts: Sequence[str], transforms: Sequence[PlannedTransform] | Sequence[TransformResult]
) -> list[GateRule]:
    """Rules that name what is held against a baseline, without a bound; texts may list several with commas.

    Raises:
        InputError: A name is of nothing that is audited, or of a control, which fails no gate, or the worst case where
            no transform preserves labels.
        SpecError: It is the spec of no transform.
    """
    rules = [parse_rule(f"{name}=0") for text in texts for name in split_list(text)]
    kinds = {name: entry.kind for entry in transforms for name in (entry.name, entry.spec)}
    known = ["clean", "worst_case", *(name for name, kind in kinds.items() if kind != "control")]
    held = ["clean", "worst_case", *(entry.spec for entry in transforms if entry.kind != "control")]
    for rule in rules:
        name = rule.name
        if name == "worst_case":
            preserving = any(entry.kind == "label_preserving" for entry in transforms)
            expect(preserving, "a label-preserving transform for --baseline-on worst_case", "none")
        control = kinds.get(name) == "control"
        got = f"{name!r}, a control, which fails no gate" if control else f"{name!r}; {suggest(name, known)}"
        expect(any(map(rule.matches, held)), "what --baseline-on names to be audited", got)
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
        results.append(_against(read_audit(config.baseline), audited, config))
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
        return rule.failed("no image keeps its label, so there is nothing to measure")
    name, accuracy, low = min(rates, key=lambda rate: rate[2])
    what = name.replace("_", " ") if name in _OVER_ALL else name
    lowest = f", the lowest of {len(rates)}," if len(rates) > 1 else ""
    return rule.judge(f"{what}{lowest}", accuracy, low)


def _against(old: AuditResult, new: AuditResult, config: AuditConfig) -> RuleResult:
    """Whether anything that is held against the baseline fell significantly, and by more than the tolerance."""
    comparison, rules = compare(old, new), parse_baseline_on(config.baseline_on, new.summary.transforms)
    kinds = {entry.spec: entry.kind for entry in new.summary.transforms}  # what was annotated since counts
    rates = [rate for rate in comparison.rates if rate.difference is not None]
    held = [rate for rate in rates if _is_held(rate.spec, kinds.get(rate.spec, rate.kind), rules)]
    family = list({rate.repeats or rate.spec: rate for rate in reversed(held)}.values())[::-1]
    p_values = holm([rate.p_value for rate in family])
    tested = [replace(rate, p_holm=p) for rate, p in zip(family, p_values, strict=True)]
    lost = [rate for rate in tested if rate.significant and (rate.difference or 0) < -config.tolerance]
    gone = [spec for spec in comparison.only_a if _is_held(spec, old.transforms[spec].kind, rules)]
    missing = [rule.name for rule in rules if not any(rule.matches(rate.spec) for rate in rates)]
    allowed = f" by more than {points(config.tolerance, signed=False)} points" if config.tolerance else ""
    sentence = f"none of {len(tested)} rates fell significantly{allowed}"
    if len(tested) == 1:
        sentence = f"{tested[0].spec} did not fall significantly{allowed}"
    if lost:
        most = min(lost, key=lambda rate: rate.difference or 0)
        several = f"{len(lost)} of {len(tested)} rates fell significantly{allowed}, most {most.spec}"
        one = f"{most.spec} fell significantly{allowed}"
        sentence = f"{several if len(tested) > 1 else one}, {difference_words(most)}"
    sentence += f"; compared {'image by image' if comparison.paired else 'as two samples, for the images differ'}"
    if gone:
        sentence += f"; no longer audited, which also fails: {', '.join(gone)}"
    if missing:
        sentence += f"; without an image to compare, which also fails: {', '.join(missing)}"
    return RuleResult(
        rule="baseline",
        value=min((rate.difference for rate in tested if rate.difference is not None), default=None),
        bound=0.0 - config.tolerance,
        passed=not lost and not gone and not missing,
        sentence=sentence,
    )


def _is_held(spec: str, kind: PlannedKind, rules: Sequence[GateRule]) -> bool:
    """Whether a rate is held against the baseline: what is named, else clean and what preserves labels."""
    if rules:
        return any(rule.matches(spec) for rule in rules)
    return kind == "label_preserving" and spec not in ("mean", "worst_case")
