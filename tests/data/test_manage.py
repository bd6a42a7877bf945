import gzip
import hashlib
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from negatoscope.data import DATASETS, DataLocator, Dataset, gtsrb, load_dataset, register_dataset
from negatoscope.data.cache import downloads_folder, lock_of
from negatoscope.data.manage import clean, fetch, list_datasets, verify
from negatoscope.data.npz import open_npz
from negatoscope.data.prepare import prepared, prepared_folder
from negatoscope.data.sources import OfficialFile, Source, sources
from negatoscope.errors import DataError, DataNotFoundError, OutputError, SpecError
from negatoscope.stores import StorePath, folder_for, note_of

LABELS = "t10k-labels-idx1-ubyte.gz"
TEST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
TRAIN_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)


def idx_file(values: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.tobytes(), compresslevel=1, mtime=0)


@pytest.fixture(scope="module")
def mnist_files() -> dict[str, bytes]:
    """Four files that have all that MNIST's have, but other images."""
    files = {}
    for prefix, counts in (("train", TRAIN_COUNTS), ("t10k", TEST_COUNTS)):
        labels = np.repeat(np.arange(10, dtype=np.uint8), counts)
        files[f"{prefix}-images-idx3-ubyte.gz"] = idx_file(np.zeros((len(labels), 28, 28), np.uint8))
        files[f"{prefix}-labels-idx1-ubyte.gz"] = idx_file(labels)
    return files


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the given files the official ones of MNIST, at the given addresses."""

    def change(files: dict[str, bytes], *addresses: str) -> None:
        official = {name: OfficialFile(hashlib.md5(c).hexdigest(), len(c)) for name, c in files.items()}
        monkeypatch.setitem(sources(), "mnist", replace(sources()["mnist"], addresses=addresses, files=official))

    return change


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist_files: dict[str, bytes]) -> Iterator[str]:
    """The address of a web server that gives the files."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    folder = fill(tmp_path / "served", mnist_files)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def states(**places: Path) -> dict[str, str]:
    return {entry.name: entry.state for entry in list_datasets(**places)}


def test_the_list_shows_where_each_dataset_is_and_whether_it_is_official(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist_files: dict[str, bytes], publish: Callable[..., None]
) -> None:
    assert states() == {**states(), "mnist": "not here", "gtsrb": "not here", "folder": "elsewhere"}
    folder = fill(tmp_path / "data" / "mnist", mnist_files)
    entry = next(entry for entry in list_datasets(data_dir=tmp_path / "data") if entry.name == "mnist")
    assert (entry.state, entry.origin, entry.folder, entry.missing) == ("unofficial copy", "--data-dir", folder, ())
    assert entry.title == sources()["mnist"].title
    assert entry.license == sources()["mnist"].license
    assert entry.size_bytes == 11_594_722
    digests = {file.name: file.sha256 for file in entry.files}
    assert digests == {name: hashlib.sha256(content).hexdigest() for name, content in mnist_files.items()}
    publish(mnist_files)
    monkeypatch.setenv("NEGATOSCOPE_DATA_DIR", str(tmp_path / "data"))
    entry = next(entry for entry in list_datasets() if entry.name == "mnist")
    assert (entry.state, entry.origin) == ("official", "NEGATOSCOPE_DATA_DIR")
    (folder / LABELS).unlink()
    entry = next(entry for entry in list_datasets() if entry.name == "mnist")
    assert (entry.state, entry.missing) == ("incomplete", (LABELS,))


def test_the_list_shows_what_is_damaged_in_the_cache(mnist_files: dict[str, bytes]) -> None:
    fill(downloads_folder() / "mnist", mnist_files)
    assert states()["mnist"] == "damaged"


