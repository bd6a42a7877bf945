"""An audit, and two beside each other, as Markdown that reads well on a terminal too."""

from negatoscope.auditing.compare import Comparison
from negatoscope.auditing.page_contents import Report
from negatoscope.auditing.page_text import change, change_interval, notes
from negatoscope.auditing.results import AuditSummary
from negatoscope.reports.formatting import MISSING, interval, measured, p_value, percent, points
from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.templates import render


def audit_markdown(summary: AuditSummary) -> str:
    """Verdict, gate, what to know, a table of all transforms, and the two numbers that sum a suite up."""
    table = markdown_table(*table_of_transforms(summary))
    return str(render("auditing/audit.md.jinja", summary=summary, notes=notes(summary), table=table))


def table_of_transforms(summary: AuditSummary) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a table of clean accuracy and that under each transform."""
    header = ["Transform", "Images", "Accuracy, %", "Change, points", "p (Holm)"]
    clean = summary.clean
    lines = [["clean", f"{clean.n:,}", measured(clean.accuracy, clean.low, clean.high, decimals=1), MISSING, MISSING]]
    for entry in (entry for entries in Report(summary).groups.values() for entry in entries):
        name = entry.spec if entry.kind == "label_preserving" else f"{entry.spec} ({entry.kind})"
        accuracy = measured(entry.accuracy, entry.low, entry.high, decimals=1)
        changed = f"{change(entry.drop)} {change_interval(entry.drop_low, entry.drop_high)}"
        lines.append([name, f"{entry.n:,}", accuracy, changed, p_value(entry.p_holm)])
    return header, lines


def compare_markdown(comparison: Comparison) -> str:
    """Two audits side by side: the verdict, a table of what both have, and what only one has."""
    header = ["Accuracy under", "Images", "A, %", "B, %", "B less A, points", "p (Holm)"]
    lines = []
    for entry in comparison.rates:
        images = f"{entry.n:,}" if comparison.paired else f"{entry.n_a:,}, {entry.n_b:,}"
        rates = [percent(entry.a, decimals=1), percent(entry.b, decimals=1)]
        changed = f"{points(entry.difference)} {interval(entry.low, entry.high, decimals=1, signed=True)}"
        lines.append([entry.spec, images, *rates, changed, p_value(entry.p_holm)])
    return str(render("auditing/compare.md.jinja", comparison=comparison, table=markdown_table(header, lines)))
