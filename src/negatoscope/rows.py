"""One row per (image, classifier, transform spec), in Parquet: every number in a report is computed from rows."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, pairwise
from numbers import Integral, Real
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Shaped, UInt64

from negatoscope.errors import DataError, InputError
from negatoscope.files import cannot_write
from negatoscope.types import PixelArray

_NAMES = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        pa.field("dataset", _NAMES, nullable=False),
        pa.field("split", _NAMES, nullable=False),
        pa.field("classifier", _NAMES, nullable=False),
        pa.field("transform", _NAMES, nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("sample_hash", pa.uint64(), nullable=False),
        pa.field("track", pa.int32()),
        pa.field("label", pa.int16(), nullable=False),
        pa.field("prediction", pa.int16(), nullable=False),
        pa.field("confidence", pa.float32(), nullable=False),
        pa.field("label_confidence", pa.float32(), nullable=False),
        pa.field("label_rank", pa.int16(), nullable=False),
    ]
)
"""`sample` counts from 0 in the source split, and `sample_hash` is `hash_samples` of its stored pixels; `track` is null
where the dataset has none; the two confidences are softmax probabilities in [0, 1], of the prediction and the label;
`label_rank` is how many classes come before the label, 0 where it is the prediction."""

_KEY = ("dataset", "split", "classifier", "transform", "seed")
_MEASURED = tuple(name for name in SCHEMA.names if name not in _KEY)
_ROW_GROUP = 65_536  # rows that are stored together: about 4 MB
_GATHERED = 65_536  # rows that are sorted at once


@dataclass(frozen=True)
class RowKey:
    """What all rows of one inference pass share.

    Args:
        dataset: Its canonical spec string.
        split: "train", "validation" or "test".
        classifier: Its canonical spec string.
        transform: Its canonical spec string.
        seed: The seed of whatever was random.
    """

    dataset: str
    split: str
    classifier: str
    transform: str
    seed: int


def hash_samples(images: PixelArray) -> UInt64[np.ndarray, " n"]:
    """For each image, the first eight bytes of the sha256 of its stored pixels (channels, height, width).

    As a number whose sixteen hex digits are the first sixteen of the digest. sha256 rather than blake2b: where the
    processor has instructions for it, it is the quicker of the two.
    """
    heads = b"".join(sha256(image.tobytes()).digest()[:8] for image in images)
    return np.frombuffer(heads, dtype=">u8").astype(np.uint64)


def make_rows(key: RowKey, columns: Mapping[str, Shaped[np.ndarray, " _"] | None]) -> pa.Table:
    """The rows of one inference pass, as `SCHEMA` has them.

    Args:
        key: What they share.
        columns: Every other column of `SCHEMA` by name, one value per image; `track` may be None or left out.

    Raises:
        InputError: A column is missing, unknown, of another length than the first, or does not fit its type.
    """
    given = {name: values for name, values in columns.items() if values is not None}
    lacking = [name for name in _MEASURED if name not in given and name != "track"]
    if lacking:
        raise InputError(f"expected the columns {', '.join(_MEASURED)}, got none called {lacking[0]}")
    _expect_names("columns", given, among=_MEASURED)
    n = len(given["sample"])
    for name, values in given.items():
        if len(values) != n:
            raise InputError(f"expected {n} values in {name}, as many as in sample, got {len(values)}")
    shared = {name: _repeat(name, getattr(key, name), n=n) for name in _KEY}
    measured = {name: _column(name, given.get(name), n=n) for name in _MEASURED}
    return pa.table(shared | measured, schema=SCHEMA)


def write_rows(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write tables one after another, as they come, into one file that is there whole or not at all.

    Args:
        path: The file to make or to replace; its folder is made.
        tables: What `make_rows` gives; none at all makes a file without rows.

    Raises:
        InputError: A table does not have `SCHEMA`.
        OutputError: The folder cannot be written or the disk is full; nothing is left behind.
    """
    with _replacing(path) as file:
        with _writing(path):
            writer = pq.ParquetWriter(file, SCHEMA, compression="zstd", write_page_checksum=True)
        try:
            for table in tables:
                if not table.schema.equals(SCHEMA):
                    raise InputError(f"expected rows as make_rows gives them, got the columns {table.schema.names}")
                with _writing(path):
                    writer.write_table(table, row_group_size=_ROW_GROUP)
        finally:
            with _writing(path):
                writer.close()


