"""What an audit must reach: rules on the lower end of an interval, and no significant loss against an earlier audit."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from negatoscope.auditing.compare import Audited, compare_audits, read_audit
from negatoscope.auditing.verdict import SIGNIFICANT, difference_words
from negatoscope.errors import InputError
from negatoscope.registry import parse_spec
from negatoscope.reports.formatting import percent
from negatoscope.transforms import TRANSFORMS

_OVER_ALL = ("clean", "mean", "worst_case")


@dataclass(frozen=True)
class Rule:
    """A rate whose interval must not begin below a bound.

    Args:
        text: As the user wrote it.
        name: "clean", "mean", "worst_case", a transform's name (which stands for all its specs) or a spec.
        bound: In [0, 1].
    """

    text: str
    name: str
    bound: float


def parse_rule(text: str) -> Rule:
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
    return Rule(text, name if name in _OVER_ALL else _canonical(name), bound)


def expect_matches(rules: Sequence[Rule], steps: Iterable[Mapping[str, Any]]) -> None:
    """Refuse rules on what is not audited, before an audit runs for hours.

    Args:
        rules: What must be reached.
        steps: "spec" and "kind" of each transform of the audit.

    Raises:
        InputError: A rule names no transform of the audit, or the mean or worst case where none keeps the meaning.
    """
    steps = list(steps)
    meaning = any(step["kind"] == "label_preserving" for step in steps)
    for rule in rules:
        if rule.name in ("mean", "worst_case") and not meaning:
            raise InputError(f"expected a transform that keeps the meaning for the rule {rule.text!r}, got none")
        if rule.name not in _OVER_ALL and not _matching(rule, steps):
            known = [*_OVER_ALL, *dict.fromkeys(parse_spec(step["spec"]).name for step in steps)]
            near = difflib.get_close_matches(rule.name, [*known, *(step["spec"] for step in steps)], n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise InputError(f"expected a rule on what is audited, got {rule.text!r}; {hint}")


def judge(
    summary: Mapping[str, Any],
    *,
    rows: Path,
    rules: Sequence[str] = (),
    baseline: Path | None = None,
    max_unreadable: int = 0,
) -> dict[str, Any]:
    """Hold an audit to its rules.

    Args:
        summary: What `summary.json` holds.
        rows: The rows that it comes from.
        rules: Such as "negative=0.9".
        baseline: The folder of an earlier audit: a significant loss against it fails.
        max_unreadable: More unreadable images than this fail.

    Returns:
        "passed", None where nothing was asked for, and the "rules" with what became of them.

    Raises:
        InputError: A rule is malformed or on what was not audited.
        DataError: The earlier audit is damaged or not finished.
    """
    parsed = [parse_rule(text) for text in rules]
    expect_matches(parsed, summary["transforms"])
    judged = [_judged(rule, summary) for rule in parsed]
    if summary["unreadable"]:
        judged.append(_unreadable(summary["unreadable"], max_unreadable))
    if baseline is not None:
        judged.append(_against(read_audit(baseline), Audited(summary, rows)))
    return {"passed": all(rule["passed"] for rule in judged) if judged else None, "rules": judged}


def _canonical(name: str) -> str:
    """A bare name as it stands; a spec in its canonical form, without arguments at their default."""
    spec = parse_spec(name)
    return str(TRANSFORMS.resolve(name)[0]) if spec.arguments else spec.name


def _matching(rule: Rule, entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if rule.name in (entry["spec"], parse_spec(entry["spec"]).name)]


def _judged(rule: Rule, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The rule on what it names; of several specs, on the one whose interval begins lowest."""
    if rule.name in ("mean", "worst_case"):
        rate, low = summary[f"{rule.name}_accuracy"], summary[f"{rule.name}_low"]
        return _reached(rule, low, _rate_words(rule, rate, low, what=rule.name.replace("_", " ")))
    entries = [summary["clean"]] if rule.name == "clean" else _matching(rule, summary["transforms"])
    counted = [entry for entry in entries if entry["n"]]
    if not counted:
        return {**_reached(rule, None, "no image keeps its meaning, so there is nothing to reach it with")}
    lowest = min(counted, key=lambda entry: float(entry["low"]))
    what = lowest.get("spec", "clean") + (f", the lowest of {len(counted)}," if len(counted) > 1 else "")
    return _reached(rule, lowest["low"], _rate_words(rule, lowest["accuracy"], lowest["low"], what=what))


def _reached(rule: Rule, low: float | None, sentence: str) -> dict[str, Any]:
    passed = low is not None and low >= rule.bound
    return {"rule": rule.text, "value": low, "bound": rule.bound, "passed": passed, "sentence": sentence}


def _rate_words(rule: Rule, rate: float | None, low: float | None, *, what: str) -> str:
    if rate is None or low is None:
        return f"{what} cannot be told: no image keeps its meaning"
    compared = "which reaches" if low >= rule.bound else "below"
    return (
        f"{what} is {percent(rate, unit=True)}, and its 95 % interval begins at {percent(low, unit=True, down=True)}, "
        f"{compared} {100 * rule.bound:.6g} %"
    )


def _unreadable(count: int, most: int) -> dict[str, Any]:
    sentence = f"{count} unreadable {'image' if count == 1 else 'images'}, {most} allowed"
    return {"rule": "unreadable", "value": count, "bound": most, "passed": count <= most, "sentence": sentence}


def _against(old: Audited, new: Audited) -> dict[str, Any]:
    """Whether anything that both audits have fell significantly."""
    comparison = compare_audits(old, new)
    counted = [entry for entry in comparison["transforms"] if entry["n"]]
    lowest = min((float(entry["difference"]) for entry in counted), default=None)
    lost = [entry for entry in counted if entry["difference"] < 0 and entry["p_holm"] < SIGNIFICANT]
    how = "image by image" if comparison["paired"] else "as two samples, for the images differ"
    if lost:
        most = min(lost, key=lambda entry: float(entry["difference"]))
        said = f"{len(lost)} of {len(counted)} rates fell significantly, most {most['spec']}, {difference_words(most)}"
    else:
        said = f"none of {len(counted)} rates fell significantly"
    sentence = f"{said}; compared {how}"
    if comparison["only_a"]:
        sentence += f"; not audited any more, which fails, too: {', '.join(comparison['only_a'])}"
    passed = not lost and not comparison["only_a"]
    return {"rule": "baseline", "value": lowest, "bound": 0.0, "passed": passed, "sentence": sentence}
