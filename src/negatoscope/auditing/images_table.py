"""The table beside the rows: what each image of an audit is called, and its class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from negatoscope.arrow import arrow_numbers, arrow_texts
from negatoscope.auditing.plan import AuditPlan
from negatoscope.errors import DataError
from negatoscope.files import replacing, write_errors
from negatoscope.reports.formatting import class_name

IMAGES = "images.parquet"
"""The table's file in the folder of an audit."""

_AT_ONCE = 65_536  # lines that are made at a time
_SCHEMA = pa.schema(
    [
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("label", pa.int16(), nullable=False),
        pa.field("label_name", pa.dictionary(pa.int32(), pa.string()), nullable=False),
    ]
)


def write_images(out: Path, plan: AuditPlan) -> None:
    """Write `images.parquet`: a line for each chosen image, those that cannot be read included.

    Raises:
        OutputError: `out` cannot be written.
    """
    dataset, file = plan.dataset, out / IMAGES
    with (
        replacing(file) as temporary,
        write_errors(file),
        pq.ParquetWriter(temporary, _SCHEMA, compression="zstd") as writer,
    ):
        for start in range(0, len(dataset), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            labels = dataset.labels[some]
            names = [name or None for name in plan.names[some]] or [None] * len(labels)
            columns = {
                "sample": arrow_numbers(dataset.samples[some], pa.int32()),
                "name": arrow_texts(names),
                "label": arrow_numbers(labels, pa.int16()),
                "label_name": _named(labels, dataset.class_names),
            }
            writer.write_table(pa.table(columns, schema=_SCHEMA))


def read_images(out: Path) -> pa.Table:
    """The table: a sample's number, what its source calls it (null for nothing), its label and the class's name.

    Raises:
        DataError: It is missing or damaged.
    """
    file, again = out / IMAGES, "audit again"
    try:
        table = pq.read_table(file, use_threads=False)
    except FileNotFoundError as error:
        raise DataError(f"expected the table of an audit's images in {file}, but there is none; {again}") from error
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"expected the table of an audit's images in {file}, got a damaged one; {again}") from error
    if not table.schema.equals(_SCHEMA):
        raise DataError(f"expected the table of an audit's images in {file}, got {table.schema.names}; {again}")
    return table


def with_names(rows: pa.Table, images: pa.Table, class_names: Sequence[str]) -> pa.Table:
    """Rows of an audit with the columns `name`, `label_name` and `prediction_name` at their end.

    Raises:
        DataError: The rows are about other images.
    """
    samples, numbers = images["sample"].to_numpy(), rows["sample"].to_numpy()
    order = np.argsort(samples, kind="stable")
    places = order[np.minimum(np.searchsorted(samples, numbers, sorter=order), len(samples) - 1)]
    if not np.array_equal(samples[places], numbers):
        raise DataError("expected rows about the images of images.parquet, got others; audit again")
    rows = rows.append_column("name", images["name"].take(arrow_numbers(places, pa.int64())))
    for column in ("label", "prediction"):
        rows = rows.append_column(f"{column}_name", _named(rows[column].to_numpy(), class_names))
    return rows


def _named(labels: np.ndarray, class_names: Sequence[str]) -> pa.DictionaryArray:
    names = [class_name(class_names, index) for index in range(max(len(class_names), labels.max(initial=-1) + 1))]
    return pa.DictionaryArray.from_arrays(arrow_numbers(labels, pa.int32()), arrow_texts(names))
