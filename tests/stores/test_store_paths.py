"""Files by URL behave as files do, and a store that cannot be reached says why in one sentence."""

import gzip
import pickle
from pathlib import Path

import pytest

from negatoscope.errors import InputError, MissingExtraError, StoreError
from negatoscope.stores import StorePath, path_of


def test_a_text_is_a_path_unless_it_is_a_url() -> None:
    assert path_of("a/b:test") == Path("a/b:test")
    assert path_of("~/a") == Path.home() / "a"
    assert path_of("file:///tmp/a%20b") == Path("/tmp/a b")
    assert path_of("s3://bucket/a/") == StorePath("s3://bucket/a")
    assert str(path_of("S3://Bucket/A b?c#d")) == "s3://Bucket/A b?c#d"


def test_a_url_of_an_unknown_store_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"begins with one of s3://, gs://, memory://, file://, got 's4://a'"):
        path_of("s4://a")


@pytest.mark.parametrize("url", ["s3://", "s3://bucket/../a", "s3://bucket/.", "memory://a//b"])
def test_a_url_whose_parts_are_no_names_is_one_sentence(url: str) -> None:
    with pytest.raises(
        InputError, match=r"^expected names between the slashes of '.*', got none, '\.' or '\.\.'; correct"
    ):
        path_of(url)


def test_a_store_whose_package_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    with pytest.raises(MissingExtraError, match="gs:// needs gcsfs: pip install"):
        StorePath("gs://bucket/a").exists()


def test_parts_of_a_url_are_those_of_a_path() -> None:
    path = StorePath("s3://bucket/a") / "b.tar.gz"
    assert (path.name, path.suffix, path.stem, str(path.parent)) == ("b.tar.gz", ".gz", "b.tar", "s3://bucket/a")
    assert pickle.loads(pickle.dumps(path)) == path


def test_objects_are_listed_as_folders_are(store: StorePath) -> None:
    for name in ("a.parquet", "b/c.txt", "b/d/e.txt", ".hidden.parquet"):
        (store / name).write_bytes(name.encode())
    assert [path.name for path in store.iterdir()] == [".hidden.parquet", "a.parquet", "b"]
    assert [path.is_dir() for path in store.iterdir()] == [False, False, True]
    assert store.glob("[!.]*.parquet") == [store / "a.parquet"]
    assert (store / "none").glob("*") == []
    assert store.entries() == {".hidden.parquet": 15, "a.parquet": 9, "b/c.txt": 7, "b/d/e.txt": 9}
    assert (store / "b").entries() == {"c.txt": 7, "d/e.txt": 9}
    assert [(store / name).exists() for name in ("a.parquet", "b", "no")] == [True, True, False]
    assert ((store / "b").is_file(), (store / "b").is_dir()) == (False, True)


def test_an_object_is_read_as_a_file_is(store: StorePath, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000  # more than two blocks
    path = store / "numbers"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert file.read(3) == content[:3]
        file.seek(-5, 2)
        assert file.read() == content[-5:]
        assert file.read(1) == b""
        file.seek(9_000_000)
        assert file.read(70_000) == content[9_000_000:9_070_000]
        file.seek(0)
        assert file.read() == content
    (store / "nothing").write_bytes(b"")
    assert (store / "nothing").open().read() == b""
    (store / "packed").write_bytes(gzip.compress(content))
    with gzip.open((store / "packed").open()) as file:
        assert file.read() == content
    with pytest.raises(FileNotFoundError):
        (store / "none").open()


def test_a_new_object_is_written_once(locking_store: StorePath) -> None:
    (locking_store / "lock").write_bytes(b"mine", new=True)
    with pytest.raises(FileExistsError):
        (locking_store / "lock").write_bytes(b"yours", new=True)
    assert (locking_store / "lock").read_text() == "mine"


def test_objects_are_moved_and_removed(store: StorePath) -> None:
    for name in ("a/done.json", "a/rows", "a/b/rows", "ab"):
        (store / name).write_bytes(b"x")
    (store / "a/rows").move(store / "c/rows")
    (store / "a").remove()
    assert list(store.entries()) == ["ab", "c/rows"]
    (store / "ab").remove()
    (store / "nothing").remove()
    assert list(store.entries()) == ["c/rows"]


def test_a_bucket_that_is_not_there_is_one_sentence(s3: StorePath) -> None:
    missing = StorePath("s3://no-such-bucket-at-all/a")
    for ask in (missing.exists, missing.open, lambda: missing.write_bytes(b"x")):
        with pytest.raises(StoreError, match=r"^cannot reach s3://no-such-bucket-at-all/a: .*bucket does not exist; "):
            ask()


def test_missing_credentials_are_one_sentence(s3: StorePath, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(StoreError, match=r"Unable to locate credentials; check the name, the credentials and the"):
        (s3 / "a").exists()


def test_no_network_is_one_sentence(s3: StorePath, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    with pytest.raises(StoreError, match="Could not connect to the endpoint URL"):
        (s3 / "a").exists()
