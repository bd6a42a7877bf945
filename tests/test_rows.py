"""Rows in Parquet: what is written comes back, and nothing half-written or damaged is taken for rows."""

import hashlib
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.rows import SCHEMA, RowKey, RowReader, hash_samples, make_rows, read_rows, write_rows

NAMES = ["dataset", "split", "classifier", "transform"]
ENCODED = [*NAMES, "parameters"]
NEGATIVE = RowKey(dataset="gtsrb", split="test", classifier="paper", transform="negative", seed=1)
IDENTITY = RowKey(dataset="mnist", split="train", classifier="paper", transform="gamma(exponent=2.0)", seed=0)


def _columns(n, *, seed=0, tracks=True):
    generator = np.random.default_rng(seed)
    return {
        "sample": np.arange(n),
        "sample_hash": generator.integers(0, 2**64, n, dtype=np.uint64),
        "track": generator.integers(0, 5, n) if tracks else None,
        "label": generator.integers(0, 43, n),
        "prediction": generator.integers(0, 43, n),
        "confidence": generator.random(n, dtype=np.float32),
        "label_confidence": generator.random(n, dtype=np.float32),
        "label_rank": generator.integers(0, 43, n),
        "parameters": generator.choice(["flip", "gamma(exponent=2.0)"], n),
        "queries": generator.integers(1, 100, n),
    }


@pytest.fixture
def tables():
    return [make_rows(IDENTITY, _columns(40, tracks=False)), make_rows(NEGATIVE, _columns(70, seed=1))]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.parquet"


@pytest.fixture
def written(path, tables):
    write_rows(path, tables)
    return path


def _names_in(folder):
    return [entry.name for entry in folder.iterdir()]


