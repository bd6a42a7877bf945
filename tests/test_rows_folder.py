"""Rows in a folder of parts: one table, or one transform at a time."""

import gc
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from negatoscope.errors import DataError
from negatoscope.rows import SCHEMA, RowKey, RowReader, make_rows, read_rows, write_rows

TRANSFORMS = ("clean", "negative", "gamma(exponent=2.0)")


def _part(first, n, transforms=TRANSFORMS):
    """Rows of images first, first + 1, ... under each transform, as an audit writes them."""
    samples = np.arange(first, first + n)
    classes = {name: samples * step % 43 for name, step in (("label", 5), ("prediction", 7), ("label_rank", 11))}
    shares = {name: samples.astype(np.float32) / 100 for name in ("confidence", "label_confidence")}
    columns = {"sample": samples, "sample_hash": samples.astype(np.uint64), **classes, **shares}
    return [make_rows(RowKey("gtsrb", "test", "paper", name, seed=1), columns) for name in transforms]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "rows.parquet"
    for index in range(3):
        write_rows(folder / f"{index:06d}.parquet", _part(10 * index, 10))
    return folder


@pytest.fixture
def expected():
    """All rows, part by part."""
    return pa.concat_tables(table for index in range(3) for table in _part(10 * index, 10))


def test_a_folder_reads_as_one_table_of_its_parts_in_the_order_of_their_names(folder, expected):
    rows = read_rows(folder)
    assert rows.schema.equals(SCHEMA)
    assert rows.to_pylist() == expected.to_pylist()
    assert {tuple(chunk.dictionary.to_pylist()) for chunk in rows["transform"].chunks} == {TRANSFORMS}
    negative = read_rows(folder, columns=["sample"], where={"transform": "negative"})
    assert negative["sample"].to_pylist() == list(range(30))


def test_arrow_reads_the_folder_too(folder, expected):
    rows = pyarrow.dataset.dataset(folder, format="parquet").to_table(use_threads=False)
    assert rows.to_pylist() == expected.to_pylist()


def test_what_killed_runs_left_in_a_folder_is_no_part(folder, expected):
    (folder / ".000003.parquet.12.tmp").write_bytes(b"PAR1")
    assert read_rows(folder).num_rows == expected.num_rows


@pytest.mark.parametrize("stored", ["folder", "more than are described", "file", "mixed row groups"])
def test_one_transform_is_read_as_where_reads_it(folder, stored, monkeypatch):
    path = folder
    if stored == "more than are described":
        monkeypatch.setattr("negatoscope.rows._DESCRIBED", 2)
    elif stored != "folder":
        path = folder.with_name("one.parquet")
        write_rows(path, [read_rows(folder)])
    if stored == "mixed row groups":
        pq.write_table(read_rows(folder), path, row_group_size=25)
    rows = RowReader(path)
    assert rows.transforms == TRANSFORMS
    for transform in (*TRANSFORMS, "absent"):
        columns = ["prediction", "sample", "transform"]
        expected = read_rows(path, columns=columns, where={"transform": transform})
        assert pa.concat_tables(rows.read(transform, columns=columns)).to_pylist() == expected.to_pylist()


def test_memory_holds_the_rows_of_one_transform_in_one_file(tmp_path):
    folder, names = tmp_path / "rows.parquet", [f"gamma(exponent={index}.0)" for index in range(1, 21)]
    for index in range(3):
        write_rows(folder / f"{index}.parquet", _part(20_000 * index, 20_000, names))
    gc.collect()
    pool = pa.default_memory_pool()
    before, rows = pool.bytes_allocated(), RowReader(folder)
    for name in names:
        sizes = []
        for table in rows.read(name, columns=["sample", "confidence"]):
            sizes.append(table.nbytes)
            del table
            # Arrow's threads may still be about to free what was read last.
            assert pool.bytes_allocated() - before <= 20_000 * 8, "no more than the rows of one file stay"
        assert sizes == [20_000 * 8] * 3


@pytest.mark.parametrize("column", ["transform", "label"])
@pytest.mark.parametrize("part", [0, 2])
def test_a_damaged_part_is_a_data_error_that_names_it(folder, column, part):
    path = folder / f"{part:06d}.parquet"
    with pq.ParquetFile(path) as file:
        places = [file.metadata.row_group(group).column(SCHEMA.names.index(column)) for group in range(3)]
    content = bytearray(path.read_bytes())
    for place in places:
        end = min(filter(None, (place.dictionary_page_offset, place.data_page_offset))) + place.total_compressed_size
        content[end - 2 : end] = bytes(255 - value for value in content[end - 2 : end])
    path.write_bytes(content)
    with pytest.raises(DataError, match=str(path)):
        list(RowReader(folder).read("negative", columns=["sample", "label"]))
    with pytest.raises(DataError, match=str(path)):
        read_rows(folder)


def test_a_part_that_vanishes_is_a_data_error(folder):
    rows = RowReader(folder)
    (folder / "000001.parquet").unlink()
    with pytest.raises(DataError, match="there is no such file"):
        list(rows.read("negative", columns=["sample"]))


@given(position=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_no_changed_byte_of_a_part_leads_to_anything_but_rows_or_a_data_error(folder, position, mask):
    path = folder / "000001.parquet"
    whole = path.read_bytes()
    content = bytearray(whole)
    content[int(position * len(content))] ^= mask
    path.write_bytes(content)
    with suppress(DataError):
        rows = RowReader(folder)
        for transform in rows.transforms:
            for table in rows.read(transform, columns=["sample", "label"]):
                assert table.column_names == ["sample", "label"]
    path.write_bytes(whole)
