"""What a terminal of 80 columns shows of an audit."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from negatoscope.auditing.page_contents import Report
from negatoscope.auditing.page_text import attack_lines, caption, change, change_interval, notes, sums
from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.reports.formatting import MISSING, counted, measured, p_value
from negatoscope.reports.terminal import foldable, point, simple_table

_MARKS = {True: ("✓", "green"), False: ("✗", "red")}


def audit_tables(summary: AuditSummary) -> RenderableType:
    """Verdict, gate, what to know, a table of all transforms, and the two numbers that sum a suite up."""
    parts: list[RenderableType] = [Text(summary.title), Text(summary.verdict, style="bold")]
    parts += _gate(summary)
    parts += [point("•", note) for note in notes(summary)]
    attacks = [point("•", line) for line in attack_lines(summary)]
    return Group(
        "", *parts, "", _transforms(summary), "", *attacks, *_sums(summary), Text(caption(summary), style="dim")
    )


def _gate(summary: AuditSummary) -> Iterator[RenderableType]:
    gate = summary.gate
    if gate.passed is not None:
        yield Text("Gate passed." if gate.passed else "Gate FAILED.", style=f"bold {_MARKS[gate.passed][1]}")
    for rule in gate.rules:
        mark, style = _MARKS[rule.passed]
        yield point(mark, f"{rule.rule}: {rule.sentence}", style=style)


def _transforms(summary: AuditSummary) -> Table:
    """Every transform by its kind. Red: a significant loss."""
    clean = summary.clean
    table = simple_table("Transform", "Accuracy, %", "Change, points", "p")
    accuracy = measured(clean.accuracy, clean.low, clean.high, decimals=1)
    table.add_row("clean", Text(accuracy), MISSING, MISSING)
    for title, entries in Report(summary).groups.items():
        table.add_row(Padding(Text(title, style="bold"), (1, 0, 0, 0)))
        for entry in entries:
            table.add_row(_name(entry, of=clean.n), *map(Text, _numbers(entry)), style=_style(entry))
    return table


def _name(entry: TransformResult, *, of: int) -> RenderableType:
    """The transform, and beneath it how many images count where those are not all."""
    spec = foldable(entry.spec)
    return spec if entry.n == of else Group(spec, Text(f"  {entry.n:,} of {counted(of, 'image')}", style="dim"))


def _numbers(entry: TransformResult) -> list[str]:
    if not entry.n:
        return [MISSING] * 3
    accuracy = measured(entry.accuracy, entry.low, entry.high, decimals=1)
    changed = f"{change(entry.drop)} {change_interval(entry.drop_low, entry.drop_high)}"
    return [accuracy, changed, p_value(entry.p_holm)]


def _style(entry: TransformResult) -> str:
    if not entry.significant:
        return "dim"
    return "red" if (entry.drop or 0) > 0 else ""


def _sums(summary: AuditSummary) -> Iterator[RenderableType]:
    pieces = sums(summary)
    if pieces:
        yield Text.assemble(*((piece, "bold" if place % 2 else "") for place, piece in enumerate(pieces)))
