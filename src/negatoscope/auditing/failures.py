"""The failures of an audit as a table that any spreadsheet opens: `failures.csv`."""

import csv
from itertools import repeat
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from negatoscope.auditing.gallery import GalleryEntry, choose_failures
from negatoscope.auditing.plan import AuditPlan
from negatoscope.auditing.predictions import PredictionSet, read_predictions
from negatoscope.files import writing
from negatoscope.reports.csv_table import guarded
from negatoscope.reports.formatting import class_name
from negatoscope.rows import RowReader
from negatoscope.transforms import CLEAN

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

_LINES = 4_096  # that are made at a time
_SHARES = 10_000  # confidences have four decimals
_LISTED = ("label_preserving", "attack")  # under other kinds a person may be wrong, too


def write_failures(out: Path, plan: AuditPlan) -> list[GalleryEntry]:
    """Write `failures.csv`: a line for each image that is misclassified clean, under an attack or a transform.

    Counted are label-preserving transforms, on images of the classes whose label they preserve. Lines come transform by
    transform, clean first, each in the order of the images.

    Returns:
        Those that the gallery shows, of every transform: rows are read once for both.

    Raises:
        DataError: The rows are gone or damaged.
        OutputError: `out` cannot be written.
    """
    rows, shown = RowReader(out / "rows.parquet"), list[GalleryEntry]()
    clean = read_predictions(rows, CLEAN)
    names, places = plan.dataset.names, plan.dataset.positions_of(clean.samples)
    classes = range(plan.classifier.input_spec.data_classes)
    class_names = np.array([guarded(class_name(plan.dataset.class_names, each)) for each in classes], dtype=np.object_)
    shares = np.array([f"{share / _SHARES:.4f}" for share in range(_SHARES + 1)], dtype=np.object_)
    file_names = np.array([guarded(names[place]) for place in places] if names else [""], dtype=np.object_)
    file_names = np.broadcast_to(file_names, len(places))
    with writing(out / FAILURES) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)

        def write(transform: str, after: PredictionSet, failed: Bool[np.ndarray, " n"]) -> None:
            positions = np.flatnonzero(failed)
            for some in np.split(positions, range(_LINES, len(positions), _LINES)):
                labels, predictions, before = (
                    each[some] for each in (after.labels, after.predictions, clean.predictions)
                )
                columns = (
                    after.samples[some],
                    file_names[some],
                    labels,
                    class_names[labels],
                    predictions,
                    class_names[predictions],
                    shares[np.rint(after.confidences[some].astype(np.float64) * _SHARES).astype(np.intp)],
                    class_names[before],
                )
                lines = zip(repeat(transform), *(column.tolist() for column in columns), strict=False)
                writer.writerows(lines)

        writer.writerow(COLUMNS)
        write(CLEAN, clean, ~clean.correct)
        for number, step in enumerate(plan.transforms):
            after = read_predictions(rows, step.spec, like=clean)
            if step.kind in _LISTED:
                write(step.spec, after, ~after.correct & after.is_of(step.preserved))
            shown += choose_failures(number, step, clean, after)
    return shown
