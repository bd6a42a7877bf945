"""One plain sentence that says what an audit found, or a comparison of two."""

from negatoscope.auditing.results import AuditSummary, Comparison, RateDifference
from negatoscope.reports.formatting import counted, p_value, percent, points

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
    every = f"{len(preserving)} label-preserving transforms"
    lost = [entry for entry in preserving if entry.significant and (entry.drop or 0) > 0]
    if not lost:
        which = "the one label-preserving transform" if len(preserving) == 1 else f"any of {every}"
        return f"{start}, and no significant drop under {which}."
    lowest = min(lost, key=lambda entry: entry.accuracy or 0)
    images = "" if lowest.preserved is None else f" (on the {lowest.n:,} images whose label it preserves)"
    chance = ", no better than chance" if (lowest.low or 0) <= summary.chance else ""
    rate = percent(lowest.accuracy, decimals=1, unit=True)
    sentence = f"{start}, but only {rate} under {lowest.spec}{images}{chance}"
    if len(preserving) > 1 and summary.worst_case is not None:
        rate = percent(summary.worst_case.accuracy, decimals=1, unit=True)
        sentence += f"; {rate} of the images are classified correctly under all {every}"
    return f"{sentence}."


def comparison_sentence(comparison: Comparison) -> str:
    """Which of two audits is better, by how much, and whether that is significant."""
    differences = [(entry, entry.difference) for entry in comparison.rates if entry.difference is not None]
    significant = [(entry, difference) for entry, difference in differences if entry.significant]
    for_a = [entry for entry, difference in significant if difference < 0]
    for_b = [entry for entry, difference in significant if difference > 0]
    if not for_a and not for_b:
        which = "the one accuracy" if len(differences) == 1 else f"any of the {len(differences)} accuracies"
        return f"A and B do not differ significantly in {which} that both have."
    a, b = f"A ({comparison.a.model})", f"B ({comparison.b.model})"
    winner, loser, better, worse = (a, b, for_a, for_b) if len(for_a) >= len(for_b) else (b, a, for_b, for_a)
    which = "the one accuracy" if len(differences) == 1 else f"{len(better)} of {len(differences)} accuracies"
    but = f" and worse in {len(worse)}" if worse else ""
    largest = max(better, key=lambda entry: abs(entry.difference or 0))
    return (
        f"{winner} is significantly better than {loser} in {which}{but}; the largest difference is "
        f"{_PLACES.get(largest.spec, f'under {largest.spec}')}, {difference_words(largest)}."
    )


def difference_words(entry: RateDifference) -> str:
    """By how many points two rates differ, with the interval and the corrected p-value."""
    difference, low, high = entry.difference or 0, entry.low or 0, entry.high or 0
    if difference < 0:
        low, high = -high, -low
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return f"by {points(difference, signed=False)} points ({interval}, {p_value(entry.p_holm, named=True)})"
