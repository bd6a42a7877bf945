"""What hardening comes to, in words and in tables."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from negatoscope.auditing.compare import RateDifference
from negatoscope.hardening.result import AFFORDABLE, HardenedMethod, HardenSummary
from negatoscope.reports.csv_table import csv_table
from negatoscope.reports.formatting import duration, interval, joined, measured, percent, points
from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.templates import render
from negatoscope.reports.terminal import foldable, point, simple_table
from negatoscope.transforms import CLEAN

_NAMED = 3  # transforms in a sentence
_RATES = ("clean", "negative", "orbit_worst", "consistency")
_EQUAL = 0.001  # of accuracy: so little below that of clean images is as good


def verdict_sentence(summary: HardenSummary) -> str:
    """Whether hardening is worth it, by its best method: what is gained and what it costs."""
    best = summary.best
    name = images_name(summary)
    before, after = best.orbit_worst_before.accuracy, best.orbit_worst_after.accuracy
    change = f"from {percent(before, decimals=1)} to {percent(after, decimals=1, unit=True)}"
    if best.worthwhile:
        same_images = best.orbit_worst_after.n == best.n
        rise = f"{percent(after, decimals=1, unit=True)}, up from {percent(before, decimals=1, unit=True)},"
        gain = f"more accurate on {name}: {rise}"
        if same_images and best.clean_after.accuracy - after <= _EQUAL:
            gain = f"as accurate on {name} as on clean images,"
        return f"Hardened by {best.method}, {summary.model} is {gain} {_at_cost(best)}."
    loss = best.clean_before.accuracy - best.clean_after.accuracy
    if loss > AFFORDABLE:
        fall = f"clean accuracy falls by {points(loss, signed=False)} points"
        return f"Not worth it: with {best.method} {fall}, while the accuracy on {name} goes {change}."
    return f"Not worth it: {best.method} does not raise the accuracy on {name} significantly: {change}."


def price_sentence(summary: HardenSummary) -> str:
    """What the best method costs beside clean accuracy: the time for an image, and what else is read worse."""
    best = summary.best
    shown = (CLEAN, "worst_case", *summary.elements)
    fell = [
        (change.difference, change.spec)
        for change in best.changes
        if change.significant and change.difference is not None and change.difference < 0 and change.spec not in shown
    ]
    named = [f"{spec} by {points(-difference, signed=False)} points" for difference, spec in sorted(fell)[:_NAMED]]
    others = [f"{len(fell) - _NAMED} more"] if len(fell) > _NAMED else []
    worse = f"; significantly worse are {joined([*named, *others])}" if fell else ""
    return f"An image takes {best.inference_cost:.2f} times as long{worse}."


def images_name(summary: HardenSummary) -> str:
    """What transformed images are called: "negatives", or images under a group."""
    if summary.elements == ("negative",):
        return "negatives"
    if len(summary.elements) == 1:
        return f"images under {summary.elements[0]}"
    return f"images under the {len(summary.elements)} transforms of {summary.invariant}"


def _at_cost(best: HardenedMethod) -> str:
    loss = best.clean_before.accuracy - best.clean_after.accuracy
    text = points(loss, decimals=2, signed=False)
    if float(text) == 0:
        return "at no cost in clean accuracy"
    return f"at a cost of {text} points of clean accuracy" if loss > 0 else f"and gains {text} points of clean accuracy"


def table_of_methods(summary: HardenSummary) -> tuple[list[str], list[list[str]]]:
    """The header and a line for each method; rates in percent with intervals, under searches with their change."""
    header = ["Method", "Seed", "Clean, %", f"{summary.focus}, %", "Every element, %", "Same prediction, %"]
    first, searched = summary.methods[0], summary.searched
    before = [percent(first.change_under(spec).a) for spec in searched]
    lines = [["before", "", *(_measured(first, f"{rate}_before") for rate in _RATES), *before, "1.00", ""]]
    for entry in summary.methods:
        after = [_measured(entry, f"{rate}_after") for rate in _RATES]
        after += [_under_search(entry.change_under(spec)) for spec in searched]
        lines.append(
            [entry.method, str(entry.seed), *after, f"{entry.inference_cost:.2f}", duration(entry.seconds_fit)]
        )
    return [*header, *(f"{spec}, %" for spec in searched), "Time", "Fit"], lines


def harden_lines(summary: HardenSummary) -> list[dict[str, Any]]:
    """A line for each method: every rate with n and its interval."""
    return [dict(_fields(entry)) for entry in summary.methods]


def harden_csv(summary: HardenSummary) -> str:
    """The same as CSV."""
    return csv_table(harden_lines(summary))


def harden_notes(summary: HardenSummary) -> list[str]:
    """What a reader must know, as sentences."""
    warnings = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in summary.warnings]
    return [
        price_sentence(summary),
        *warnings,
        *(f"Not run: {method}: {reason}." for method, reason in summary.not_run.items()),
    ]


def harden_markdown(summary: HardenSummary) -> str:
    """The verdict, what a reader must know, and the table."""
    table = markdown_table(*table_of_methods(summary))
    return str(render("hardening/harden.md.jinja", summary=summary, notes=harden_notes(summary), table=table))


def harden_tables(summary: HardenSummary) -> RenderableType:
    """The same for a terminal: rates without intervals."""
    table = simple_table("Method", "Clean", summary.focus, "Every element", "Same prediction", "Time")
    first = summary.methods[0]
    table.add_row(Text("before"), *(_rate(first, f"{rate}_before") for rate in _RATES), Text("1.00"))
    for entry in summary.methods:
        name = f"{entry.method}, seed {entry.seed}" if entry.seed else entry.method
        cells = (_rate(entry, f"{rate}_after") for rate in _RATES)
        table.add_row(foldable(name), *cells, Text(f"{entry.inference_cost:.2f}"))
    caption = f"In percent of {first.n:,} images; time for an image, as a multiple of the time before."
    notes = [point("•", note) for note in harden_notes(summary)]
    return Group("", Text(summary.verdict, style="bold"), *notes, "", table, "", Text(caption, style="dim"), "")


def _rate(entry: HardenedMethod, name: str) -> Text:
    return Text(percent(getattr(entry, name).accuracy, decimals=2))


def _measured(entry: HardenedMethod, name: str) -> str:
    rate = getattr(entry, name)
    return measured(rate.accuracy, rate.low, rate.high, decimals=2)


def _under_search(change: RateDifference) -> str:
    """An accuracy, and how far it is from that before in points."""
    return f"{percent(change.b)} ({points(change.difference)} {interval(change.low, change.high, signed=True)})"


def _fields(entry: HardenedMethod) -> Iterator[tuple[str, Any]]:
    yield from (("method", entry.method), ("seed", entry.seed), ("by_construction", entry.by_construction))
    for rate in _RATES:
        for when in ("before", "after"):
            for name in ("n", "correct", "accuracy", "low", "high"):
                yield f"{rate}_{when}_{name}", getattr(getattr(entry, f"{rate}_{when}"), name)
    yield from (("seconds_fit", entry.seconds_fit), ("inference_cost", entry.inference_cost))
