"""An audit, and several beside each other, as tables for other programs; rates are in [0, 1]."""

from negatoscope.auditing.compare import Comparison
from negatoscope.auditing.compare_models import ModelComparison
from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.reports.csv_table import csv_table

_NESTED = ("parameters", "preserved", "reliability", "per_class", "confusion", "reached_l2", "examples")
_FIRST = ("spec", "kind", "name")


def audit_csv(summary: AuditSummary) -> str:
    """A line for clean images and for each transform, with all that `summary.json` has but lists and tables."""
    names = [name for name in TransformResult.__dataclass_fields__ if name not in (*_NESTED, *_FIRST)]
    columns = (*_FIRST, *names)
    clean = vars(summary.clean) | {"spec": "clean", "kind": "clean", "name": "clean"}
    entries = [clean, *map(vars, summary.transforms)]
    return csv_table([{name: entry.get(name) for name in columns} for entry in entries])


def compare_csv(comparison: Comparison | ModelComparison) -> str:
    """The lines of `compare_lines`."""
    return csv_table(compare_lines(comparison))


def compare_lines(comparison: Comparison | ModelComparison) -> list[dict[str, object]]:
    """A line for each accuracy that is compared, of more than two audits one for each model."""
    if isinstance(comparison, Comparison):
        return [vars(rate) for rate in comparison.rates]
    return [
        {"spec": rate.spec, "kind": rate.kind, "repeats": rate.repeats, **vars(audit), **vars(model)}
        for rate in comparison.rates
        for audit, model in zip(comparison.audits, rate.models, strict=True)
    ]
