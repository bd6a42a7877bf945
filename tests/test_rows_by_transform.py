"""Rows of an audit, part by part: merged by transform, and read one transform at a time."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from negatoscope.errors import DataError, InputError
from negatoscope.rows import SCHEMA, RowKey, make_rows, merge_rows, open_rows, read_rows, write_rows


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.parquet"


def _part(first, n, transforms):
    """Rows of images first, first + 1, ... under each transform, as an audit writes them."""
    samples = np.arange(first, first + n)
    classes = {name: samples * step % 43 for name, step in (("label", 5), ("prediction", 7), ("label_rank", 11))}
    shares = {name: samples.astype(np.float32) / 100 for name in ("confidence", "label_confidence")}
    columns = {"sample": samples, "sample_hash": samples.astype(np.uint64), **classes, **shares}
    return [make_rows(RowKey("gtsrb", "test", "paper", name, seed=1), columns) for name in transforms]


@pytest.fixture
def parts(tmp_path):
    paths = [tmp_path / f"{index}.parquet" for index in range(3)]
    for index, part in enumerate(paths):
        write_rows(part, _part(10 * index, 10, ["clean", "negative", "gamma(exponent=2.0)"]))
    return paths


def test_merging_by_transform_puts_the_rows_of_each_together_in_their_order(path, parts):
    merge_rows(path, parts, by="transform")
    rows = pa.concat_tables([read_rows(part) for part in parts]).to_pylist()
    names = ["clean", "negative", "gamma(exponent=2.0)"]
    assert read_rows(path).to_pylist() == sorted(rows, key=lambda row: names.index(row["transform"]))
    with pq.ParquetFile(path) as file:
        assert file.num_row_groups == 3


def test_merging_by_transform_in_pieces_that_memory_holds_gives_the_same_file(path, parts, monkeypatch):
    merge_rows(path, parts, by="transform")
    at_once = read_rows(path)
    monkeypatch.setattr("negatoscope.rows._GATHERED", 60)
    merge_rows(path, parts, by="transform")
    assert read_rows(path).equals(at_once)
    assert not list(path.parent.glob(".*"))
    with pq.ParquetFile(path) as file:
        assert file.num_row_groups == 3
    with open_rows(path) as rows:
        assert rows.read("negative", columns=["sample"])["sample"].to_pylist() == list(range(30))


def test_merging_nothing_by_transform_makes_a_file_without_rows(path):
    merge_rows(path, [], by="transform")
    assert read_rows(path).num_rows == 0


@pytest.mark.parametrize("by", ["label", "transfrom"])
def test_merging_by_what_is_no_name_is_refused(path, parts, by):
    with pytest.raises(InputError, match=f"expected by to name some of dataset, .*, got '{by}'"):
        merge_rows(path, parts, by=by)
    assert not path.exists()


@pytest.mark.parametrize("mixed", [False, True])
def test_open_rows_gives_what_reading_with_where_gives(path, parts, mixed):
    merge_rows(path, parts)
    if mixed:
        pq.write_table(read_rows(path), path, row_group_size=25)
    with open_rows(path) as rows:
        assert rows.transforms == ("clean", "negative", "gamma(exponent=2.0)")
        for transform in (*rows.transforms, "absent"):
            columns = ["prediction", "sample", "transform"]
            expected = read_rows(path, columns=columns, where={"transform": transform})
            assert rows.read(transform, columns=columns).to_pylist() == expected.to_pylist()


@pytest.mark.parametrize("column", ["transform", "label"])
def test_open_rows_of_a_damaged_file_is_a_data_error(path, parts, column):
    def read():
        with open_rows(path) as rows:
            return rows.read("negative", columns=["sample", "label"])

    merge_rows(path, parts)
    assert read().num_rows == 30
    with pq.ParquetFile(path) as file:
        places = [file.metadata.row_group(group).column(SCHEMA.names.index(column)) for group in range(9)]
    content = bytearray(path.read_bytes())
    for place in places:
        end = min(filter(None, (place.dictionary_page_offset, place.data_page_offset))) + place.total_compressed_size
        content[end - 2 : end] = bytes(255 - value for value in content[end - 2 : end])
    path.write_bytes(content)
    with pytest.raises(DataError, match=str(path)):
        read()
