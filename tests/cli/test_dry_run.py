"""`--dry-run`: a few lines or a document that say what would run, while nothing is run and nothing written."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from negatoscope.data import Dataset

Command = Callable[..., tuple[int, str, str]]

READER = """
import torch

def bright():
    class Reader(torch.nn.Module):
        def forward(self, images):
            rows = images.mean(dim=(1, 3))
            return 20 * torch.stack([rows[:, 2 * bar : 2 * bar + 2].mean(1) for bar in range(3)], dim=1)

    return Reader()
"""
VARIANTS = """
recipe = "sgd"
datasets = ["mnist_sample"]
variants = [{ name = "plain", experiments = ["a"], noise = true }]
[transforms]
mnist_sample = []
[data]
mnist_sample = "DIGITS"
"""
MODEL = ("--data", "folder:images", "--size", "8", "--channels", "gray")


@pytest.fixture
def place(make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's folder: a module with a reader, and images in folders of classes."""
    (tmp_path / "dry_readers.py").write_text(READER)
    dataset = make_dataset(120, split="test")
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        folder = tmp_path / "images" / dataset.class_names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(folder / f"{index:03d}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("audit", "dry_readers:bright", *MODEL, "--suite", "none", "--transform", "negative"),
            ["Audit of bright, clean and under 1 transform:", "1 part, 0 done: 1 to run", "shown to models 240 times"],
        ),
        (
            ("search", "dry_readers:bright", *MODEL, "--space", "tone", "--budget", "7"),
            ["Search of bright in tone:", "1 part, 0 done: 1 to run", "120 images, shown to models 840 times"],
        ),
        (
            ("reproduce", "table1", "--datasets", "DIGITS", "--recipe", "small.toml", "--fast", "--epsilons", "0,0.1"),
            ["2 runs, 0 done: 2 to run", "time not known: a smoke run is not timed"],
        ),
        (
            ("reproduce", "sensitivity", "--plan", "plan.toml", "--seeds", "2", "--fast", "--executor", "processes"),
            [
                "Study of few:",
                "4 runs, 0 done: 4 to run",
                "from a few steps of training and predicting timed here",
            ],
        ),
        (
            ("reproduce", "discussion", "--plan", "variants.toml", "--experiments", "a", "--seeds", "2", "--fast"),
            [
                "Discussion, experiment a:",
                "2 runs, 0 done: 2 to run",
                "estimated from a few steps of training and predicting",
            ],
        ),
        pytest.param(
            ("reproduce", "match", "--trials", "5"),
            ["Search for the pair of mnist: 5 recipes", "15 runs, 0 done: 15 to run", "counts 27 epochs, the mean"],
            marks=pytest.mark.data,
        ),
        (
            ("reproduce", "sequel", "--model", "dry_readers:bright", *MODEL[:-1], "rgb", "--trials", "6"),
            [
                "Sequel with dry_readers:bright:",
                "1 classifier, 0 done: 1 to run",
                "120 images, shown to models 840 times",
            ],
        ),
    ],
    ids=["audit", "search", "table1", "sensitivity", "discussion", "match", "sequel"],
)
def test_nothing_is_written(
    words: tuple[str, ...], said: list[str], negatoscope: Command, place: Path, few_digits: str, few_runs: str
) -> None:
    (place / "plan.toml").write_text(few_runs)
    (place / "variants.toml").write_text(VARIANTS.replace("DIGITS", few_digits))
    (place / "small.toml").write_text(f'name = "small"\ndata = "{few_digits}"\nvalidation_size = 40\nepochs = 1\n')
    given = [few_digits if word == "DIGITS" else word for word in words]
    before = {path for path in place.rglob("*") if "cache" not in str(path)}
    code, out, err = negatoscope(*given, "--dry-run", "--out", "out")
    assert code == 0, err
    for text in (*said, "Nothing was run and nothing was written."):
        assert text in out
    assert {path for path in place.rglob("*") if not {"__pycache__", "negatoscope-cache"} & set(path.parts)} == before


def test_json_has_the_numbers_of_each_model(negatoscope: Command, place: Path) -> None:
    words = ("dry_readers:bright", "dry_readers:bright", *MODEL, "--suite", "none", "--format", "json")
    code, out, err = negatoscope("audit", *words, "--dry-run")
    assert code == 0, err
    runs = json.loads(out)
    assert [(run["jobs"], run["done"], run["images"], run["passes"]) for run in runs] == [(1, 0, 120, 120)] * 2
    assert all(run["seconds"] > 0 and run["size_bytes"] > 0 for run in runs)
    code, out, _ = negatoscope("audit", *words[:-1], "csv", "--dry-run")
    assert (code, out.count("\n"), out.startswith("title,noun,jobs,done,workers,images,passes,")) == (0, 3, True)


def test_results_in_a_store_are_counted_by_their_names(negatoscope: Command, place: Path) -> None:
    pytest.importorskip("fsspec")
    words = ("audit", "dry_readers:bright", *MODEL, "--suite", "none", "--out", "memory://dry/audit")
    assert "1 part, 0 done" in negatoscope(*words, "--dry-run")[1]
    assert negatoscope(*words)[0] == 0
    assert "1 part, 1 done: 0 to run" in negatoscope(*words, "--dry-run")[1]


@pytest.mark.parametrize("command", ["table1", "sensitivity", "discussion", "match", "sequel"])
def test_a_dry_run_of_files_that_are_made_anew_is_refused(command: str, negatoscope: Command, place: Path) -> None:
    code, _, err = negatoscope("reproduce", command, "--dry-run", "--only-report")
    assert (code, err) == (2, "negatoscope: expected --only-report or --dry-run, got both; leave one out\n")
