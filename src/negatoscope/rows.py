"""One row per (image, classifier, transform), in Parquet: every number in a report is computed from rows.

Rows are one file, or a folder of files that are read in the order of their names. `pyarrow.dataset` reads such a folder
too; it is not used here, because it consults each file's index of least and greatest values, and where that index is
damaged Arrow ends the whole process.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Shaped, UInt64

from negatoscope.arrow import arrow_numbers, arrow_texts
from negatoscope.errors import DataError, InputError
from negatoscope.files import replacing, write_errors
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
        pa.field("parameters", _NAMES),
        pa.field("queries", pa.int32()),
    ]
)
"""`sample` counts from 0 in the source split, and `sample_hash` is `hash_samples` of its stored pixels; `track` is null
where the dataset has none; the two confidences are softmax probabilities in [0, 1], of the prediction and the label;
`label_rank` is how many classes come before the label, 0 where it is the prediction; `parameters` is the spec that
made this image where an attack chose one for each, `queries` how many passes an attack spent on it: else null."""

_EARLIER = pa.schema([field for field in SCHEMA if field.name not in ("parameters", "queries")])
"""Of files from before attacks said what they cost: they read as if these columns were null."""

_KEY = ("dataset", "split", "classifier", "transform", "seed")
_MEASURED = tuple(name for name in SCHEMA.names if name not in _KEY)
_OPTIONAL = tuple(name for name in _MEASURED if SCHEMA.field(name).nullable)
_MANY_VALUES = ("sample", "sample_hash", "confidence", "label_confidence")  # of which a dictionary saves nothing
_ROW_GROUP = 65_536  # rows that are stored together: about 4 MB
_DESCRIBED = 64  # files of which a reader keeps what they hold where: of 50 transforms some 0.3 MB each

_ROW_BYTES, _GROUP_BYTES = 19, 2800  # on the disk: of a row, and of what describes the rows of one transform in a file


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


def estimate_size(rows: int, *, groups: int = 0) -> int:
    """About how many bytes rows take on the disk.

    Args:
        rows: How many there are.
        groups: Of how many transforms they are, counted in each file.
    """
    return rows * _ROW_BYTES + groups * _GROUP_BYTES


Column: TypeAlias = Shaped[np.ndarray, " _"] | Sequence[str | None] | None
"""The values of a column, one for each image; None where none has one."""


def joined(columns: Sequence[Column]) -> Column:
    """The values of one column of several batches, one after another; these are all arrays, all lists, or all None."""
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)  # type: ignore[arg-type]
    return None if columns[0] is None else [value for column in columns for value in column or ()]


def make_rows(key: RowKey, columns: Mapping[str, Column]) -> pa.Table:
    """The rows of one inference pass, as `SCHEMA` has them.

    Args:
        key: What they share.
        columns: Every other column of `SCHEMA` by name, one value per image; what is nullable may be None or left out.

    Raises:
        InputError: A column is missing, unknown, of another length than the first, or does not fit its type.
    """
    given = {name: values for name, values in columns.items() if values is not None}
    lacking = [name for name in _MEASURED if name not in given and name not in _OPTIONAL]
    if lacking:
        raise InputError(f"expected the columns {', '.join(_MEASURED)}, got none called {lacking[0]}")
    _expect_names("columns", given, among=_MEASURED)
    n = len(given["sample"])
    for name, values in given.items():
        if len(values) != n:
            raise InputError(f"expected {n} values in {name}, as many as in sample, got {len(values)}")
    one_name = arrow_numbers(np.zeros(n, dtype=np.int32), pa.int32())
    names = {name: pa.DictionaryArray.from_arrays(one_name, arrow_texts([getattr(key, name)])) for name in _KEY[:-1]}
    numbers = {name: _column(name, given.get(name), n=n) for name in _MEASURED}
    return pa.table({**names, "seed": _column("seed", np.full(n, key.seed), n=n), **numbers}, schema=SCHEMA)


def write_rows(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write tables one after another, as they come, into one file that is there whole or not at all.

    Args:
        path: The file to make or to replace; its folder is made.
        tables: What `make_rows` gives; none at all makes a file without rows.

    Raises:
        InputError: A table does not have `SCHEMA`.
        OutputError: The folder cannot be written or the disk is full; nothing is left behind.
    """
    with replacing(path) as temporary:
        with write_errors(path):
            file = temporary.open("wb")
            few: Any = [name for name in SCHEMA.names if name not in _MANY_VALUES]
            writer = pq.ParquetWriter(file, SCHEMA, compression="zstd", write_page_checksum=True, use_dictionary=few)
        try:
            for table in tables:
                if not table.schema.equals(SCHEMA):
                    raise InputError(f"expected rows as make_rows gives them, got the columns {table.schema.names}")
                with write_errors(path):
                    writer.write_table(table, row_group_size=_ROW_GROUP)
        finally:
            with write_errors(path), file:
                writer.close()


