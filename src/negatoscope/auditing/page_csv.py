"""An audit as a table for other programs: a line for clean images and for each transform, rates in [0, 1]."""

from negatoscope.auditing.results import AuditSummary, TransformResult
from negatoscope.reports.csv_table import csv_table

_NESTED = ("parameters", "preserved", "reliability", "per_class", "confusion", "reached_l2")
_FIRST = ("spec", "kind", "name")


def audit_csv(summary: AuditSummary) -> str:
    """The numbers that `summary.json` has of each transform, but those that are lists or tables themselves."""
    names = [name for name in TransformResult.__dataclass_fields__ if name not in (*_NESTED, *_FIRST)]
    columns = (*_FIRST, *names)
    clean = vars(summary.clean) | {"spec": "clean", "kind": "clean", "name": "clean"}
    entries = [clean, *map(vars, summary.transforms)]
    return csv_table([{name: entry.get(name) for name in columns} for entry in entries])
