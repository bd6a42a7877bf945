"""Files and folders are there whole or not at all."""

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from negatoscope.errors import DataError, OutputError
from negatoscope.files import expect_free, remove_leftovers, sha256_of, write_whole, writing, writing_folder


@pytest.mark.parametrize("content", [b"", b"a", b"\0" * 100_000], ids=["empty", "one byte", "many bytes"])
def test_a_file_has_its_content_and_its_folders_are_made(tmp_path: Path, content: bytes) -> None:
    write_whole(tmp_path / "new" / "folders" / "file", content)
    assert (tmp_path / "new" / "folders" / "file").read_bytes() == content
    assert [path.name for path in (tmp_path / "new" / "folders").iterdir()] == ["file"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"old")
    with suppress(ZeroDivisionError), writing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"half of the n")
        raise ZeroDivisionError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_a_block_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), writing_folder(tmp_path / "folder") as temporary:
        (temporary / "first").write_bytes(b"1")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "file/below", "n" * 300], ids=["a folder", "below a file", "too long"])
def test_a_place_that_cannot_be_written_is_one_sentence_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"^cannot write .*; give another place or make room$"):
        write_whole(tmp_path / name, b"new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize("path", [".", ""])
def test_a_place_without_a_name_of_its_own_is_one_sentence(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a mistake in what is tested may cost this folder, and no other
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(Path(path), b"new")
    with pytest.raises(OutputError, match="cannot write"), writing_folder(Path(path)) as temporary:
        (temporary / "file").write_bytes(b"new")


def test_a_file_where_a_folder_should_be_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"/file/below: /.*/file is a file, not a folder; give another place"):
        write_whole(tmp_path / "file" / "below", b"new")


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".rows.parquet.12.tmp", ".12.tmp", ".notes.tmp", "rows.12.tmp", "below/.x.1.tmp"):
        write_whole(tmp_path / name, b"half")
    write_whole(tmp_path / ".folder.345.tmp" / "half", b"half")
    remove_leftovers([tmp_path, tmp_path / "none"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".12.tmp", ".notes.tmp", "below", "rows.12.tmp"]
    assert (tmp_path / "below" / ".x.1.tmp").exists()


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="this system has no limits on file sizes")
    write_whole(tmp_path / "file", b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(
            OutputError, match=r"^cannot write .*file: File too large; give another place or make room$"
        ):
            write_whole(tmp_path / "file", b"n" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    contents = [bytes([letter]) * 300_000 for letter in b"ab"]
    write_whole(tmp_path / "file", contents[0])

    def write_often() -> None:
        for content in contents * 10:
            write_whole(tmp_path / "file", content)

    writer = threading.Thread(target=write_often)
    writer.start()
    while writer.is_alive():
        assert (tmp_path / "file").read_bytes() in contents
    writer.join()


def test_a_folder_appears_with_all_of_its_files(tmp_path: Path) -> None:
    with writing_folder(tmp_path / "new" / "folder") as temporary:
        (temporary / "first").write_bytes(b"1")
        assert not (tmp_path / "new" / "folder").exists()
        (temporary / "second").write_bytes(b"2")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()} == {
        "first": b"1",
        "second": b"2",
    }
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["folder"]


def test_a_folder_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_bytes(b"old")
    with pytest.raises(OutputError, match="cannot write"), writing_folder(tmp_path / "folder") as temporary:
        (temporary / "new").write_bytes(b"new")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "old"]


def test_what_a_killed_process_of_the_same_id_left_does_not_matter(tmp_path: Path) -> None:
    leftover = tmp_path / f".folder.{os.getpid()}.tmp"
    leftover.mkdir()
    (leftover / "half").write_bytes(b"ha")
    with writing_folder(tmp_path / "folder") as temporary:
        (temporary / "whole").write_bytes(b"whole")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "whole"]


@pytest.mark.parametrize("size_bytes", [0, 1, (1 << 22) - 1, 1 << 22, (1 << 22) + 1])
def test_sha256_is_that_of_hashlib(tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["missing", "."], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"^expected a readable file, but .* cannot be read: [A-Z]"):
        sha256_of(tmp_path / name)


def test_a_folder_in_which_somebody_writes_or_was_killed_as_it_began_is_free(tmp_path: Path) -> None:
    (tmp_path / f".plan.json.{os.getpid()}.tmp").touch()
    (tmp_path / ".lock").touch()
    expect_free(tmp_path, own=(".lock",), what="an audit")
    (tmp_path / ".plan.tmp").touch()
    with pytest.raises(OutputError, match=r"to be empty or to hold an audit, got \.plan\.tmp; give another --out$"):
        expect_free(tmp_path, own=(".lock",), what="an audit")
