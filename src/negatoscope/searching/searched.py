"""What a search found for each image: rows as audits have them, and where in the space each setting lies."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float32, Float64, Int, Shaped

from negatoscope.auditing.parts import ROWS
from negatoscope.errors import DataError, expect
from negatoscope.files import replacing, write_errors
from negatoscope.rows import read_rows
from negatoscope.transforms import CLEAN

SETTINGS = "settings.parquet"
"""A row for each image and space: the point of that setting, and what the search knows of it."""

_SPACES = pa.dictionary(pa.int32(), pa.string())
SETTINGS_SCHEMA = pa.schema(
    [
        pa.field("space", _SPACES, nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("first_error", pa.int32(), nullable=False),
        pa.field("margin", pa.float32()),
        pa.field("point", pa.list_(pa.float64()), nullable=False),
    ]
)
"""`first_error` is the query at which the image was first misclassified, 1 where it is when clean, 0 for never;
`margin` is the logit of the label less the largest other one at the setting, null where a search read no scores;
`point` lies in the unit cube of the space."""

_COLUMNS = ("sample", "label", "track", "prediction", "confidence")


@dataclass(frozen=True)
class SearchedImages:
    """n images and what was found for each in one space, in the order of their samples.

    Args:
        samples: Where each image stands in its source split.
        labels: The class of each image.
        tracks: Of which object each is a frame, where that is known.
        clean_predictions: What the classifier predicts for the clean image.
        clean_confidences: The probability of that, in [0, 1].
        predictions: What it predicts under the setting found: the first that fools, else the least confident one seen.
        confidences: The probability of that, in [0, 1].
        queries: Forward passes that the image took, the clean one among them.
        first_errors: The query of the first error: 1 where it is misclassified clean, 0 for never.
        margins: The logit of the label less the largest other one under the setting; NaN where no scores were read.
        parameters: The setting, as a spec that an audit takes as a transform.
        points: Where it lies in the unit cube of the space; NaN for the clean image where a space has no identity.
    """

    samples: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]
    tracks: Int[np.ndarray, " n"] | None
    clean_predictions: Int[np.ndarray, " n"]
    clean_confidences: Float32[np.ndarray, " n"]
    predictions: Int[np.ndarray, " n"]
    confidences: Float32[np.ndarray, " n"]
    queries: Int[np.ndarray, " n"]
    first_errors: Int[np.ndarray, " n"]
    margins: Float32[np.ndarray, " n"]
    parameters: Sequence[str]
    points: Float64[np.ndarray, "n d"]

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def clean_correct(self) -> Bool[np.ndarray, " n"]:
        """Whether each image is classified correctly when clean."""
        return self.correct_after(1)

    @cached_property
    def correct(self) -> Bool[np.ndarray, " n"]:
        """Whether each is classified correctly when clean and nothing fooled it."""
        return self.correct_after(int(self.queries.max(initial=1)))

    @cached_property
    def fooled(self) -> Bool[np.ndarray, " n"]:
        """Whether each is classified correctly when clean and a setting was found under which it is not."""
        fooled: Bool[np.ndarray, " n"] = self.first_errors > 1
        return fooled

    def correct_after(self, queries: int) -> Bool[np.ndarray, " n"]:
        """Whether each is classified correctly when clean and not fooled in so many queries, the clean one first."""
        return correct_after(self.first_errors, queries)

    def only(self, chosen: Bool[np.ndarray, " n"]) -> "SearchedImages":
        """Those of some images."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: value[chosen] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **arrays, parameters=[self.parameters[index] for index in np.flatnonzero(chosen).tolist()])


def correct_after(first_errors: Int[np.ndarray, " n"], queries: int) -> Bool[np.ndarray, " n"]:
    """Whether each image was not misclassified in so many queries, by the query of its first error, 0 for never."""
    correct: Bool[np.ndarray, " n"] = (first_errors == 0) | (first_errors > queries)
    return correct


