"""What a search comes to, in words and in tables."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from negatoscope.reports.csv_table import csv_table
from negatoscope.reports.formatting import MISSING, counted, joined, measured, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.terminal import foldable, point, simple_table
from negatoscope.searching.result import AccuracyInterval, SearchSummary, Transfer, UniversalSetting

_SCALARS = ("space", "annotated", "n", "queries", "clean_accuracy")


def verdict_sentence(summary: SearchSummary) -> str:
    """Accuracy clean and under attack, after how many queries, and the gate."""
    clean, robust = (
        percent(rate, decimals=1, unit=True)
        for rate in (summary.clean_accuracy, summary.accuracy_under_attack.accuracy)
    )
    spaces = (
        f"in {len(summary.spaces)} spaces" if len(summary.spaces) > 1 else f"in the space {summary.spaces[0].label}"
    )
    start = f"{summary.model.name} has an accuracy of {clean} on {counted(summary.n, 'clean image')}"
    fooled = any(entry.first_errors.n for entry in summary.spaces)
    each = " and space" if len(summary.spaces) > 1 else ""
    queries = "1 query" if summary.budget == 1 else f"{summary.budget:,} queries"
    after = f"with at most {queries} for an image{each}"
    found = f", but only {robust} {spaces} {after}" if fooled else f"; nothing fools it {spaces} {after}"
    failed = [rule.rule for rule in summary.gate.rules if not rule.passed]
    gate = f"; the gate FAILED: {failed[0]}" if failed else "; the gate passed" if summary.gate.passed else ""
    return f"{start}{found}{gate}."


def search_notes(summary: SearchSummary, *, gate: bool = True) -> list[str]:
    """What else a reader must know, as sentences; `gate` is whether the rules that failed are among them."""
    notes = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in summary.warnings]
    if summary.self_check.suggestion:
        notes.append(f"Self-check: {summary.self_check.suggestion}.")
    if summary.unreadable:
        notes.append(f"{counted(summary.unreadable, 'image')} could not be read.")
    notes += [f"The space {entry.name} is {entry.space}." for entry in summary.spaces if entry.name]
    assumed = [entry.label for entry in summary.spaces if entry.assumed]
    if assumed:
        where = f"space{'s' if len(assumed) > 1 else ''} {joined(assumed)}"
        notes.append(f"Nobody annotated these data. All labels are assumed to be kept in the {where}.")
    for entry in summary.spaces:
        if entry.preserved is not None:
            kept = f"{len(entry.preserved)} of {len(summary.dataset.class_names)} classes"
            notes.append(
                f"In the space {entry.label} only images of {kept} count: those that keep their label in all of it."
            )
    if summary.universal is not None:
        notes.append(universal_sentence(summary.universal))
    notes += [transfer_sentence(entry, summary.labels[entry.space]) for entry in summary.transfer]
    if gate:
        notes += [f"Gate FAILED: {rule.rule}: {rule.sentence}." for rule in summary.gate.rules if not rule.passed]
    return notes


def universal_sentence(universal: UniversalSetting) -> str:
    """What one setting for all images does, on those that it was not searched on."""
    clean, rate = percent(universal.clean_accuracy, decimals=1), measured(*_rate(universal), decimals=1, unit=True)
    return (
        f"One setting for all, {universal.parameters}, searched on {counted(universal.n_fit, 'image')}: accuracy on "
        f"{counted(universal.n, 'other image')} goes from {clean} to {rate}."
    )


def transfer_sentence(entry: Transfer, space: str) -> str:
    """What the settings found in a space, by what it is called, do to another model."""
    clean, rate = percent(entry.clean_accuracy, decimals=1), measured(*_rate(entry), decimals=1, unit=True)
    fooled = ""
    if entry.fooled is not None:
        share = percent(entry.fooled, decimals=1, unit=True)
        both = (
            f"{counted(entry.n_fooled, 'image')} that it classifies correctly when clean and that fool the first model"
        )
        fooled = f"; of {both}, {share} fool it, too"
    return f"{entry.model}, which was asked nothing, goes from {clean} to {rate} in the space {space}{fooled}."


def table_of_spaces(summary: SearchSummary) -> tuple[list[str], list[list[str]]]:
    """The header and a line for each space; rates in percent with their intervals."""
    header = ["Space", "Images", "Clean, %", "Mean, %", "Under attack, %", "Universal, %", "Queries to the first error"]
    lines = []
    for entry in summary.spaces:
        mean, worst = _measured(entry.mean), _measured(entry.accuracy_under_attack)
        clean, median = percent(entry.clean_accuracy), _queries(entry.first_errors.median)
        lines.append([entry.label, f"{entry.n:,}", clean, mean, worst, _measured(entry.universal), median])
    return header, lines


def search_lines(summary: SearchSummary) -> list[dict[str, Any]]:
    """A line for each space: every rate with its interval."""
    lines = []
    for entry in summary.spaces:
        line: dict[str, Any] = {name: getattr(entry, name) for name in _SCALARS}
        named = {"under_attack": entry.accuracy_under_attack, "mean": entry.mean, "universal": entry.universal}
        for name, rate in named.items():
            for end in ("accuracy", "low", "high"):
                line[f"{name}_{end}"] = None if rate is None else getattr(rate, end)
        line["universal_parameters"] = None if entry.universal is None else entry.universal.parameters
        line["first_error_median"] = entry.first_errors.median
        lines.append(line)
    return lines


def search_csv(summary: SearchSummary) -> str:
    """The same as CSV."""
    return csv_table(search_lines(summary))


def search_markdown(summary: SearchSummary) -> str:
    """The verdict, what a reader must know, and the table."""
    notes = "".join(f"- {note}\n" for note in search_notes(summary))
    parts = [f"# {summary.title}", f"**{summary.verdict}**", notes.rstrip(), markdown_table(*table_of_spaces(summary))]
    return "\n\n".join(filter(None, parts)) + "\n"


def search_tables(summary: SearchSummary) -> RenderableType:
    """The same for a terminal: rates without intervals."""
    table = simple_table("Space", "Images", "Clean", "Mean", "Under attack", "Universal", "Queries")
    for entry in summary.spaces:
        rates = (entry.mean, entry.accuracy_under_attack, entry.universal)
        cells = [f"{entry.n:,}", percent(entry.clean_accuracy), *map(_accuracy, rates)]
        table.add_row(foldable(entry.label), *map(Text, cells), Text(_queries(entry.first_errors.median)))
    caption = "In percent; queries to the first error are their median over the images misclassified under attack."
    points = [point("•", note) for note in search_notes(summary)]
    return Group("", Text(summary.verdict, style="bold"), *points, "", table, "", Text(caption, style="dim"), "")


def _rate(entry: AccuracyInterval) -> Sequence[float]:
    return entry.accuracy, entry.low, entry.high


def _accuracy(entry: AccuracyInterval | None) -> str:
    return MISSING if entry is None else percent(entry.accuracy)


def _measured(entry: AccuracyInterval | None) -> str:
    return MISSING if entry is None else measured(*_rate(entry), decimals=2)


def _queries(number: float | None) -> str:
    return MISSING if number is None else f"{number:g}"
