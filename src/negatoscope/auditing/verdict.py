"""One plain sentence that says what an audit found, or a comparison of two."""

from negatoscope.auditing.results import AuditSummary, Comparison, RateDifference, TransformResult
from negatoscope.reports.formatting import counted, p_value, percent

SIGNIFICANT = 0.05
"""A corrected p-value below this is a difference that chance seldom makes."""


def verdict_sentence(summary: AuditSummary) -> str:
    """What the audit found, in one sentence."""
    clean, preserving = summary.clean, summary.label_preserving
    accuracy = percent(clean.accuracy, decimals=1, unit=True)
    start = f"{summary.model.name} is right on {accuracy} of {counted(clean.n, 'image')}"
    if clean.low <= summary.chance:
        return f"{start}, which is no better than chance, so what transforms do to it says nothing."
    if not preserving:
        return f"{start}; no transform that keeps their meaning was audited."
    lost = [entry for entry in preserving if (entry.p_holm or 0) < SIGNIFICANT and (entry.drop or 0) > 0]
    if not lost:
        return f"{start}, and loses nothing significant under {_transforms(len(preserving))} their meaning."
    return f"{start}, but {_loss(min(lost, key=lambda entry: entry.accuracy or 0), summary)}{_rest(summary)}."


def comparison_sentence(comparison: Comparison) -> str:
    """Which of two audits is better, by how much, and whether that is significant."""
    differences = [(entry, entry.difference) for entry in comparison.rates if entry.difference is not None]
    significant = [(entry, difference) for entry, difference in differences if entry.p_holm < SIGNIFICANT]
    better = {
        "A": [entry for entry, difference in significant if difference < 0],
        "B": [entry for entry, difference in significant if difference > 0],
    }
    names = {"A": f"A ({comparison.a.model})", "B": f"B ({comparison.b.model})"}
    if not any(better.values()):
        return f"A and B differ significantly in {_of(0, len(differences))}."
    winner, loser = ("A", "B") if len(better["A"]) >= len(better["B"]) else ("B", "A")
    most = max(better[winner], key=lambda entry: abs(entry.difference or 0))
    sentence = (
        f"{names[winner]} is significantly better than {names[loser]} in {_of(len(better[winner]), len(differences))}"
    )
    if better[loser]:
        sentence += f" and worse in {len(better[loser])}"
    return f"{sentence}; the most in {most.spec}, {difference_words(most)}."


def difference_words(entry: RateDifference) -> str:
    """By how many points two rates differ, with the interval and the corrected p-value."""
    difference, low, high = entry.difference or 0, entry.low or 0, entry.high or 0
    if difference < 0:
        low, high = -high, -low
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return f"by {100 * abs(difference):.1f} points ({interval}, {p_value(entry.p_holm, named=True)})"


def _loss(entry: TransformResult, summary: AuditSummary) -> str:
    accuracy, low = entry.accuracy or 0, entry.low or 0
    chance = ", no better than chance" if low <= summary.chance else ""
    of = "" if entry.preserved is None else f" of the {entry.n:,} whose meaning that keeps"
    return f"only on {percent(accuracy, decimals=1, unit=True)}{of} under {entry.spec}{chance}"


def _rest(summary: AuditSummary) -> str:
    count = len(summary.label_preserving)
    if count == 1 or summary.worst_case is None:
        return ""
    worst = percent(summary.worst_case.accuracy, decimals=1, unit=True)
    return f"; {worst} stay right under all {count} transforms that keep their meaning"


def _transforms(count: int) -> str:
    return "the one transform that keeps" if count == 1 else f"{count} transforms that keep"


def _of(count: int, rates: int) -> str:
    """So many of the rates that both audits have."""
    if rates == 1:
        return "the one rate that both have" if count else "not even the one rate that both have"
    return f"{count or 'none'} of {rates} rates"