def test_a_valid_unofficial_copy_loads_and_passes(tmp_path: Path, mnist_files: dict[str, bytes]) -> None:
    fill(tmp_path / "mnist", mnist_files)
    rows = verify(["mnist"], data_dir=tmp_path)
    assert [row.path.name for row in rows] == list(sources()["mnist"].files)
    for row in rows:
        assert (row.official, row.problem, row.origin) == (False, "", "--data-dir")
        assert row.sha256 == hashlib.sha256(mnist_files[row.path.name]).hexdigest()
    dataset = load_dataset("mnist", split="test", data_dir=tmp_path)
    assert not dataset.official
    assert np.bincount(dataset.labels).tolist() == list(TEST_COUNTS)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda right: right[: len(right) // 2], "expected a gzip file"),
        (lambda right: idx_file(np.zeros(10_000, np.uint8)), "expected 980 images of class 0"),
        (lambda right: b"", "expected an IDX file"),
        (None, "it is missing"),
    ],
)
def test_a_file_with_wrong_content_fails_by_name(
    tmp_path: Path, mnist_files: dict[str, bytes], content: Callable[[bytes], bytes] | None, problem: str
) -> None:
    folder = fill(tmp_path / "mnist", mnist_files)
    if content is None:
        (folder / LABELS).unlink()
    else:
        (folder / LABELS).write_bytes(content(mnist_files[LABELS]))
    (wrong,) = (row for row in verify(data_dir=tmp_path) if row.problem)
    assert wrong.path == folder / LABELS
    assert problem in wrong.problem


def test_in_the_cache_only_official_files_pass(mnist_files: dict[str, bytes], publish: Callable[..., None]) -> None:
    fill(downloads_folder() / "mnist", mnist_files)
    rows = verify(["mnist"])
    assert all("run negatoscope data fetch mnist" in row.problem for row in rows)
    publish(mnist_files)
    assert [(row.official, row.problem, row.origin) for row in verify(["mnist"])] == [(True, "", "cache")] * 4


def test_files_of_fashion_mnist_are_not_held_against_mnist_unless_it_is_named(
    tmp_path: Path, mnist_files: dict[str, bytes]
) -> None:
    counts = {"train": 6000, "t10k": 1000}
    names = {f"{prefix}-labels-idx1-ubyte.gz": count for prefix, count in counts.items()}
    labels = {name: idx_file(np.arange(10, dtype=np.uint8).repeat(count)) for name, count in names.items()}
    fill(tmp_path / "flat", mnist_files | labels)
    rows = [row for row in verify(data_dir=tmp_path / "flat") if row.origin == "--data-dir"]
    assert [(row.dataset, row.problem) for row in rows] == [("fashion_mnist", "")] * 4
    assert sum(bool(row.problem) for row in verify(["mnist"], data_dir=tmp_path / "flat")) == 2


