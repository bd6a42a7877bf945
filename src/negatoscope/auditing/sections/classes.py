"""Accuracy of each class, clean and under the transform in focus."""

from dataclasses import dataclass

from markupsafe import Markup

from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.auditing.sections import Report, register_section
from negatoscope.reports.page import Section, render

_SHOWN, _AT_MOST = 12, 200


@dataclass(frozen=True)
class ClassRow:
    """One class before and after a transform; accuracies and the interval of the one after are in [0, 1]."""

    name: str
    n: int
    before: float
    after: float
    low: float
    high: float


@register_section
def classes(report: Report) -> Section | None:
    """The classes with the lowest accuracy; the others are folded away."""
    if report.focus is None:
        return None
    rows = class_rows(report.summary, report.focus)
    body = render(
        "auditing/sections/classes.jinja",
        parts=[part for part in (rows[:_SHOWN], rows[_SHOWN:_AT_MOST]) if part],
        more=max(0, len(rows) - _AT_MOST),
        chance=report.summary.chance,
    )
    lead = Markup("Clean and under <code>{}</code>, the classes with the lowest accuracy first.")
    return Section(title="Accuracy by class", place=50, lead=lead.format(report.focus.spec), body=body)


def class_rows(summary: AuditSummary, entry: TransformResult) -> list[ClassRow]:
    """Every class that has images under a transform, by accuracy from the lowest; of equals what fell most is first."""
    before = {each.label: each.accuracy for each in summary.clean.per_class}
    rows = [
        ClassRow(each.name, each.n, before[each.label], each.accuracy, each.low, each.high)
        for each in entry.per_class
        if each.n
    ]
    return sorted(rows, key=lambda row: (row.after, -row.before))
