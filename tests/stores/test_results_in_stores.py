"""Results at a URL are those on the disk, byte for byte, however often a run is stopped, and one writes at a time."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

import negatoscope
from negatoscope import result_folder as results
from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.cache import cache_folder
from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError, OutputError, StoreError
from negatoscope.result_folder import LOCK, result_folder
from negatoscope.stores import StorePath
from negatoscope.types import Images, Logits

from .conftest import put

MODULE = """
import torch


def bright():
    class Reader(torch.nn.Module):
        def forward(self, images):
            rows = images.mean(dim=(1, 3))
            return 9 * torch.stack([rows[:, 2 * bar : 2 * bar + 2].mean(1) for bar in range(3)], dim=1)

    return Reader()
"""
SUITE = ("--suite", "none", "--transform", "negative", "--transform", "noise(l2=1.0)")
Audit = Callable[..., AuditResult]


def brightest_bar(images: Images) -> Logits:
    """Reads `make_dataset`'s bars as a person would, but not their negatives."""
    rows = images.mean(dim=(1, 3))
    return 9 * torch.stack([rows[:, 2 * bar : 2 * bar + 2].mean(1) for bar in range(3)], dim=1)


@pytest.fixture
def audit(make_dataset: Callable[..., Dataset]) -> Audit:
    """An audit of 2,100 images in two parts."""
    dataset = make_dataset(2100, split="test")

    def made(out: str | Path, **more: object) -> AuditResult:
        chosen = {"suite": "none", "transforms": ("negative", "noise(l2=1.0)"), "size": 8, "channels": "gray", **more}
        return negatoscope.audit(brightest_bar, dataset, out=out, **chosen)  # type: ignore[arg-type]

    return made


