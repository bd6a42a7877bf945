"""An audit, and two beside each other, as Markdown that reads well on a terminal too."""

from negatoscope.auditing.page_contents import groups
from negatoscope.auditing.page_text import change, change_interval, notes, title
from negatoscope.auditing.results import AuditSummary, Comparison, Measurement
from negatoscope.reports.formatting import (
    MISSING,
    counted,
    interval,
    joined,
    measured,
    p_value,
    percent,
    points,
)
from negatoscope.reports.markdown import markdown_table

_ON_TRANSFORMS = (
    "Accuracy in percent with 95 % intervals; the change, in points, is against the same images when clean; p is "
    "McNemar's, corrected by Holm's method."
)

_ON_PAIRS = (
    "The images are the same, so predictions are compared image by image, with McNemar's test; 95 % intervals in "
    "brackets; p is corrected by Holm's method."
)
_ON_SAMPLES = (
    "The images differ, so these are two samples, compared by Fisher's test; 95 % intervals in brackets; p is "
    "corrected by Holm's method."
)


def audit_markdown(summary: AuditSummary) -> str:
    """Verdict, gate, what to know, a table of all transforms, and the two numbers that sum a suite up."""
    parts = [
        f"# {title(summary)}",
        f"**{summary.verdict}**",
        _gate(summary),
        "\n".join(f"- {note}" for note in notes(summary)),
        _transform_table(summary),
        _ON_TRANSFORMS,
        _suite(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def compare_markdown(comparison: Comparison) -> str:
    """Two audits side by side: the verdict, a table of what both have, and what only one has."""
    parts = [
        f"**{comparison.verdict}**",
        "\n".join(
            f"- {name}: {side.model} on {side.dataset}" for name, side in (("A", comparison.a), ("B", comparison.b))
        ),
        _comparison_table(comparison),
        _ON_PAIRS if comparison.paired else _ON_SAMPLES,
        *(
            f"Only {side} was audited under {joined(specs)}."
            for side, specs in (("A", comparison.only_a), ("B", comparison.only_b))
            if specs
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _comparison_table(comparison: Comparison) -> str:
    header = ["Accuracy under", "Images", "A, %", "B, %", "B less A, points", "p (Holm)"]
    lines = []
    for entry in comparison.rates:
        images = f"{entry.n:,}" if comparison.paired else f"{entry.n_a:,}, {entry.n_b:,}"
        changed = f"{points(entry.difference)} {interval(entry.low, entry.high, decimals=1, signed=True)}"
        rates = [percent(entry.a, decimals=1), percent(entry.b, decimals=1)]
        lines.append([entry.spec, images, *rates, changed, p_value(entry.p_holm)])
    return markdown_table(header, lines)


def _transform_table(summary: AuditSummary) -> str:
    clean = summary.clean
    header = ["Transform", "Images", "Accuracy, %", "Change, points", "p (Holm)"]
    lines = [["clean", f"{clean.n:,}", _accuracy(clean), MISSING, MISSING]]
    for group in groups(summary):
        for entry in group.transforms:
            changed = f"{change(entry.drop)} {change_interval(entry.drop_low, entry.drop_high)}"
            named = entry.spec if group.kind == "label_preserving" else f"{entry.spec} ({group.kind})"
            lines.append([named, f"{entry.n:,}", _accuracy(entry), changed, p_value(entry.p_holm)])
    return markdown_table(header, lines)


def _suite(summary: AuditSummary) -> str:
    mean, worst = summary.mean, summary.worst_case
    if mean is None or worst is None:
        return ""
    return (
        f"Over {counted(mean.transforms, 'label-preserving transform')}: mean accuracy "
        f"{measured(mean.accuracy, mean.low, mean.high, decimals=1, unit=True)}; worst case "
        f"{measured(worst.accuracy, worst.low, worst.high, decimals=1, unit=True)}, the share of {worst.n:,} images "
        "that are classified correctly when clean and under every one of them."
    )


def _gate(summary: AuditSummary) -> str:
    rules = summary.gate.rules
    if not rules:
        return ""
    head = f"Gate: {'passed' if summary.gate.passed else 'FAILED'}."
    return "\n".join([head, "", *(f"- {'✓' if rule.passed else '✗'} {rule.rule}: {rule.sentence}" for rule in rules)])


def _accuracy(entry: Measurement) -> str:
    return measured(entry.accuracy, entry.low, entry.high, decimals=1)