def make_settings(
    space: str,
    *,
    samples: Int[np.ndarray, " n"],
    first_errors: Int[np.ndarray, " n"],
    margins: Float32[np.ndarray, " n"],
    points: Float64[np.ndarray, "n d"],
) -> pa.Table:
    """A table as `SETTINGS_SCHEMA` has it."""
    n, d = points.shape
    spaces = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, dtype=np.int32)), pa.array([space]))
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * d)
    values = pa.array(np.ascontiguousarray(points, dtype=np.float64).reshape(-1))
    columns = {
        "space": spaces,
        "sample": pa.array(samples, pa.int32()),
        "first_error": pa.array(first_errors, pa.int32()),
        "margin": pa.array(margins, pa.float32(), from_pandas=True),
        "point": pa.ListArray.from_arrays(offsets, values),
    }
    return pa.table(columns, schema=SETTINGS_SCHEMA)


def write_settings(path: Path, tables: Sequence[pa.Table]) -> None:
    """Write tables into one file that is there whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    joined = pa.concat_tables([SETTINGS_SCHEMA.empty_table(), *tables]).unify_dictionaries()
    with replacing(path) as temporary, write_errors(path):
        pq.write_table(joined, temporary, compression="zstd", write_page_checksum=True)


def read_searched(out: Path, space: str) -> SearchedImages:
    """What a search found in one space, from the folder of its result.

    Raises:
        DataError: Its rows are missing or damaged, or it did not search that space.
    """
    settings = _settings(out, space)
    clean = read_rows(out / ROWS, columns=_COLUMNS, where={"transform": CLEAN})
    found = read_rows(out / ROWS, columns=(*_COLUMNS, "parameters", "queries"), where={"transform": space})
    samples = _array(found, "sample")
    of_clean = dict(zip(_array(clean, "sample").tolist(), range(clean.num_rows), strict=True))
    again = "search again into another folder"
    expect(len(samples), f"rows of {space} in {out}", f"none; {again}", DataError)
    same = np.array_equal(samples, _array(settings, "sample")) and all(one in of_clean for one in samples.tolist())
    expect(same, f"in {out} a setting and clean rows for each image of {space}", f"those of others; {again}", DataError)
    clean = clean.take(pa.array([of_clean[sample] for sample in samples.tolist()], pa.int64()))
    order = np.argsort(samples, kind="stable")
    tracks, margins = found["track"], settings["margin"]
    parameters = found["parameters"].to_pylist()
    points = settings["point"].combine_chunks()
    return SearchedImages(
        samples=samples[order],
        labels=_array(found, "label")[order],
        tracks=None if tracks.null_count else _array(found, "track")[order],
        clean_predictions=_array(clean, "prediction")[order],
        clean_confidences=_array(clean, "confidence")[order],
        predictions=_array(found, "prediction")[order],
        confidences=_array(found, "confidence")[order],
        queries=_array(found, "queries")[order],
        first_errors=_array(settings, "first_error")[order],
        margins=margins.fill_null(float("nan")).combine_chunks().to_numpy(zero_copy_only=False)[order],
        parameters=[parameters[index] for index in order],
        points=points.flatten().to_numpy(zero_copy_only=False).reshape(len(order), -1)[order],
    )


def searched_table(out: Path) -> pa.Table:
    """A row for each image and space: the rows of what was found, with `first_error`, `margin` and `point`.

    Raises:
        DataError: The rows are missing or damaged.
    """
    settings = _settings(out, None)
    tables = []
    for space in settings["space"].unique().to_pylist():
        found, of_space = read_rows(out / ROWS, where={"transform": space}), _settings(out, space)
        for name in ("first_error", "margin", "point"):
            found = found.append_column(name, of_space[name])
        tables.append(found)
    return pa.concat_tables(tables).unify_dictionaries()


def _settings(out: Path, space: str | None) -> pa.Table:
    """The settings of one space, or of all, in the order in which they were written."""
    folder, again = out / SETTINGS, "search again into another folder"
    try:
        parts = [pq.read_table(file, page_checksum_verification=True) for file in sorted(folder.glob("*.parquet"))]
        expect(parts, f"settings in {folder}", f"none; {again}", DataError)
        table = pa.concat_tables(part.cast(SETTINGS_SCHEMA) for part in parts).unify_dictionaries()
    except (OSError, ValueError, pa.ArrowException) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error).partition("\n")[0]
        raise DataError(f"expected settings in {folder}, got what cannot be read ({reason}); {again}") from error
    if space is None:
        return table
    chosen = np.array([name == space for name in table["space"].to_pylist()], dtype=np.bool_)
    return table.filter(pa.array(chosen))


def _array(table: pa.Table, name: str) -> Shaped[np.ndarray, " n"]:
    values: Any = table[name].combine_chunks()
    return values.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
