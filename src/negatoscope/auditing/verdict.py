"""One plain sentence that says what an audit found."""

from negatoscope.auditing.results import AuditSummary
from negatoscope.reports.formatting import counted, percent


def verdict_sentence(summary: AuditSummary) -> str:
    """What the audit found, in one sentence."""
    clean, preserving = summary.clean, summary.label_preserving
    accuracy = percent(clean.accuracy, decimals=1, unit=True)
    start = f"{summary.model.name} has an accuracy of {accuracy} on {counted(clean.n, 'image')}"
    if clean.low <= summary.chance:
        return f"{start}, which is no better than chance, so its accuracy under transforms says nothing."
    if not preserving:
        return f"{start}; no label-preserving transform was audited."
    every = f"all {len(preserving)}" if len(preserving) > 2 else "both"
    lost = [entry for entry in preserving if entry.significant and (entry.drop or 0) > 0]
    if not lost:
        several = f"any of {len(preserving)} label-preserving transforms"
        which = several if len(preserving) > 1 else "the one label-preserving transform"
        return f"{start}, and no significant drop under {which}."
    lowest = min(lost, key=lambda entry: entry.accuracy or 0)
    images = "" if lowest.preserved is None else f" (on the {lowest.n:,} images whose label it preserves)"
    chance = ", no better than chance" if (lowest.low or 0) <= summary.chance else ""
    rate = percent(lowest.accuracy, decimals=1, unit=True)
    sentence = f"{start}, but only {rate} under {lowest.spec}{images}{chance}"
    if len(preserving) > 1 and summary.worst_case is not None:
        rate = percent(summary.worst_case.accuracy, decimals=1, unit=True)
        sentence += f"; {rate} of the images are classified correctly under {every} label-preserving transforms"
    return f"{sentence}."