@pytest.fixture
def place(make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's folder: a module with a reader, and images in folders of classes."""
    (tmp_path / "store_reader.py").write_text(MODULE)
    dataset = make_dataset(150, split="test")
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        folder = tmp_path / "images" / dataset.class_names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(folder / f"{index:03d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def files_of(folder: Path | StorePath) -> dict[str, bytes]:
    """Every file by its path, but locks and what names the time that a page was made."""
    if isinstance(folder, StorePath):
        return {name: (folder / name).read_bytes() for name in folder.entries()}
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return {name: (folder / name).read_bytes() for name in names if not name.endswith(".lock")}


def test_results_by_url_are_those_on_the_disk(store: StorePath, audit: Audit, tmp_path: Path) -> None:
    disk = audit(tmp_path / "a")
    there = audit(f"{store}/audits/a/")
    assert there.rows().equals(disk.rows())
    assert there.summary == disk.summary
    assert str(there.out).endswith("/a"), "while the result lasts its files are at hand"
    assert files_of(store / "audits/a") == files_of(tmp_path / "a")
    left = {path.name.partition(".")[2] for path in (cache_folder() / "stores").iterdir()}
    assert left == {"lock"}, "nothing of it is left in the cache"
    read = read_audit(f"{store}/audits/a")
    assert read.summary == disk.summary
    assert read.rows().equals(disk.rows())


class Killed(BaseException):
    """As if the process had been killed: nothing that ends a run in order is to count."""


@pytest.mark.parametrize("stop", [0, 2, 4, 6, 8, 12])
def test_a_run_that_is_killed_between_objects_resumes_with_the_same_bytes(
    stop: int, memory: StorePath, audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(tmp_path / "a")
    done = []

    def counted(change: Callable[..., None]) -> Callable[..., None]:
        def changed(self: StorePath, *others: object) -> None:
            if len(done) == stop:
                raise Killed
            done.append(self)
            change(self, *others)

        return changed

    with monkeypatch.context() as patched:
        for name in ("upload", "move", "remove"):
            patched.setattr(StorePath, name, counted(getattr(StorePath, name)))
        patched.setattr(results._Lock, "__exit__", lambda lock, *_: lock.ended.set())  # it stays, as after a kill
        with pytest.raises(Killed):
            audit(str(memory))
    with pytest.raises(DataError, match=f"expected a finished audit in '{memory}'|expected the folder of a finished"):
        read_audit(str(memory))
    audit(str(memory))
    assert files_of(memory) == files_of(tmp_path / "a")


@pytest.mark.slow
def test_a_command_that_is_killed_at_any_moment_resumes_with_the_same_rows(s3: StorePath, place: Path) -> None:
    put(place / "images", s3 / "images")
    audit = [sys.executable, "-m", "negatoscope.cli.main", "audit", "store_reader:bright", "--size", "8"]
    audit[1:3] = ["-c", "from negatoscope.cli.main import run; run()"]
    words = [*audit, "--channels", "gray", *SUITE, "--data", f"{s3}/images", "--out"]
    whole = subprocess.run([*words, "whole"], capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stderr
    began = time.monotonic()
    assert subprocess.run([*words, f"{s3}/first"], capture_output=True, check=False).returncode == 0
    seconds = time.monotonic() - began
    for _ in range(2):
        process = subprocess.Popen([*words, f"{s3}/b"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.5, 1.0) * seconds)
        process.kill()
        process.wait()
    last = subprocess.run([*words, f"{s3}/b"], capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    assert f"Written to {s3}/b: report.html" in last.stderr
    rows = {name: content for name, content in files_of(place / "whole").items() if name.startswith("rows.parquet/")}
    assert rows
    assert {name: files_of(s3 / "b")[name] for name in rows} == rows
    assert sorted(files_of(s3 / "b")) == sorted(files_of(place / "whole"))
    command = json.loads((s3 / "b/provenance.json").read_text())["command"]
    assert "--data images" in command, "of URLs the last part, as of paths"


def test_audits_by_url_are_compared_and_are_a_baseline(
    memory: StorePath, place: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    words = ("audit", "store_reader:bright", "--size", "8", "--channels", "gray", *SUITE, "--data", "images")
    code, _, err = command(*words, "--out", f"{memory}/a")
    assert code == 0, err
    code, _, err = command(*words, "--out", "b", "--baseline", f"{memory}/a")
    assert code == 0, err
    code, out, err = command("compare", f"{memory}/a", "b", "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)["paired"]
    code, _, err = command("compare", f"{memory}/none", "b")
    assert code == 2
    assert err == f"negatoscope: expected the folder of a finished audit in {memory}/none, got nothing; correct it\n"


def test_a_baseline_is_in_another_place_than_the_audit(store: StorePath, audit: Audit, tmp_path: Path) -> None:
    before = audit(f"{store}/a")
    for baseline in (f"{store}/a", f"{store}/a/"):
        with pytest.raises(InputError, match=rf"^expected --baseline in another folder than --out {store}/a, got the"):
            audit(f"{store}/a", baseline=baseline)
    assert read_audit(f"{store}/a").summary == before.summary
    assert audit(tmp_path / "b", baseline=f"{store}/a").passed


def test_searches_are_written_to_a_url(
    memory: StorePath, place: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    words = ("search", "store_reader:bright", "--size", "8", "--channels", "gray", "--data", "images")
    words = (*words, "--space", "tone", "--budget", "4", "--limit", "20", "--out")
    assert command(*words, "a")[0] == 0
    code, _, err = command(*words, f"{memory}/a")
    assert code == 0, err
    assert sorted(files_of(memory / "a")) == sorted(files_of(place / "a"))


def test_a_store_that_refuses_is_one_sentence_and_exit_code_2(
    s3: StorePath, place: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    words = ("audit", "store_reader:bright", "--size", "8", "--channels", "gray", *SUITE)
    for more in (
        ("--data", "images", "--out", "s3://no-such-bucket-here/a"),
        ("--data", "s3://no-such-bucket-here/images", "--out", "a"),
    ):
        code, _, err = command(*words, *more)
        assert code == 2
        assert "bucket does not exist; check the name, the credentials and the network" in err
        assert err.splitlines()[-1].startswith("negatoscope: cannot reach s3://no-such-bucket-here/")
    assert not (place / "a").exists()


def test_another_audit_is_refused_by_its_url_and_makes_room(
    memory: StorePath, audit: Audit, make_dataset: Callable[..., Dataset]
) -> None:
    audit(str(memory))

    def other(**more: object) -> AuditResult:
        chosen = {"suite": "none", "transforms": ("flip",), "size": 8, "channels": "gray", **more}
        return negatoscope.audit(brightest_bar, make_dataset(90, split="test"), out=str(memory), **chosen)  # type: ignore[arg-type]

    with pytest.raises(OutputError, match=rf"^expected {memory} to hold this audit or nothing, got another audit"):
        other()
    other(overwrite=True)
    assert list((memory / "rows.parquet").entries()) == ["000000.parquet"]


def test_what_is_no_result_is_refused_and_not_fetched(memory: StorePath, audit: Audit) -> None:
    (memory / "thesis.txt").write_bytes(b"mine")
    with pytest.raises(OutputError, match=rf"^expected {memory} to be empty or to hold an audit, got thesis.txt"):
        audit(str(memory))
    assert files_of(memory) == {"thesis.txt": b"mine"}


def test_a_name_that_leads_out_of_the_folder_is_refused(s3: StorePath, audit: Audit) -> None:
    (s3 / "a/plan.json").write_bytes(b"{}")
    (s3 / "a/parts/../../../escaped").write_bytes(b"x")
    with pytest.raises(DataError, match=r"got 'parts/../../../escaped', which leads out of it"):
        audit(f"{s3}/a")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that expire in a second."""
    monkeypatch.setattr(results, "RENEWED_SECONDS", 0.1)
    monkeypatch.setattr(results, "EXPIRED_SECONDS", 1.0)


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What comes now runs on another machine, which has a cache of its own."""
    monkeypatch.setenv("NEGATOSCOPE_CACHE_DIR", str(tmp_path / "another"))


def test_a_second_run_is_refused_while_the_first_one_lives(
    locking_store: StorePath, quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    busy = rf"^expected {locking_store}/a to be free, (but|got) another run"
    with result_folder(f"{locking_store}/a"):
        with pytest.raises(OutputError, match=busy), result_folder(f"{locking_store}/a"):
            pass
        with monkeypatch.context() as patched:
            elsewhere(patched, tmp_path)
            patched.setattr(results, "EXPIRED_SECONDS", 60.0)  # that the first run is at work is seen at once
            with pytest.raises(OutputError, match=busy), result_folder(f"{locking_store}/a"):
                pass
        assert list((locking_store / "a").entries()) == [LOCK]
    assert list((locking_store / "a").entries()) == []


def test_a_lock_that_nobody_renews_is_taken_over_and_the_earlier_run_writes_no_more(
    memory: StorePath, quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from negatoscope.files import write_whole

    (memory / LOCK).write_bytes(b"of a run on a machine that is gone 7")
    with result_folder(str(memory)) as folder:
        write_whole(folder / "a.json", b"1")
        (memory / LOCK).write_bytes(b"of another run that took over 1")
        time.sleep(0.5)
        with pytest.raises(StoreError, match="another one took over"):
            write_whole(folder / "b.json", b"2")
    assert list(memory.entries()) == [LOCK, "a.json"], "the lock of the other one stays"


def test_a_run_that_was_killed_here_is_not_waited_for(memory: StorePath, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(results._Lock, "__exit__", lambda lock, *_: lock.ended.set())
        with result_folder(str(memory)):
            pass
    monkeypatch.setattr(results._Lock, "_expect_expired", lambda lock, *_: pytest.fail("it was waited for"))
    with result_folder(str(memory)):
        pass
    assert list(memory.entries()) == []


def test_ctrl_c_leaves_no_lock(memory: StorePath) -> None:
    with pytest.raises(KeyboardInterrupt), result_folder(str(memory)):
        signal.raise_signal(signal.SIGINT)
    assert list(memory.entries()) == []