def test_every_member_of_a_zip_is_checked(tmp_path: Path) -> None:
    image = b"P6\n8 8\n255\n" + bytes(192)
    names = [f"GTSRB/Final_Test/Images/{index:05d}.ppm" for index in range(50)]
    lines = [f"{name[-9:]};8;8;0;0;7;7;{index % 43}" for index, name in enumerate(names)]
    table = "\n".join(["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId", *lines])
    for file, members in {
        gtsrb.TEST_IMAGES: dict.fromkeys(names, image),
        gtsrb.TEST_TABLE: {"GT-final_test.csv": table.encode()},
    }.items():
        with zipfile.ZipFile(tmp_path / file, "w") as opened:
            for name, content in members.items():
                opened.writestr(name, content)
    problems = {row.path.name: row.problem for row in verify(["gtsrb"], data_dir=tmp_path)}
    for file in (gtsrb.TEST_IMAGES, gtsrb.TEST_TABLE):
        assert "expected 12630 images of 43 classes" in problems[file]
    assert "missing" in problems[gtsrb.TRAIN_IMAGES]
    content = bytearray((tmp_path / gtsrb.TEST_IMAGES).read_bytes())
    content[content.index(names[33].encode()) + 60] ^= 1
    (tmp_path / gtsrb.TEST_IMAGES).write_bytes(content)
    (problem,) = (r.problem for r in verify(["gtsrb"], data_dir=tmp_path) if r.path.name == gtsrb.TEST_IMAGES)
    assert f"{names[33]} in" in problem
    assert "damaged member" in problem


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A published dataset of one .npz, registered as `register_dataset` shows it, and a folder with its file."""
    sources()
    monkeypatch.setattr("negatoscope.data.sources._SOURCES", dict(sources()))
    monkeypatch.setattr(DATASETS, "_functions", dict(DATASETS._functions))
    np.savez(tmp_path / "tiny.npz", x_test=np.zeros((4, 8, 8), np.uint8), y_test=np.array([0, 1, 0, 1]))
    content = (tmp_path / "tiny.npz").read_bytes()
    source = Source(
        name="tiny",
        title="Tiny images of cats and dogs",
        citation="Nobody 2000, Tiny images",
        license="CC0 1.0",
        home="https://example.org/tiny/",
        class_names=("cat", "dog"),
        addresses=("https://example.org/tiny/files/",),
        counts={"train": 0, "test": 4},
        files={"tiny.npz": OfficialFile(hashlib.md5(content).hexdigest(), len(content))},
    )

    @register_dataset(source=source)
    def tiny(locator: DataLocator, split: str) -> Dataset:
        """Tiny images."""
        path = locator.find("tiny")["tiny.npz"].path
        return replace(open_npz(path, split), spec="tiny", class_names=source.class_names)

    return tmp_path


def test_a_published_dataset_in_a_file_of_any_kind_is_listed_loaded_and_verified(tiny: Path) -> None:
    assert states(data_dir=tiny)["tiny"] == "official"
    dataset = load_dataset("tiny", split="test", data_dir=tiny)
    assert (dataset.spec, dataset.class_names, dataset.labels.tolist()) == ("tiny", ("cat", "dog"), [0, 1, 0, 1])
    (row,) = verify(["tiny"], data_dir=tiny)
    assert (row.path.name, row.official, row.problem) == ("tiny.npz", True, "")
    (tiny / "tiny.npz").write_bytes(b"something else")
    (row,) = verify(["tiny"], data_dir=tiny)
    assert not row.official
    assert row.problem == f"expected the official file in {row.path}, got another; run negatoscope data fetch tiny"


def test_a_published_dataset_with_a_check_of_its_own_has_unofficial_copies(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = replace(sources()["tiny"], check=lambda paths, name: open_npz(paths[name], "test"))
    monkeypatch.setitem(sources(), "tiny", checked)
    np.savez(tiny / "tiny.npz", x_test=np.ones((2, 8, 8), np.uint8), y_test=np.array([1, 0]))
    (row,) = verify(["tiny"], data_dir=tiny)
    assert (row.official, row.problem) == (False, "")
    (tiny / "tiny.npz").write_bytes(b"something else")
    (row,) = verify(["tiny"], data_dir=tiny)
    assert row.problem.startswith("expected an .npz file in ")


def test_names_that_cannot_be_verified_or_fetched_are_reported() -> None:
    for ask in (fetch, lambda name: verify([name])):
        with pytest.raises(SpecError, match=r"did you mean 'mnist'\?"):
            ask("mnits")
        with pytest.raises(SpecError, match="got 'folder', whose files nobody publishes"):
            ask("folder")
    with pytest.raises(DataNotFoundError, match="run negatoscope data fetch gtsrb"):
        verify(["gtsrb"])


def test_fetching_downloads_once_and_mends_what_is_damaged(
    served: str, mnist_files: dict[str, bytes], publish: Callable[..., None]
) -> None:
    publish(mnist_files, served)
    entry, downloaded = fetch("mnist")
    assert downloaded
    assert (entry.state, entry.origin, entry.folder) == ("official", "cache", downloads_folder() / "mnist")
    assert load_dataset("mnist", split="test").official
    assert not fetch("mnist")[1]
    (downloads_folder() / "mnist" / LABELS).write_bytes(b"damaged")
    with pytest.raises(DataError, match="run negatoscope data fetch mnist"):
        load_dataset("mnist", split="train")
    entry, downloaded = fetch("mnist")
    assert downloaded
    assert entry.state == "official"


def test_fetching_leaves_a_copy_of_the_users_alone(tmp_path: Path, mnist_files: dict[str, bytes]) -> None:
    fill(tmp_path / "mnist", mnist_files)
    entry, downloaded = fetch("mnist", data_dir=tmp_path)
    assert not downloaded
    assert entry.state == "unofficial copy"
    assert not downloads_folder().exists()


def make_arrays(name: str) -> None:
    prepared({"dataset": name}, lambda: {"images": np.zeros(1000, np.uint8)})


def leave_remains(name: str) -> Path:
    """What a process killed while it prepared leaves."""
    folder = prepared_folder() / f".{name}.123456.tmp"
    folder.mkdir(parents=True)
    (folder / "images.npy").write_bytes(bytes(500))
    return folder


def test_cleaning_removes_prepared_arrays_and_remains_and_counts_their_bytes(mnist_files: dict[str, bytes]) -> None:
    make_arrays("one")
    make_arrays("two")
    downloaded = fill(downloads_folder() / "mnist", mnist_files)
    (downloaded / "tmpa1b2c3d4").write_bytes(bytes(300))
    leave_remains("three-0123456789abcdef")
    expected = 300 + sum(path.stat().st_size for path in prepared_folder().rglob("*") if path.is_file())
    done = clean()
    assert done.size_bytes == expected
    assert len(done.removed) == 4
    assert done.in_use == ()
    assert [path for path in prepared_folder().iterdir() if path.suffix != ".lock"] == []
    assert sorted(path.name for path in downloaded.iterdir()) == sorted(mnist_files)
    assert clean().size_bytes == 0
    make_arrays("one")


def test_cleaning_removes_downloads_only_if_asked(mnist_files: dict[str, bytes]) -> None:
    downloaded = fill(downloads_folder() / "mnist", mnist_files)
    assert clean().removed == ()
    assert clean(downloads=True).size_bytes == sum(map(len, mnist_files.values()))
    assert not downloaded.exists()


def test_cleaning_leaves_what_another_process_works_on() -> None:
    make_arrays("one")
    (folder,) = (path for path in prepared_folder().iterdir() if path.is_dir())
    remains = leave_remains(folder.name)
    with FileLock(lock_of(folder)):
        done = clean()
    assert done.in_use == (folder,)
    assert done.removed == ()
    assert folder.is_dir()
    assert remains.is_dir()


def test_cleaning_removes_results_that_a_killed_run_was_to_send_to_a_store_but_not_those_of_one_that_runs() -> None:
    killed, running = (folder_for(StorePath(f"s3://bucket/{name}")) for name in ("killed", "running"))
    for folder in (killed, running):
        folder.mkdir(parents=True)
        (folder / "rows.parquet").write_bytes(bytes(200))
        note_of(folder).write_bytes(bytes(20))
    with FileLock(lock_of(running)):
        done = clean()
    assert (done.size_bytes, done.removed, done.in_use) == (220, (killed, note_of(killed)), (running,))
    assert not killed.exists()
    assert not note_of(killed).exists()
    assert running.is_dir()


def test_cleaning_a_cache_that_is_not_there_removes_nothing() -> None:
    assert clean(downloads=True).removed == ()


def test_cleaning_where_nothing_can_be_removed_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_arrays("one")
    (folder,) = (path for path in prepared_folder().iterdir() if path.is_dir())
    lock_of(folder).unlink()
    lock_of(folder).mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        clean()
    assert folder.is_dir()


@pytest.mark.data
def test_the_real_data_pass() -> None:
    rows = verify()
    assert [row.problem for row in rows] == [""] * len(rows)
    assert {"mnist", "gtsrb"} <= {row.dataset for row in rows}
