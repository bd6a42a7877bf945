import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from negatoscope.data.prepare import prepared, prepared_folder
from negatoscope.errors import DataError, OutputError

KEY = {"dataset": "numbers", "sha256": "00", "size": 3}

# Adds a line to the file "made" whenever the arrays are made, and takes its time over it.
PREPARE = """
import time
from pathlib import Path
import numpy as np
from negatoscope.data.prepare import prepared

def make():
    with Path("made").open("a") as file:
        file.write("made\\n")
    time.sleep(0.5)
    return {"images": np.arange(100_000)}

print(prepared({"dataset": "numbers"}, make)["images"].sum())
"""

# Stops for ever between the first and the second array.
STOP_HALF_WAY = """
import time
from collections.abc import Mapping
from pathlib import Path
import numpy as np
from negatoscope.data.prepare import prepared

class HalfWay(dict):
    def items(self):
        yield "images", np.arange(100_000)
        Path("half").touch()
        time.sleep(100)

prepared({"dataset": "numbers"}, HalfWay)
"""


def run(script: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", script], cwd=folder, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 50,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def visible() -> list[str]:
    return [path.name for path in prepared_folder().iterdir() if path.suffix != ".lock"]


def test_arrays_are_made_once_and_then_read() -> None:
    made = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"images": np.arange(12).reshape(3, 4), "labels": np.arange(3)}

    first, second = prepared(KEY, make), prepared(KEY, make)
    assert len(made) == 1
    for name, array in make().items():
        for got in (first[name], second[name]):
            np.testing.assert_array_equal(got, array)
            assert isinstance(got, np.memmap)
            assert not got.flags.writeable


def test_every_part_of_the_key_counts() -> None:
    keys = [KEY, {**KEY, "dataset": "letters"}, {**KEY, "sha256": "01"}, {**KEY, "size": 4}]
    for value, key in enumerate(keys):
        prepared(key, lambda value=value: {"images": np.array([value])})
    assert [int(prepared(key, dict)["images"][0]) for key in keys] == [0, 1, 2, 3]


def test_what_fails_while_it_is_made_leaves_nothing_and_can_be_tried_again() -> None:
    def fail() -> dict[str, np.ndarray]:
        raise DataError("expected an image")

    with pytest.raises(DataError, match="expected an image"):
        prepared(KEY, fail)
    assert visible() == []
    assert prepared(KEY, lambda: {"images": np.ones(2)})["images"].sum() == 2


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_one_sentence_and_leaves_nothing() -> None:
    with pytest.raises(OutputError, match=r"cannot write .*numbers-.*: the disk may be full \(.*\); give"):
        prepared(KEY, lambda: {"labels": np.arange(3), "images": np.zeros(100_000)})
    assert visible() == []


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEGATOSCOPE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match="cannot write"):
        prepared(KEY, lambda: {"images": np.zeros(1)})


@pytest.mark.parametrize("damage", ["cut", "emptied", "no manifest"])
def test_damaged_arrays_are_reported_with_what_to_do(damage: str) -> None:
    prepared(KEY, lambda: {"images": np.zeros(1000)})
    (folder,) = (path for path in prepared_folder().iterdir() if path.is_dir())
    if damage == "cut":
        os.truncate(folder / "images.npy", 500)
    else:
        (folder / ("images.npy" if damage == "emptied" else "key.json")).unlink()
    with pytest.raises(DataError, match="run negatoscope data clean"):
        prepared(KEY, dict)


def test_two_processes_at_once_make_the_arrays_once_and_both_get_them(tmp_path: Path) -> None:
    runs = [run(PREPARE, tmp_path) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in runs] == [str(sum(range(100_000)))] * 2
    assert [process.returncode for process in runs] == [0, 0]
    assert (tmp_path / "made").read_text() == "made\n"


def test_a_process_killed_half_way_leaves_no_arrays_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    process = run(STOP_HALF_WAY, tmp_path)
    while not (tmp_path / "half").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (remains,) = visible()
    assert remains.startswith(".numbers-")
    assert (prepared_folder() / remains / "images.npy").exists()
    arrays = prepared({"dataset": "numbers"}, lambda: {"images": np.arange(4)})
    assert arrays["images"].tolist() == [0, 1, 2, 3]
    (folder,) = visible()
    assert not folder.startswith(".")