@contextmanager
def _no_room_beyond(size_bytes):
    """The kernel refuses files above this size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_rows_hold_the_key_and_the_columns_as_given():
    columns = _columns(5)
    rows = make_rows(NEGATIVE, columns)
    assert rows.schema.equals(SCHEMA)
    for name in [*NAMES, "seed"]:
        assert rows[name].to_pylist() == [getattr(NEGATIVE, name)] * 5
    for name, values in columns.items():
        assert rows[name].to_pylist() == list(values)


@pytest.mark.parametrize("name", ["track", "parameters", "queries"])
@pytest.mark.parametrize("given", [True, False])
def test_what_no_image_has_is_null(name, given):
    columns = _columns(3)
    del columns[name]
    assert make_rows(NEGATIVE, columns | ({name: None} if given else {}))[name].to_pylist() == [None] * 3


def test_the_settings_of_each_image_come_back_and_are_stored_once(path):
    specs = ["hue_shift(degrees=31.5)", None, "hue_shift(degrees=31.5)", "hue_shift(degrees=-2.0)"]
    queries = np.array([3, 1, 7, 2])
    tables = [
        make_rows(NEGATIVE, _columns(4) | {"parameters": part, "queries": queries}) for part in (specs, specs[::-1])
    ]
    write_rows(path, [pa.concat_tables(tables).combine_chunks()])
    rows = read_rows(path)
    assert rows["parameters"].to_pylist() == specs + specs[::-1]
    assert rows["queries"].to_pylist() == [*queries, *queries]
    assert all(len(chunk.dictionary) == 2 for chunk in rows["parameters"].chunks)
    assert read_rows(path, columns=["sample"], where={"parameters": specs[0]})["sample"].to_pylist() == [0, 2, 1, 3]


def test_a_file_from_before_attacks_said_what_they_cost_reads_with_nulls(path):
    rows = make_rows(NEGATIVE, _columns(5) | {"parameters": None, "queries": None})
    pq.write_table(rows.drop_columns(["parameters", "queries"]), path)
    assert read_rows(path).to_pylist() == rows.to_pylist()
    assert read_rows(path).schema.equals(SCHEMA)
    assert read_rows(path, columns=["queries"]).to_pylist() == [{"queries": None}] * 5
    assert read_rows(path, where={"queries": None, "label": rows["label"][2].as_py()}).num_rows > 0
    assert read_rows(path, where={"queries": 3}).num_rows == 0
    reader = RowReader(path)
    (table,) = reader.read("negative", columns=["sample", "parameters"])
    assert table["parameters"].null_count == 5


def test_no_images_make_no_rows():
    rows = make_rows(NEGATIVE, _columns(0))
    assert rows.num_rows == 0
    assert rows.schema.equals(SCHEMA)


@pytest.mark.parametrize("name", ["sample_hash", "track", "label", "prediction", "confidence", "label_rank"])
@pytest.mark.parametrize("length", [0, 4, 6])
def test_a_column_of_another_length_is_refused_by_name(name, length):
    columns = _columns(5) | {name: _columns(length)[name]}
    with pytest.raises(InputError, match=rf"expected 5 values in {name}, .* got {length}$"):
        make_rows(NEGATIVE, columns)


@pytest.mark.parametrize("name", ["sample", "label", "confidence", "label_rank"])
@pytest.mark.parametrize("none", [True, False])
def test_a_missing_column_is_refused_by_name(name, none):
    columns = _columns(5)
    del columns[name]
    with pytest.raises(InputError, match=f"none called {name}$"):
        make_rows(NEGATIVE, columns | ({name: None} if none else {}))


@pytest.mark.parametrize("name", ["logit", "seed", "dataset"])
def test_a_column_that_is_not_measured_is_refused_by_name(name):
    with pytest.raises(InputError, match=f"got '{name}'"):
        make_rows(NEGATIVE, _columns(5) | {name: np.arange(5)})


@pytest.mark.parametrize(
    ("name", "value"), [("label", 2**15), ("prediction", 0.5), ("sample", 2**31), ("sample_hash", -1), ("label", "cat")]
)
def test_a_value_that_does_not_fit_its_column_is_refused_rather_than_wrapped(name, value):
    with pytest.raises(InputError, match=f"expected {name} to fit"):
        make_rows(NEGATIVE, _columns(2) | {name: np.array([value, value])})


def test_a_seed_beyond_64_bits_is_refused():
    with pytest.raises(InputError, match="expected seed to fit int64"):
        make_rows(RowKey(dataset="a", split="b", classifier="c", transform="d", seed=2**64), _columns(1))


@given(arrays(np.uint8, array_shapes(min_dims=4, max_dims=4, max_side=5)))
def test_a_hash_begins_like_the_sha256_of_the_stored_pixels(images):
    expected = [hashlib.sha256(bytes(image.ravel().tolist())).hexdigest()[:16] for image in images]
    hashes = hash_samples(images)
    assert hashes.dtype == np.uint64
    assert [f"{value:016x}" for value in hashes] == expected


def test_hashes_do_not_depend_on_how_the_pixels_lie_in_memory():
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 6, 5), dtype=np.uint8)
    assert np.array_equal(hash_samples(np.asfortranarray(images)), hash_samples(images))
    assert np.array_equal(hash_samples(images[::-2]), hash_samples(images)[::-2])


def test_no_images_have_no_hashes():
    assert hash_samples(np.zeros((0, 1, 28, 28), dtype=np.uint8)).shape == (0,)


def test_what_is_written_is_read(written, tables):
    rows = read_rows(written)
    assert rows.to_pylist() == pa.concat_tables(tables).to_pylist()
    assert _names_in(written.parent) == [written.name]


def test_names_stay_dictionary_encoded_with_one_dictionary(written):
    rows = read_rows(written)
    assert rows.schema.equals(SCHEMA)
    for name in ENCODED:
        assert {tuple(chunk.dictionary.to_pylist()) for chunk in rows[name].chunks} == {
            tuple(rows[name].unique().to_pylist())
        }


@pytest.mark.parametrize("empty", [[], [make_rows(NEGATIVE, _columns(0))]])
def test_an_empty_file_reads_as_no_rows(path, empty):
    write_rows(path, empty)
    rows = read_rows(path, where={"label": 3})
    assert rows.num_rows == 0
    assert rows.schema.equals(SCHEMA)


def test_an_empty_table_between_others_changes_nothing(path, tables):
    write_rows(path, [tables[0], make_rows(NEGATIVE, _columns(0)), tables[1]])
    assert read_rows(path).to_pylist() == pa.concat_tables(tables).to_pylist()


def test_writing_again_replaces_and_makes_the_folder(tmp_path, tables):
    deep = tmp_path / "new" / "folder" / "rows.parquet"
    write_rows(deep, tables)
    write_rows(deep, tables[:1])
    assert read_rows(deep).num_rows == 40


def test_columns_come_in_the_order_asked_for(written, tables):
    rows = read_rows(written, columns=["prediction", "dataset"])
    assert rows.to_pylist() == pa.concat_tables(tables).select(["prediction", "dataset"]).to_pylist()


@pytest.mark.parametrize(
    "where",
    [
        {"transform": "negative"},
        {"transform": "negative", "seed": 1},
        {"transform": "negative", "seed": 0},
        {"dataset": "nowhere"},
        {"label": 7},
        {"label": np.int64(7), "split": "train"},
        {"track": None},
        {"track": 2, "split": "test"},
        {"dataset": None},
        {},
    ],
)
def test_where_selects_the_rows_that_a_plain_comparison_selects(written, tables, where):
    rows = pa.concat_tables(tables).to_pylist()
    expected = [row for row in rows if all(row[name] == value for name, value in where.items())]
    assert read_rows(written, where=where).to_pylist() == expected
    assert read_rows(written, columns=["sample"], where=where)["sample"].to_pylist() == [
        row["sample"] for row in expected
    ]


@given(st.integers(0, 109))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_a_row_is_found_by_its_hash_and_by_its_confidence(written, tables, index):
    row = pa.concat_tables(tables).slice(index, 1).to_pylist()[0]
    assert read_rows(written, where={"sample_hash": row["sample_hash"]}).to_pylist() == [row]
    assert row in read_rows(written, where={"confidence": row["confidence"]}).to_pylist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("label", "7"),
        ("label", 7.5),
        ("label", 2**15),
        ("seed", True),
        ("sample_hash", -1),
        ("transform", 3),
        ("track", [1]),
    ],
)
def test_a_value_that_its_column_cannot_hold_is_refused(written, name, value):
    with pytest.raises(InputError, match=f"expected {name} to equal a value of type"):
        read_rows(written, where={name: value})


@pytest.mark.parametrize("selection", [{"columns": ["lable"]}, {"where": {"lable": 7}}])
def test_a_name_that_is_no_column_is_refused(written, selection):
    with pytest.raises(InputError, match="got 'lable'"):
        read_rows(written, **selection)


def test_parts_without_a_matching_row_are_not_read(written, tables):
    content = bytearray(written.read_bytes())
    start, size_bytes = _extent_of(written, group=1, column="confidence")
    content[start : start + size_bytes] = bytes(size_bytes)
    written.write_bytes(content)
    assert read_rows(written, where={"transform": IDENTITY.transform}).to_pylist() == tables[0].to_pylist()
    with pytest.raises(DataError):
        read_rows(written, where={"transform": NEGATIVE.transform})


def _extent_of(path, *, group, column):
    with pq.ParquetFile(path) as file:
        chunk = file.metadata.row_group(group).column(SCHEMA.get_field_index(column))
    starts = (chunk.dictionary_page_offset, chunk.data_page_offset)
    return min(start for start in starts if start), chunk.total_compressed_size


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_damaged(written, share):
    content = written.read_bytes()
    written.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=f"expected rows in .*{written.name}"):
        read_rows(written)


@pytest.mark.parametrize("column", ["sample_hash", "prediction", "label_confidence", "transform"])
def test_a_changed_bit_in_the_values_is_damage(written, column):
    content = bytearray(written.read_bytes())
    start, size_bytes = _extent_of(written, group=1, column=column)
    content[start + size_bytes - 2] ^= 0x01
    written.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        read_rows(written)


@given(position=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_no_changed_byte_leads_to_anything_but_rows_or_a_data_error(written, position, mask):
    content = bytearray(written.read_bytes())
    content[int(position * len(content))] ^= mask
    damaged = written.with_name("damaged.parquet")
    damaged.write_bytes(content)
    with suppress(DataError):
        assert read_rows(damaged, where={"transform": "negative"}).schema.equals(SCHEMA)


def test_text_a_folder_and_nothing_at_all_are_no_rows(tmp_path):
    (tmp_path / "text").write_text("dataset,split\n" * 50)
    cases = {"text": "cannot be read", ".": "a folder without Parquet files", "absent": "there is no such file"}
    for name, reason in cases.items():
        with pytest.raises(DataError, match=reason):
            read_rows(tmp_path / name)


def test_somebody_elses_parquet_is_no_rows(path, tables):
    plain = tables[0].cast(
        pa.schema([field.with_type(pa.string()) if field.name in ENCODED else field for field in SCHEMA])
    )
    for foreign in (pa.table({"label": [1]}), plain):
        pq.write_table(foreign, path)
        with pytest.raises(DataError, match="got a table with the columns"):
            read_rows(path)


@pytest.mark.parametrize("failure", [ValueError, OSError, KeyboardInterrupt])
def test_a_source_that_fails_half_way_leaves_nothing_and_is_not_mistaken_for_a_full_disk(path, tables, failure):
    def source():
        yield from tables
        raise failure("half-way")

    with pytest.raises(failure, match=r"^half-way$"):
        write_rows(path, source())
    assert _names_in(path.parent) == []


def test_a_source_that_fails_leaves_the_file_that_was_there(written, tables):
    before = written.read_bytes()
    with pytest.raises(ZeroDivisionError):
        write_rows(written, (tables[1 // index] for index in (1, 0)))
    assert written.read_bytes() == before
    assert _names_in(written.parent) == [written.name]


def test_a_foreign_table_is_refused_and_nothing_left(path, tables):
    with pytest.raises(InputError, match="expected rows as make_rows gives them"):
        write_rows(path, [tables[0], pa.table({"label": [1]})])
    assert _names_in(path.parent) == []


def test_a_process_killed_half_way_leaves_no_file_of_that_name(written, tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path; from negatoscope.rows import read_rows, write_rows\n"
        "def source():\n"
        "    yield read_rows(Path(sys.argv[1]))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_rows(Path(sys.argv[2]), source())"
    )
    target = tmp_path / "out" / "rows.parquet"
    ended = subprocess.run([sys.executable, "-c", script, str(written), str(target)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert target.parent.is_dir()
    assert not target.exists()


@pytest.mark.parametrize("size_bytes", [0, 4, 5_000, 90_000])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(path, size_bytes):
    large = make_rows(NEGATIVE, _columns(5000))
    with _no_room_beyond(size_bytes), pytest.raises(OutputError) as caught:
        write_rows(path, [large, large])
    assert str(caught.value) == f"cannot write {path}: File too large; give another place or make room"
    assert _names_in(path.parent) == []


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, tables):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "rows.parquet", tmp_path):
        with pytest.raises(OutputError, match=f"^cannot write {place}: .*; give another place or make room$"):
            write_rows(place, tables)
    assert _names_in(tmp_path) == ["file"]


def test_a_large_table_is_stored_in_groups_that_fit_in_memory(path):
    write_rows(path, [make_rows(NEGATIVE, _columns(300_000))])
    with pq.ParquetFile(path) as file:
        assert max(file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)) <= 131_072
    assert read_rows(path, columns=["sample"])["sample"].to_pylist() == list(range(300_000))