def read_rows(
    path: Path, *, columns: Sequence[str] | None = None, where: Mapping[str, object] | None = None
) -> pa.Table:
    """Read rows that `write_rows` wrote, and of them only what is asked for.

    Of a part of the file where no row has the values of `where`, only the columns named there are read.

    Args:
        path: The file.
        columns: Names of `SCHEMA`, in the order wanted; None is all of them.
        where: The value that each named column must have; None selects the rows where it is null.

    Raises:
        DataError: The file cannot be read, is damaged or does not hold rows.
        InputError: A name is not in `SCHEMA`, or a value cannot be in its column.
    """
    wanted = SCHEMA.names if columns is None else list(columns)
    _expect_names("columns", wanted, among=SCHEMA.names)
    _expect_names("where", where or {}, among=SCHEMA.names)
    values = {name: _scalar(name, value) for name, value in (where or {}).items()}
    needed = [name for name in SCHEMA.names if name in wanted or name in values]
    found = _row_groups(path, columns=needed, where=values)
    return pa.concat_tables([SCHEMA.empty_table().select(needed), *found]).select(wanted).unify_dictionaries()


def merge_rows(path: Path, parts: Iterable[Path], *, by: str | None = None) -> None:
    """Write the rows of all parts, in their order, into one file.

    Memory is bounded by the largest row group, or with `by` by a few hundred thousand rows.

    Args:
        path: The file to make or to replace.
        parts: What `write_rows` wrote.
        by: A column of names, such as "transform": the rows of one name are put together, which makes them quick to
            find. Names come in the order in which they first occur.

    Raises:
        DataError: A part cannot be read, is damaged or does not hold rows.
        InputError: `by` is no column of names.
        OutputError: The folder cannot be written or the disk is full.
    """
    if by is None:
        write_rows(path, (table for part in parts for table in _row_groups(part, columns=SCHEMA.names, where={})))
        return
    _expect_names("by", [by], among=[field.name for field in SCHEMA if field.type == _NAMES])
    place = path.with_name(f".{path.name}.runs.{os.getpid()}.tmp")
    try:
        runs = [_written(place / f"{number}", table, by=by) for number, table in enumerate(_gathered(parts))]
        if len(runs) == 1:
            with _writing(path):
                runs[0][0].replace(path)
        else:
            write_rows(path, _put_together(runs))
    finally:
        shutil.rmtree(place, ignore_errors=True)
        pa.default_memory_pool().release_unused()


class OpenRows:
    """A file of rows, read one transform at a time: memory holds the rows of one, whatever the file's size.

    Args:
        path: The file, for what is said of it.
        file: The same, opened.
    """

    def __init__(self, path: Path, file: pq.ParquetFile) -> None:
        self._path, self._file = path, file
        self._groups: dict[str, list[int]] = {}
        self._mixed: set[int] = set()
        with _reading(path):
            for index in range(file.num_row_groups):
                names = file.read_row_group(index, columns=["transform"])["transform"].unique().to_pylist()
                for name in names:
                    self._groups.setdefault(name, []).append(index)
                if len(names) > 1:
                    self._mixed.add(index)

    @property
    def transforms(self) -> tuple[str, ...]:
        """Every transform that a row names, in the order in which they first occur."""
        return tuple(self._groups)

    def read(self, transform: str, *, columns: Sequence[str]) -> pa.Table:
        """The rows of one transform, in their order; none where no row names it.

        Raises:
            DataError: The file is damaged.
        """
        groups = self._groups.get(transform, [])
        if not groups:
            return SCHEMA.empty_table().select(columns)
        with _reading(self._path):
            if self._mixed.isdisjoint(groups):
                return self._file.read_row_groups(groups, columns=list(columns)).select(columns)
            found = self._file.read_row_groups(groups, columns=[*columns, "transform"])
            return _matching(found, {"transform": _scalar("transform", transform)}).select(columns)


@contextmanager
def open_rows(path: Path) -> Iterator[OpenRows]:
    """Rows that `write_rows` wrote, to be read one transform at a time.

    Raises:
        DataError: The file cannot be read, is damaged or does not hold rows.
    """
    with _opened(path) as file:
        yield OpenRows(path, file)


def _repeat(name: str, value: str | int, *, n: int) -> pa.Array:
    if isinstance(value, str):
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, dtype=np.int32)), pa.array([value]))
    return _column(name, np.full(n, value), n=n)


def _column(name: str, values: Shaped[np.ndarray, " _"] | None, *, n: int) -> pa.Array:
    wanted = SCHEMA.field(name).type
    if values is None:
        return pa.nulls(n, wanted)
    try:
        return pa.array(values, type=wanted)
    except (pa.ArrowException, OverflowError) as error:
        raise InputError(f"expected {name} to fit {wanted}, got values that do not: {error}") from error


