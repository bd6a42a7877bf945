"""What a terminal of 80 columns shows of audits side by side."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from negatoscope.auditing.compare import Comparison
from negatoscope.auditing.compare_models import ModelComparison, ModelRate
from negatoscope.auditing.page_text import method_of_comparison, not_in_both
from negatoscope.reports.formatting import MISSING, interval, joined, p_value, percent, points
from negatoscope.reports.terminal import foldable, point, simple_table

_BESIDE = 3  # models in one table at most, beside the first


def compare_tables(comparison: Comparison) -> RenderableType:
    """Two audits: the verdict, which they are, and a table of what both have."""
    table = simple_table("Accuracy under", "A, %", "B, %", "B − A, points", "p")
    for rate in comparison.rates:
        changed = f"{points(rate.difference)} {interval(rate.low, rate.high, decimals=1, signed=True)}"
        numbers = [percent(rate.a, decimals=1), percent(rate.b, decimals=1), changed, p_value(rate.p_holm)]
        cells = numbers if rate.difference is not None else [MISSING] * 4
        table.add_row(foldable(rate.spec), *map(Text, cells), style=_style(rate.difference, rate.significant))
    sides = {"A": comparison.a, "B": comparison.b}
    named = [point(letter, f"{one.model} on {one.dataset} ({one.folder})") for letter, one in sides.items()]
    method = method_of_comparison(paired=comparison.paired, several=False)
    lacking = [Text(sentence) for sentence in not_in_both(comparison)]
    return Group("", Text(comparison.verdict, style="bold"), *named, "", table, "", *lacking, Text(method, style="dim"))


def models_tables(comparison: ModelComparison) -> RenderableType:
    """Several audits: the verdict, which they are, and for each few of them a table beside the first."""
    named = [
        point(letter, f"{audit.model} on {audit.dataset} ({audit.folder})")
        for letter, audit in zip(comparison.letters, comparison.audits, strict=True)
    ]
    tables: list[RenderableType] = []
    others = range(1, len(comparison.audits))
    for start in range(0, len(others), _BESIDE):
        tables += ["", _table(comparison, others[start : start + _BESIDE])]
    caption = (
        "Accuracy in percent, the highest in bold, and its difference from A in points; * marks a significant "
        f"difference. {method_of_comparison(paired=comparison.paired)} Intervals are in the page and the JSON file."
    )
    lacking = [Text(f"Not audited for every model: {joined(comparison.not_shared)}.")] if comparison.not_shared else []
    verdict = Text(comparison.verdict, style="bold")
    return Group("", verdict, *named, *tables, "", *lacking, Text(caption, style="dim"))


def _table(comparison: ModelComparison, others: Sequence[int]) -> Table:
    table = simple_table("Accuracy under", *(comparison.letters[number] for number in (0, *others)))
    for rate in comparison.rates:
        table.add_row(foldable(rate.spec), *(_cell(rate.models[number]) for number in (0, *others)))
    return table


def _cell(model: ModelRate) -> Text:
    if model.accuracy is None:
        return Text(MISSING)
    cell = Text(percent(model.accuracy, decimals=1), style="bold" if model.place == 1 else "")
    if model.difference is not None:
        star = "*" if model.significant else " "
        cell.append(f" {points(model.difference):>5}{star}", style=_style(model.difference, model.significant))
    return cell


def _style(difference: float | None, significant: bool) -> str:
    if not significant:
        return "dim"
    return "green" if (difference or 0) > 0 else "red"
