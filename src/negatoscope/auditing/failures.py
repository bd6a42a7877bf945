"""The failures of an audit as a table that any spreadsheet opens: `failures.csv`."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_predictions
from negatoscope.files import writing
from negatoscope.reports.csv_table import guarded
from negatoscope.rows import RowReader

FAILURES = "failures.csv"
"""The table's file in the folder of an audit."""

COLUMNS = (
    "transform",
    "sample",
    "name",
    "label",
    "label_name",
    "prediction",
    "prediction_name",
    "confidence",
    "clean_prediction_name",
)

_LISTED = ("label_preserving", "attack")  # under other kinds a person may be wrong, too


def write_failures(out: Path, plan: AuditPlan) -> None:
    """Write `failures.csv`: a line for each image that is misclassified clean, under an attack or a transform.

    Counted are label-preserving transforms, on images of the classes whose label they preserve. Lines come transform by
    transform, clean first, each in the order of the images.

    Raises:
        DataError: The rows are gone or damaged.
        OutputError: `out` cannot be written.
    """
    names, class_names = plan.dataset.names, [guarded(name) for name in plan.dataset.class_names]
    positions = {int(sample): position for position, sample in enumerate(plan.dataset.samples)} if names else {}
    with writing(out / FAILURES) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for transform, clean, after, failed in _failures(out, plan):
            for row in failed:
                sample, label, prediction = (
                    int(column[row]) for column in (after.samples, after.labels, after.predictions)
                )
                name = guarded(names[positions[sample]]) if names else ""
                classes = (label, class_names[label], prediction, class_names[prediction])
                confidence = f"{after.confidences[row]:.4f}"
                before = class_names[clean.predictions[row]]
                writer.writerow((transform, sample, name, *classes, confidence, before))


def _failures(out: Path, plan: AuditPlan) -> Iterator[tuple[str, PredictionSet, PredictionSet, np.ndarray]]:
    """Of each transform its spec, the predictions about clean and changed images, and where the latter are wrong."""
    rows = RowReader(out / "rows.parquet")
    clean = read_predictions(rows, CLEAN)
    yield CLEAN, clean, clean, np.flatnonzero(~clean.correct)
    for step in plan.transforms:
        if step.kind in _LISTED:
            after = read_predictions(rows, step.spec, like=clean)
            yield step.spec, clean, after, np.flatnonzero(~after.correct & after.is_of(step.preserved))
