"""Images in Parquet files, laid out as Hugging Face's datasets are: image bytes and labels, row by row."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from negatoscope.data.base import Dataset
from negatoscope.data.class_folders import SPLIT_NAMES
from negatoscope.data.containers import Container, expect_size, opening, printable, reading
from negatoscope.data.labels import labeled, named_column
from negatoscope.errors import DataError, UndividedError
from negatoscope.stores import AnyPath

ROWS_AT_ONCE = 16
"""How many images are read at a time."""

_BUFFER_BYTES = 1 << 20  # a column is read through this, not whole


def parquet_files(place: AnyPath) -> list[AnyPath]:
    """The Parquet files of a folder: those in it, or in ``data`` in it; a file stands for itself."""
    if place.is_file():
        return [place]
    for top in (place, place / "data"):
        files: list[AnyPath] = list(top.glob("[!.]*.parquet"))
        if files:
            return sorted(files, key=lambda file: file.name)
    return []


def open_parquet(place: AnyPath, split: str) -> Dataset:
    """The images of a Parquet file, or of a folder of them, in the order of names and rows.

    Files that are named after a split, as in "train-00000-of-00002.parquet", are of that split; others are for test.
    The columns are ``image`` (bytes, or a struct with ``bytes`` and ``path``) and ``label`` (whole numbers), or the
    only ones that Hugging Face's note in the file calls an image and a class label; it names the classes, too.

    Raises:
        DataError: A file cannot be read, there is none of the split, or a column is missing or of another kind.
        UndividedError: No file is named after a split, and `split` is not "test".
    """
    files = _of_split(place, parquet_files(place), split)
    with opening(files[0], "a Parquet file"), _opened(files[0]) as first:
        schema = first.schema_arrow
    image, label, class_names = _columns(files[0], schema)
    has_path = pa.types.is_struct(schema.field(image).type) and schema.field(image).type.get_field_index("path") >= 0
    values, names, groups = [], [], []
    for path in files:
        with opening(path, "a Parquet file like the first"), _opened(path) as file:
            if not file.schema_arrow.field(image).type.equals(schema.field(image).type):
                raise ValueError(f"its {image} is of type {file.schema_arrow.field(image).type}")
            column = file.read(columns=[label]).column(0)
            if column.null_count:
                raise DataError(f"expected a label in each row of {path}, got {column.null_count} without one")
            values.append(column.to_numpy())
            names += _names(path, file, f"{image}.path" if has_path else "")
            groups.append([file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)])
    container = ParquetImages(files, image, groups, names)
    labels = np.concatenate(values)
    dataset = labeled(container, labels, path=place, split=split, files=files, class_names=class_names)
    return replace(dataset, spec=printable(f"folder:{place.resolve().name}")) if place.is_dir() else dataset


class ParquetImages(Container):
    """The images of a column, read in order a few rows at a time; to go back is to read a row group from its start.

    Args:
        files: The Parquet files.
        column: Where the images are.
        groups: For each file, the rows of each of its row groups.
        names: What each image is called.
    """

    def __init__(self, files: Sequence[AnyPath], column: str, groups: list[list[int]], names: Sequence[str]) -> None:
        super().__init__(names)
        self.files, self.column = files, column
        self._places = [(file, group) for file, rows in enumerate(groups) for group in range(len(rows))]
        self._ends = np.cumsum([rows for counts in groups for rows in counts])
        self._group, self._first = -1, 0
        self._rows: pa.Array = pa.array([])
        self._batches: Iterator[pa.Array] = iter(())

    def read(self, position: int) -> bytes:
        """The bytes in one row."""
        name = self.names[position]
        with reading(name):
            content = self._row(position)
        if content is None:
            raise DataError(f"expected the bytes of {name} in column {self.column}, got none; store them in the file")
        expect_size(name, len(content))
        return content

    def _row(self, position: int) -> bytes | None:
        group = int(np.searchsorted(self._ends, position, side="right"))
        if group != self._group or position < self._first:
            self._group = -1  # after a failure the next one starts anew
            self._first = int(self._ends[group - 1]) if group else 0
            self._batches, self._rows = self._read(*self._places[group]), pa.array([])
            self._group = group
        while position >= self._first + len(self._rows):
            self._first += len(self._rows)
            self._rows = pa.array([])
            rows = next(self._batches, None)
            if rows is None:
                self._group = -1
                raise EOFError("its row group is shorter than it says")
            self._rows = rows
        content: bytes | None = self._rows[position - self._first].as_py()
        return content

    def _read(self, file: int, group: int) -> Iterator[pa.Array]:
        with _opened(self.files[file]) as opened:
            is_struct = pa.types.is_struct(opened.schema_arrow.field(self.column).type)
            columns = [f"{self.column}.bytes" if is_struct else self.column]
            for batch in opened.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False):
                column = batch.column(0)
                yield pc.struct_field(column, "bytes") if is_struct else column


@contextmanager
def _opened(path: AnyPath) -> Iterator[pq.ParquetFile]:
    try:
        with path.open("rb") as source, pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError) as error:  # whose text may have the whole path in it
        raise OSError(str(error).replace(str(path), path.name)) from error


def _of_split(place: AnyPath, files: Sequence[AnyPath], split: str) -> list[AnyPath]:
    starts = {path: re.match(r"train|test|validation|val(?![a-z])", path.stem) for path in files}
    named = {path: SPLIT_NAMES[start[0]] if start else "" for path, start in starts.items()}
    chosen = [path for path in files if named[path] == (split if any(named.values()) else "")]
    if not chosen or (split != "test" and not any(named.values())):
        splits = sorted(set(filter(None, named.values())))
        found = ", ".join([*splits, *["files without a split"] * ("" in named.values())])
        step = f"name one of these splits, as in {place.name}:{splits[0]}" if splits else f"leave :{split} out"
        error = DataError if splits else UndividedError
        raise error(f"expected {split}-*.parquet in {place}, got {found}; {step}")
    return chosen


def _columns(path: AnyPath, schema: pa.Schema) -> tuple[str, str, tuple[str, ...]]:
    """The columns of images and labels, and the names of classes where the file has them."""
    features = _features(schema)
    columns = []
    for name, kind in (("image", "Image"), ("label", "ClassLabel")):
        of_kind = [column for column, feature in features.items() if feature.get("_type") == kind]
        column = named_column(name, schema.names, of_kind)
        if column not in schema.names:
            got = ", ".join(schema.names)
            raise DataError(f"expected the columns image and label in {path}, got {got}; rename them")
        columns.append(column)
    image, label = columns
    stored = schema.field(image).type
    content = (
        stored.field("bytes").type if pa.types.is_struct(stored) and stored.get_field_index("bytes") >= 0 else stored
    )
    if not (pa.types.is_binary(content) or pa.types.is_large_binary(content)):
        raise DataError(f"expected image bytes in column {image} of {path}, got {stored}; encode them")
    names = features.get(label, {}).get("names")
    return image, label, tuple(printable(str(name)) for name in names) if isinstance(names, list) else ()


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """What Hugging Face's note says of each column; nothing where there is none."""
    note = (schema.metadata or {}).get(b"huggingface", b"")
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        features = json.loads(note)["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    return {}


def _names(path: AnyPath, file: pq.ParquetFile, column: str) -> list[str]:
    """What each row's image is called: the last part of its path, or which row it is."""
    paths = file.read(columns=[column]).column(0).to_pylist() if column else [None] * file.metadata.num_rows
    given = ((row or {}).get("path") for row in paths)
    names = [PurePosixPath(each if isinstance(each, str) else "").name for each in given]
    return [printable(name) or f"row {row} of {printable(path.name)}" for row, name in enumerate(names)]
