"""What an audit must reach: rules on the lower end of an interval, and no significant loss against an earlier audit."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.compare import compare
from negatoscope.auditing.plan import PlannedTransform
from negatoscope.auditing.results import AuditSummary, GateResult, RuleResult, TransformResult
from negatoscope.auditing.verdict import difference_words
from negatoscope.errors import InputError
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
    name, _, after = text.rpartition("=")
    try:
        bound = float(after)
    except ValueError:
        bound = -1.0
    if not name.strip() or not 0 <= bound <= 1:  # NaN too
        raise InputError(f"expected a rule such as negative=0.9, with a rate from 0 to 1, got {text!r}")
    name = name.strip()
    return GateRule(text, name if name in _OVER_ALL else _canonical(name), bound)


def expect_matches(
    rules: Sequence[GateRule], transforms: Sequence[PlannedTransform] | Sequence[TransformResult]
) -> None:
    """Refuse rules on what is not audited, before an audit runs for hours.

    Args:
        rules: What must be reached.
        transforms: Those of the audit.

    Raises:
        InputError: A rule names no transform of the audit, or the mean or worst case where none preserves labels.
    """
    preserving = any(entry.kind == "label_preserving" for entry in transforms)
    for rule in rules:
        if rule.name in ("mean", "worst_case") and not preserving:
            raise InputError(f"expected a label-preserving transform for the rule {rule.text!r}, got none")
        if rule.name not in _OVER_ALL and not any(rule.matches(entry.spec) for entry in transforms):
            known = [*_OVER_ALL, *dict.fromkeys(parse_spec(entry.spec).name for entry in transforms)]
            near = difflib.get_close_matches(rule.name, [*known, *(entry.spec for entry in transforms)], n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise InputError(f"expected a rule on what is audited, got {rule.text!r}; {hint}")


def judge(
    audited: AuditResult,
    *,
    rules: Sequence[str] = (),
    baseline: Path | None = None,
    max_unreadable: int = 0,
) -> GateResult:
    """Hold an audit to its rules.

    Args:
        audited: The audit.
        rules: Such as "negative=0.9".
        baseline: The folder of an earlier audit: a significant loss against it fails.
        max_unreadable: More unreadable images than this fail.

    Raises:
        InputError: A rule is malformed or on what was not audited.
        DataError: The earlier audit is damaged or not finished.
    """
    summary = audited.summary
    parsed = [parse_rule(text) for text in rules]
    expect_matches(parsed, summary.transforms)
    results = [_judge(rule, summary) for rule in parsed]
    if summary.unreadable:
        results.append(_unreadable(summary.unreadable, max_unreadable))
    if baseline is not None:
        results.append(_against(read_audit(baseline), audited))
    return GateResult(
        passed=all(result.passed for result in results) if results else None,
        rules=tuple(results),
    )


def _canonical(name: str) -> str:
    """A bare name as it stands; a spec in its canonical form, without arguments at their default."""
    spec = parse_spec(name)
    return str(TRANSFORMS.resolve(name)[0]) if spec.arguments else spec.name


def _judge(rule: GateRule, summary: AuditSummary) -> RuleResult:
    """The rule on what it names; of several specs, on the one whose interval begins lowest."""
    rates: list[tuple[str, float, float]] = []
    over_all = {"clean": summary.clean, "mean": summary.mean, "worst_case": summary.worst_case}
    if rule.name in over_all:
        measured = over_all[rule.name]
        rates += [(rule.name.replace("_", " "), measured.accuracy, measured.low)] if measured else []
    for entry in summary.transforms:
        if rule.matches(entry.spec) and entry.accuracy is not None and entry.low is not None:
            rates.append((entry.spec, entry.accuracy, entry.low))
    if not rates:
        sentence = "no image keeps its label, so there is nothing to measure"
        return RuleResult(rule=rule.text, value=None, bound=rule.bound, passed=False, sentence=sentence)
    what, accuracy, low = min(rates, key=lambda rate: rate[2])
    lowest = f", the lowest of {len(rates)}," if len(rates) > 1 else ""
    passed = low >= rule.bound
    sentence = (
        f"{what}{lowest} is {percent(accuracy, unit=True)}, and its 95 % interval begins at "
        f"{percent(low, unit=True, down=True)}, {'which reaches' if passed else 'below'} {100 * rule.bound:.6g} %"
    )
    return RuleResult(rule=rule.text, value=low, bound=rule.bound, passed=passed, sentence=sentence)


def _unreadable(count: int, most: int) -> RuleResult:
    return RuleResult(
        rule="unreadable",
        value=count,
        bound=most,
        passed=count <= most,
        sentence=f"{counted(count, 'unreadable image')}, {most} allowed",
    )


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
