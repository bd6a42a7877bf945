"""One plain sentence that says what an audit found, or a comparison of two."""

from collections.abc import Mapping, Sequence
from typing import Any

from negatoscope.reports.formatting import counted, p_value, percent

SIGNIFICANT = 0.05
"""A corrected p-value below this is a difference that chance seldom makes."""


def verdict_sentence(summary: Mapping[str, Any]) -> str:
    """What the audit found, in one sentence.

    Args:
        summary: What `summary.json` holds, but for "verdict", "gate" and "provenance".
    """
    name, clean = summary["model"]["name"], summary["clean"]
    start = f"{name} is right on {percent(clean['accuracy'], decimals=1, unit=True)} of {counted(clean['n'], 'image')}"
    meaning = [entry for entry in summary["transforms"] if entry["kind"] == "label_preserving" and entry["n"]]
    if clean["low"] <= summary["chance"]:
        return f"{start}, which is no better than chance, so what transforms do to it says nothing."
    if not meaning:
        return f"{start}; no transform that keeps their meaning was audited."
    lost = [entry for entry in meaning if entry["p_holm"] < SIGNIFICANT and entry["drop"] > 0]
    if not lost:
        return f"{start}, and loses nothing significant under {_transforms(len(meaning))} their meaning."
    return f"{start}, but {_loss(min(lost, key=lambda entry: entry['accuracy']), summary)}{_rest(meaning, summary)}."


def comparison_sentence(comparison: Mapping[str, Any]) -> str:
    """Which of two audits is better, by how much, and whether that is significant.

    Args:
        comparison: What `compare` gives, but for "verdict".
    """
    entries = [entry for entry in comparison["transforms"] if entry["n"]]
    significant = [entry for entry in entries if entry["p_holm"] < SIGNIFICANT and entry["difference"]]
    better = {"A": [entry for entry in significant if entry["difference"] < 0]}
    better["B"] = [entry for entry in significant if entry["difference"] > 0]
    names = {"A": f"A ({comparison['a']['model']})", "B": f"B ({comparison['b']['model']})"}
    if not significant:
        return f"A and B differ significantly in {_of(0, len(entries))}."
    winner, loser = ("A", "B") if len(better["A"]) >= len(better["B"]) else ("B", "A")
    most = max(better[winner], key=lambda entry: abs(entry["difference"]))
    so = f"{names[winner]} is significantly better than {names[loser]} in {_of(len(better[winner]), len(entries))}"
    if better[loser]:
        so += f" and worse in {len(better[loser])}"
    return f"{so}; the most in {most['spec']}, {difference_words(most)}."


def difference_words(entry: Mapping[str, Any]) -> str:
    """By how many points two rates differ, with the interval and the corrected p-value."""
    down = entry["difference"] < 0
    low, high = (-entry["high"], -entry["low"]) if down else (entry["low"], entry["high"])
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
    return f"by {100 * abs(entry['difference']):.1f} points ({interval}, {p_value(entry['p_holm'], named=True)})"


def _loss(entry: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    chance = ", no better than chance" if entry["low"] <= summary["chance"] else ""
    of = "" if entry["kept"] is None else f" of the {entry['n']:,} whose meaning that keeps"
    return f"only on {percent(entry['accuracy'], decimals=1, unit=True)}{of} under {entry['spec']}{chance}"


def _rest(meaning: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    if len(meaning) == 1:
        return ""
    worst = percent(summary["worst_case_accuracy"], decimals=1, unit=True)
    return f"; {worst} stay right under all {len(meaning)} transforms that keep their meaning"


def _transforms(count: int) -> str:
    return "the one transform that keeps" if count == 1 else f"{count} transforms that keep"


def _of(count: int, rates: int) -> str:
    """So many of the rates that both audits have."""
    if rates == 1:
        return "the one rate that both have" if count else "not even the one rate that both have"
    return f"{count or 'none'} of {rates} rates"
