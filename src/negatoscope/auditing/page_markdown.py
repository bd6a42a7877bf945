"""An audit, and two beside each other, as Markdown that reads well on a terminal too."""

from negatoscope.auditing import page_text
from negatoscope.auditing.compare import Comparison
from negatoscope.auditing.compare_models import ModelComparison
from negatoscope.auditing.page_contents import Report
from negatoscope.auditing.page_text import change, change_interval, difference_interval, method_of_comparison, notes
from negatoscope.auditing.results import AuditSummary
from negatoscope.reports.formatting import MISSING, interval, measured, p_value, percent, points
from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.templates import render


def audit_markdown(summary: AuditSummary) -> str:
    """Verdict, gate, what to know, a table of all transforms, and the two numbers that sum a suite up."""
    table = markdown_table(*table_of_transforms(summary))
    return str(render("auditing/audit.md.jinja", summary=summary, notes=notes(summary), text=page_text, table=table))


def table_of_transforms(summary: AuditSummary) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a table of clean accuracy and that under each transform."""
    header = ["Transform", "Images", "Accuracy, %", "Change, points", "p (Holm)"]
    clean = summary.clean
    lines = [["clean", f"{clean.n:,}", measured(clean.accuracy, clean.low, clean.high, decimals=1), MISSING, MISSING]]
    for entry in (entry for entries in Report(summary).groups.values() for entry in entries):
        kind = "assumed" if entry.assumed else entry.kind.replace("_", " ")
        name = entry.spec if kind == "label preserving" else f"{entry.spec} ({kind})"
        accuracy = measured(entry.accuracy, entry.low, entry.high, decimals=1)
        changed = f"{change(entry.drop)} {change_interval(entry.drop_low, entry.drop_high)}"
        lines.append([name, f"{entry.n:,}", accuracy, changed, p_value(entry.p_holm)])
    return header, lines


def compare_markdown(comparison: Comparison) -> str:
    """Two audits side by side: the verdict, a table of what both have, and what only one has."""
    table = markdown_table(*table_of_rates(comparison))
    return str(render("auditing/compare.md.jinja", comparison=comparison, text=page_text, table=table))


def table_of_rates(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a table of what two audits have."""
    header = ["Accuracy under", "Images", "A, %", "B, %", "B − A, points", "p (Holm)"]
    lines = []
    for entry in comparison.rates:
        images = f"{entry.n:,}" if comparison.paired else f"{entry.n_a:,}, {entry.n_b:,}"
        rates = [percent(entry.a, decimals=1), percent(entry.b, decimals=1)]
        changed = f"{points(entry.difference)} {interval(entry.low, entry.high, decimals=1, signed=True)}"
        lines.append([entry.spec, images, *rates, changed, p_value(entry.p_holm)])
    return header, lines


def models_markdown(comparison: ModelComparison) -> str:
    """Several audits side by side: the verdict, and a line for each model under each transform."""
    table, method = markdown_table(*table_of_models(comparison)), method_of_comparison(paired=comparison.paired)
    return str(render("auditing/compare_models.md.jinja", comparison=comparison, table=table, method=method))


def table_of_models(comparison: ModelComparison) -> tuple[list[str], list[list[str]]]:
    """The header and the lines of a table with a line for each model under each transform."""
    header = ["Accuracy under", "Model", "Images", "Accuracy, %", "Place", "Difference from A, points", "p (Holm)"]
    lines = []
    for rate in comparison.rates:
        for letter, model in zip(comparison.letters, rate.models, strict=True):
            accuracy = measured(model.accuracy, model.low, model.high, decimals=1)
            changed = (
                f"{points(model.difference)} {difference_interval(model)}" if model.p_value is not None else MISSING
            )
            place = MISSING if model.place is None else str(model.place)
            lines.append([rate.spec, letter, f"{model.n:,}", accuracy, place, changed, p_value(model.p_holm)])
    return header, lines
