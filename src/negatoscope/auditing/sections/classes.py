"""Accuracy of each class, clean and under the transform in focus."""

from negatoscope.auditing.measurement import ClassAccuracy
from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.auditing.sections import Report, Section, register_section, render_section


@register_section
def classes(report: Report) -> Section | None:
    """The classes with the lowest accuracy; the others are folded away."""
    if report.focus is None:
        return None
    rows = class_rows(report.summary, report.focus)
    return render_section("auditing/sections/classes.jinja", place=50, report=report, rows=rows)


def class_rows(summary: AuditSummary, entry: TransformResult) -> list[tuple[ClassAccuracy, ClassAccuracy]]:
    """Every class with images under a transform, clean and transformed, by its accuracy there from the lowest.

    Of equal ones, what fell most is first.
    """
    clean = {rate.label: rate for rate in summary.clean.per_class}
    rows = [(clean[rate.label], rate) for rate in entry.per_class]
    return sorted(rows, key=lambda row: (row[1].accuracy, -row[0].accuracy))
