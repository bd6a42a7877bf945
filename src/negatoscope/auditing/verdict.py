"""One plain sentence that says what an audit found, or a comparison of two."""

from negatoscope.auditing.results import AuditSummary, Comparison, RateDifference, TransformResult
from negatoscope.reports.formatting import counted, p_value, percent, points

SIGNIFICANT = 0.05
"""A corrected p-value below this is a difference that chance seldom makes."""

_PLACES = {"clean": "on clean images", "worst_case": "in the worst case"}


def verdict_sentence(summary: AuditSummary) -> str:
    """What the audit found, in one sentence."""
    clean, preserving = summary.clean, summary.label_preserving
    accuracy = percent(clean.accuracy, decimals=1, unit=True)
    start = f"{summary.model.name} has an accuracy of {accuracy} on {counted(clean.n, 'image')}"
    if clean.low <= summary.chance:
        return f"{start}, which is no better than chance, so its accuracy under transforms says nothing."
    if not preserving:
        return f"{start}; no label-preserving transform was audited."
    lost = [entry for entry in preserving if (entry.p_holm or 0) < SIGNIFICANT and (entry.drop or 0) > 0]
    if not lost:
        which = "the one label-preserving transform" if len(preserving) == 1 else f"any of {_preserving(preserving)}"
        return f"{start}, and no significant drop under {which}."
    return f"{start}, but only {_lowest(min(lost, key=lambda entry: entry.accuracy or 0), summary)}{_worst(summary)}."


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
        which = "the one accuracy" if len(differences) == 1 else f"any of the {len(differences)} accuracies"
        return f"A and B do not differ significantly in {which} that both have."
    winner, loser = ("A", "B") if len(better["A"]) >= len(better["B"]) else ("B", "A")
    most = max(better[winner], key=lambda entry: abs(entry.difference or 0))
    which = "the one accuracy" if len(differences) == 1 else f"{len(better[winner])} of {len(differences)} accuracies"
    worse = f" and worse in {len(better[loser])}" if better[loser] else ""
    return (
        f"{names[winner]} is significantly better than {names[loser]} in {which}{worse}; the largest difference is "
        f"{_PLACES.get(most.spec, f'under {most.spec}')}, {difference_words(most)}."
    )


def difference_words(entry: RateDifference) -> str:
    """By how many points two rates differ, with the interval and the corrected p-value."""
    difference, low, high = entry.difference or 0, entry.low or 0, entry.high or 0
    if difference < 0:
        low, high = -high, -low
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return f"by {points(difference, signed=False)} points ({interval}, {p_value(entry.p_holm, named=True)})"


def _lowest(entry: TransformResult, summary: AuditSummary) -> str:
    chance = ", no better than chance" if (entry.low or 0) <= summary.chance else ""
    images = "" if entry.preserved is None else f" (on the {entry.n:,} images whose label it preserves)"
    return f"{percent(entry.accuracy, decimals=1, unit=True)} under {entry.spec}{images}{chance}"


def _worst(summary: AuditSummary) -> str:
    if len(summary.label_preserving) == 1 or summary.worst_case is None:
        return ""
    rate = percent(summary.worst_case.accuracy, decimals=1, unit=True)
    return f"; {rate} of the images are classified correctly under all {_preserving(summary.label_preserving)}"


def _preserving(entries: tuple[TransformResult, ...]) -> str:
    return f"{len(entries)} label-preserving transforms"