def _large_tables(path: Path) -> Iterator[pa.Table]:
    """All rows in order; small row groups are read together, which is quicker."""
    with _opened(path) as file:
        sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
        chunks = np.cumsum(sizes) // _ROW_GROUP
        for chunk in np.unique(chunks):
            with _reading(path):
                table = file.read_row_groups(np.flatnonzero(chunks == chunk).tolist(), use_threads=False)
            yield _in_one_piece(table)


def _gathered(parts: Iterable[Path]) -> Iterator[pa.Table]:
    """All rows in order, `_GATHERED` or a few more at a time."""
    held = SCHEMA.empty_table()
    for table in chain.from_iterable(map(_large_tables, parts)):
        held = pa.concat_tables([held, table])
        if held.num_rows >= _GATHERED:
            yield _in_one_piece(held)
            held = SCHEMA.empty_table()
    if held.num_rows:
        yield _in_one_piece(held)


def _written(path: Path, table: pa.Table, *, by: str) -> tuple[Path, list[str]]:
    """A file of these rows, put together by name, and the name of each of its row groups."""
    codes = table[by].combine_chunks().indices.to_numpy()
    table = table.take(np.argsort(codes, kind="stable"))
    starts = [*np.flatnonzero(np.diff(np.sort(codes), prepend=-1)).tolist(), len(codes)]
    found = [table.slice(first, end - first) for first, end in pairwise(starts)]
    write_rows(path, found)
    return (path, [each[by][0].as_py() for each in found for _ in range(0, each.num_rows, _ROW_GROUP)])


def _put_together(runs: Sequence[tuple[Path, list[str]]]) -> Iterator[pa.Table]:
    """Tables of one name each, as large as a row group but for the last of a name."""
    for name in dict.fromkeys(name for _, names in runs for name in names):
        held = SCHEMA.empty_table()
        for run, names in runs:
            groups = [index for index, each in enumerate(names) if each == name]
            if not groups:
                continue
            with _opened(run) as file, _reading(run):
                held = _in_one_piece(pa.concat_tables([held, file.read_row_groups(groups, use_threads=False)]))
            while held.num_rows >= _ROW_GROUP:
                yield held.slice(0, _ROW_GROUP)
                held = held.slice(_ROW_GROUP)
        if held.num_rows:
            yield held


def _in_one_piece(table: pa.Table) -> pa.Table:
    """The same rows, each column in one chunk: thousands of small chunks make everything slow."""
    return table.unify_dictionaries().combine_chunks()


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the name `path` once the block has ended well; otherwise nothing of it is left."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("wb")
    try:
        yield file
        with _writing(path):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            temporary.replace(path)
    finally:
        with suppress(OSError):  # what the full disk did not take
            file.close()
        temporary.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"expected rows in {path}, but there is no such file") from error
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"expected rows in {path}, got a file that cannot be read ({reason}); make it anew") from error


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    with _reading(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with file:
        if not file.schema_arrow.equals(SCHEMA):
            raise DataError(f"expected rows in {path}, got a table with the columns {file.schema_arrow.names}")
        yield file


def _row_groups(path: Path, *, columns: Sequence[str], where: Mapping[str, pa.Scalar]) -> Iterator[pa.Table]:
    """Each row group's matching rows.

    Arrow prunes no row groups by dictionary columns, and asking the index for their ranges ends the process where the
    index is damaged; so the few bytes of the columns in `where` are read first.
    """
    with _opened(path) as file:
        for index in range(file.num_row_groups):
            with _reading(path):
                if where and not _matching(file.read_row_group(index, columns=list(where)), where).num_rows:
                    continue
                table = _matching(file.read_row_group(index, columns=columns), where)
            yield table


def _matching(table: pa.Table, where: Mapping[str, pa.Scalar]) -> pa.Table:
    for name, value in where.items():
        column = pc.field(name)
        table = table.filter(column == value if value.is_valid else column.is_null())
    return table


def _scalar(name: str, value: object) -> pa.Scalar:
    wanted = SCHEMA.field(name).type
    plain = wanted.value_type if pa.types.is_dictionary(wanted) else wanted
    kind = Integral if pa.types.is_integer(plain) else Real if pa.types.is_floating(plain) else str
    with suppress(pa.ArrowException, OverflowError):
        if value is None or isinstance(value, kind):
            return pa.scalar(value, plain)
    raise InputError(f"expected {name} to equal a value of type {plain}, got {value!r}")


def _expect_names(argument: str, names: Iterable[str], *, among: Sequence[str]) -> None:
    for name in names:
        if name not in among:
            raise InputError(f"expected {argument} to name some of {', '.join(among)}, got {name!r}")
