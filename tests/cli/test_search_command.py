"""`negatoscope search` as a shell calls it: files in, a folder with what was found out."""

import csv
import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

Command = Callable[..., tuple[int, str, str]]

READERS = """
import torch
from sklearn.datasets import load_digits

def _nearest(scale):
    images, labels = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
    means = torch.stack([images[labels == digit].mean(0) / 16 for digit in range(10)]).float()
    layer = torch.nn.Linear(64, 10)
    layer.load_state_dict({"weight": scale * means, "bias": -scale * 0.5 * (means**2).sum(1)})
    return torch.nn.Sequential(torch.nn.Flatten(), layer).eval()

def nearest():
    return _nearest(2.0)

def nearest_negative_too():
    network = _nearest(2.0)
    class Either(torch.nn.Module):
        def forward(self, images):
            return torch.maximum(network(images), network(1 - images))
    return Either()
"""
SPACE = "translation(right=-0.125..0.125, down=-0.125..0.125)"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Real digits as files, and classifiers that know their means."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images * 255 / 16).round().astype(np.uint8).reshape(-1, 8, 8)
    for index, (image, label) in enumerate(zip(pixels[:120], labels[:120], strict=True)):
        folder = tmp_path / "digits" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index:03d}.png")
    (tmp_path / "digit_readers.py").write_text(READERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def words(*more: str) -> list[str]:
    fixed = "search digit_readers:nearest --data folder:digits --size 8 --channels gray --budget 6"
    return [*shlex.split(fixed), "--space", SPACE, *more]


def test_search_writes_what_it_found_and_prints_it(negatoscope: Command, place: Path) -> None:
    code, out, error = negatoscope(*words("--out", "found"))
    assert code == 0, error
    document = json.loads((place / "found" / "search.json").read_text(encoding="utf-8"))
    assert f"**{document['verdict']}**" in out
    assert (document["n"], document["budget"], document["strategy"]) == (120, 6, "local")
    assert document["accuracy_under_attack"]["accuracy"] < document["clean_accuracy"]
    assert {"accuracy", "low", "high"} == document["accuracy_under_attack"].keys()
    assert [point["queries"] for point in document["curve"]] == [1, 2, 3, 4, 5, 6]
    assert document["curve"][-1] == {"queries": 6, **document["accuracy_under_attack"]}
    assert document["universal"]["parameters"].startswith("translation(")
    assert document["transfer"] == []
    assert "on 120 images of folder" in error
    assert "at most 6 queries for an image." in error
    assert error.splitlines()[-1] == "Written to found: report.html, search.json and rows.parquet."


def test_another_model_is_shown_what_was_found(negatoscope: Command, place: Path) -> None:
    code, out, error = negatoscope(*words("--transfer", "digit_readers:nearest_negative_too", "--out", "found"))
    assert code == 0, error
    (entry,) = json.loads((place / "found" / "search.json").read_text(encoding="utf-8"))["transfer"]
    assert entry["n"] == 120
    assert entry["accuracy"] < entry["clean_accuracy"]
    assert "nearest_negative_too, which was asked nothing, goes from" in out
    (place / "own.toml").write_text('name = "mine"\n')
    more = ("--transfer", "digit_readers:nearest_negative_too", "--config", "own.toml", "--out", "again")
    code, out, error = negatoscope(*words(*more))
    assert code == 0, error
    assert "nearest_negative_too, which was asked nothing, goes from" in out, "the name is that of the first model"


def test_an_image_that_cannot_be_read_is_counted_and_left_out(negatoscope: Command, place: Path) -> None:
    (place / "digits" / "3" / "broken.png").write_bytes(b"no picture")
    code, out, error = negatoscope(*words("--out", "found"))
    assert code == 0, error
    document = json.loads((place / "found" / "search.json").read_text(encoding="utf-8"))
    assert (document["n"], document["unreadable"]) == (120, 1)
    assert document["unreadable_named"][0]["name"].endswith("broken.png")
    assert "1 image could not be read." in out


def test_the_exit_code_is_that_of_the_gate(negatoscope: Command, place: Path) -> None:
    code, out, _ = negatoscope(*words("--fail-under", "robust=0.99", "--fail-under", "clean=0.5", "--out", "found"))
    assert code == 1
    assert "Gate FAILED: robust=0.99: the accuracy under attack is" in out
    code, out, error = negatoscope(*words("--fail-under", "robust=0.01", "--out", "found"))
    assert (code, "; the gate passed." in out) == (0, True)
    assert "images" in error, "the rows are those of the first call"


def test_a_table_for_other_programs_has_a_line_for_each_space(negatoscope: Command, place: Path) -> None:
    code, out, error = negatoscope(*words("--space", "tone", "--format", "csv", "--out", "found"))
    assert code == 0, error
    lines = list(csv.DictReader(io.StringIO(out)))
    assert [line["space"].partition("(")[0] for line in lines] == ["translation", "gamma"]
    for line in lines:
        assert float(line["under_attack_low"]) <= float(line["under_attack_accuracy"]) <= float(line["clean_accuracy"])


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--budget", "0"], "expected --budget from 1 to 1,000,000, got 0"),
        (["--strategy", "locl"], "did you mean 'local'?"),
        (["--space", "colr"], "colr"),
        (["--space", "color"], "gray"),
        (["--space", "gamma(exponent=..)"], "numbers around .."),
        (["--space", "rotation(degrees=-1e9..1e9)"], "degrees"),
        (["--fail-under", "robst=0.5"], "did you mean 'robust'?"),
        (["--transfer", "digit_readers:nothing"], "nothing"),
        (["--feedback", "margins"], "margins"),
        (["--label-preserving", "missing.toml"], "missing.toml"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_searched_is_one_line_and_exit_code_2(
    more: list[str], sentence: str, negatoscope: Command, place: Path
) -> None:
    code, out, error = negatoscope(*words(*more, "--out", "found"))
    assert (code, out) == (2, "")
    assert [line for line in error.splitlines() if sentence in line]
    assert error.splitlines()[-1].startswith("negatoscope: ")
    assert not (place / "found").exists()


def test_the_recorded_command_holds_every_option_that_was_given(negatoscope: Command, place: Path) -> None:
    (place / "rules.toml").write_text(
        '[["folder:digits".rules]]\ntransform = "translation"\npreserved = "all"\n', encoding="utf-8"
    )
    options = (
        "--strategy random --feedback labels --seed 3 --limit 60 --bits 12 --device cpu "
        "--label-preserving rules.toml --fail-under robust=0.0 --transfer digit_readers:nearest_negative_too "
        "--expect-accuracy 0.5 --batch 7 --dtype float32"
    )
    code, _, error = negatoscope(*words(*options.split(), "--out", "found"))
    assert code == 0, error
    document = json.loads((place / "found" / "search.json").read_text(encoding="utf-8"))
    command = document["provenance"]["command"]
    for option in ["--budget 6", *options.split(" --")]:
        assert f"--{option.removeprefix('--')}" in command
    assert shlex.quote(SPACE) in command
    assert (document["feedback"], document["seed"], document["n"]) == ("labels", 3, 60)
