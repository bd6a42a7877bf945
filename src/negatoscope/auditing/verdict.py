"""One plain sentence that says what an audit found: clean, on negatives, at the gate."""

from collections.abc import Sequence

from negatoscope.auditing.measurement import Measurement
from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.reports.formatting import counted, joined, percent

_NAMED = 2  # rules of a gate


def verdict_sentence(summary: AuditSummary) -> str:
    """Accuracy on clean images, on negatives (where these were not audited: the largest drop), and the gate."""
    clean = summary.clean
    start = f"{summary.model.name} has an accuracy of {_rate(clean)} on {counted(clean.n, 'clean image')}"
    if not clean.beats_constant(summary.chance):
        after = f", no better than {constant_words(clean)}, so its accuracy under transforms says nothing"
    else:
        after = _under_transforms(summary)
    return f"{start}{after}{_gate(summary)}."


def constant_words(measured: Measurement) -> str:
    """What an accuracy is held against that says nothing of images: chance, or one class for all where that is more."""
    most = measured.majority_class
    if most is None or not measured.unequal:
        return "chance"
    return f"always predicting {most.name} ({percent(measured.majority, decimals=1, unit=True)})"


def _under_transforms(summary: AuditSummary) -> str:
    preserving = summary.label_preserving
    if not preserving and summary.not_annotated:
        return "; it is unknown which classes keep their label under the audited transforms"
    if not preserving:
        return "; no label-preserving transform was audited"
    negative = [entry for entry in preserving if entry.spec == "negative"]
    lost = [entry for entry in preserving if entry.significant and (entry.drop or 0) > 0]
    if not negative and not lost:
        several = f"any of {len(preserving)} label-preserving transforms"
        which = several if len(preserving) > 1 else "the one label-preserving transform"
        return f", and no significant drop under {which}"
    (entry,) = negative or [max(lost, key=lambda entry: entry.drop or 0)]
    constant = "" if entry.beats_constant(summary.chance) else f", no better than {constant_words(entry)}"
    if entry in lost:
        return f", but only {_rate(entry)} {_where(entry)}{constant}"
    return f", and {_rate(entry)} {_where(entry)}, no significant drop{constant}{_lost(lost)}"


def _lost(entries: Sequence[TransformResult]) -> str:
    """What the sentence adds where the negative holds and others do not."""
    if not entries:
        return ""
    most = max(entries, key=lambda entry: entry.drop or 0).spec
    several = f"significant drops under {len(entries)} others, most"
    return f"; {several if len(entries) > 1 else 'a significant drop'} under {most}"


def _where(entry: TransformResult) -> str:
    images = " (assumed to keep their label)" if entry.assumed else ""
    if entry.preserved is not None:
        images = f" (of the {entry.n:,} images whose label that preserves)"
    return f"{'on their negatives' if entry.spec == 'negative' else f'under {entry.spec}'}{images}"


def _rate(measured: Measurement) -> str:
    return percent(measured.accuracy, decimals=1, unit=True)


def _gate(summary: AuditSummary) -> str:
    failed = [rule.rule for rule in summary.gate.rules if not rule.passed]
    if summary.gate.passed is None:
        return ""
    if not failed:
        return "; the gate passed"
    more = [f"{len(failed) - _NAMED} more"] if len(failed) > _NAMED else []
    return f"; the gate failed: {joined([*failed[:_NAMED], *more])}"