def read_rows(
    path: Path, *, columns: Sequence[str] | None = None, where: Mapping[str, object] | None = None
) -> pa.Table:
    """Read rows that `write_rows` wrote, and of them only what is selected, into one table.

    Of a row group in which no row has the values of `where`, only the columns named there are read.

    Args:
        path: A file, or a folder of files.
        columns: Names of `SCHEMA`, in the order of the result; None is all of them.
        where: The value that each named column must have; None selects the rows where it is null.

    Raises:
        DataError: A file is missing, cannot be read, is damaged or does not hold rows.
        InputError: A name is not in `SCHEMA`, or a value cannot be in its column.
    """
    columns = SCHEMA.names if columns is None else columns
    _expect_names("columns", columns, among=SCHEMA.names)
    _expect_names("where", where or {}, among=SCHEMA.names)
    values = {name: _scalar(name, value) for name, value in (where or {}).items()}
    tables = []
    for part in _parts(path):
        with _opened(part) as file:
            for group in range(file.num_row_groups):
                if not values or _read(file, [group], list(values), values).num_rows:
                    tables.append(_read(file, [group], columns, values))
    return pa.concat_tables(tables or [SCHEMA.empty_table().select(columns)]).unify_dictionaries()


class RowReader:
    """Rows that are read one transform at a time: memory holds the rows of one, however many there are.

    Args:
        path: A file, or a folder of files.

    Raises:
        DataError: A file is missing, cannot be read, is damaged or does not hold rows.
    """

    def __init__(self, path: Path) -> None:
        self._groups: dict[str, dict[Path, list[int]]] = {}
        self._described: dict[Path, pq.FileMetaData] = {}
        for part in _parts(path):
            with _opened(part) as file:
                if len(self._described) < _DESCRIBED:  # to read it again takes as long as the rows of a transform
                    self._described[part] = file.metadata
                for group in range(file.num_row_groups):
                    for transform in _read(file, [group], ["transform"], {})["transform"].unique().to_pylist():
                        self._groups.setdefault(transform, {}).setdefault(part, []).append(group)

    @property
    def transforms(self) -> tuple[str, ...]:
        """Every transform that a row names, in the order in which they first occur."""
        return tuple(self._groups)

    def read(self, transform: str, *, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The rows of one transform, in their order, file by file; one table without rows where no row names it.

        Raises:
            DataError: A file is damaged.
        """
        if transform not in self._groups:
            yield SCHEMA.empty_table().select(columns)
        for part, groups in self._groups.get(transform, {}).items():
            with _opened(part, self._described.get(part)) as file:
                yield _read(file, groups, columns, {"transform": arrow_texts([transform])[0]})


def _column(name: str, values: Column, *, n: int) -> pa.Array:
    expected = SCHEMA.field(name).type
    if values is None:
        return pa.nulls(n, expected)
    try:
        if pa.types.is_dictionary(expected):
            return arrow_texts(list(values)).cast(expected)
        return arrow_numbers(np.asarray(values), expected)
    except (pa.ArrowException, OverflowError) as error:
        raise InputError(f"expected {name} to fit {expected}, got values that do not: {error}") from error


def _parts(path: Path) -> list[Path]:
    """The files that rows are in."""
    if not path.is_dir():
        return [path]
    parts = sorted(path.glob("*.parquet"))
    if not parts:
        raise DataError(f"expected rows in {path}, got a folder without Parquet files; make it anew")
    return parts


@contextmanager
def _opened(path: Path, metadata: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    """A file of rows, to be read in the block; with its `metadata` where they are known."""
    try:
        with pq.ParquetFile(path, metadata=metadata, page_checksum_verification=True) as file:
            if not (file.schema_arrow.equals(SCHEMA) or file.schema_arrow.equals(_EARLIER)):
                raise DataError(f"expected rows in {path}, got a table with the columns {file.schema_arrow.names}")
            yield file
    except FileNotFoundError as error:
        raise DataError(f"expected rows in {path}, but there is no such file") from error
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"expected rows in {path}, got a file that cannot be read ({reason}); make it anew") from error


def _read(
    file: pq.ParquetFile, groups: Sequence[int], columns: Sequence[str], where: Mapping[str, pa.Scalar]
) -> pa.Table:
    """The matching rows of some row groups."""
    names = [*columns, *where]
    table = file.read_row_groups(groups, columns=names, use_threads=False)
    for name in set(names).difference(file.schema_arrow.names):
        table = table.append_column(SCHEMA.field(name), pa.nulls(table.num_rows, SCHEMA.field(name).type))
    for name, value in where.items():
        column = table[name]  # an expression would be computed by threads, which free their memory some time later
        table = table.filter(pc.equal(column, value) if value.is_valid else pc.is_null(column))
    return table.select(columns)


def _scalar(name: str, value: object) -> pa.Scalar:
    expected = SCHEMA.field(name).type
    plain = expected.value_type if pa.types.is_dictionary(expected) else expected
    kind = Integral if pa.types.is_integer(plain) else Real if pa.types.is_floating(plain) else str
    with suppress(pa.ArrowException, OverflowError):
        if value is None or isinstance(value, kind):
            return arrow_texts([value])[0] if isinstance(value, str) else pa.scalar(value, plain)
    raise InputError(f"expected {name} to equal a value of type {plain}, got {value!r}")


def _expect_names(argument: str, names: Iterable[str], *, among: Sequence[str]) -> None:
    for name in names:
        if name not in among:
            raise InputError(f"expected {argument} to name some of {', '.join(among)}, got {name!r}")
