"""`negatoscope inspect` prints its ranking in each form, writes its folder, and says in one sentence what is wrong."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Command


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Class folders of 48 dark images with a bright bar, of which two are negatives."""
    generator = np.random.default_rng(0)
    for index in range(48):
        image = generator.integers(0, 60, (16, 16), dtype=np.uint8)
        image[:, (bar := 2 + index % 10) : bar + 3] += 180
        folder = tmp_path / "scans" / ("left", "right")[index % 10 > 4]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image if index in (7, 21) else image).save(folder / f"{index:02d}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "scans"


def test_it_ranks_writes_and_ends_with_code_0(negatoscope: Command, scans: Path) -> None:
    code, out, error = negatoscope("inspect", "folder:scans", "--out", "found")
    assert (code, error.splitlines()[-1]) == (
        0,
        "Written to found: report.html, report.md, inspection.json and images.csv.",
    )
    assert out.startswith("**Of 48 images of folder:scans ")
    first = [line for line in out.splitlines() if line.startswith(("|    1", "|    2"))]
    assert all("07.png" in line or "21.png" in line for line in first)
    document = json.loads(Path("found/inspection.json").read_text())
    assert document["provenance"]["command"] == "negatoscope inspect folder:scans"
    assert {image["name"] for image in document["images"][:2]} == {"right/07.png", "left/21.png"}


def test_every_form_has_the_ranking(negatoscope: Command, scans: Path) -> None:
    _, text, _ = negatoscope("inspect", "folder:scans", "--seed", "3", "--format", "json")
    document = json.loads(text)
    assert document["config"]["seed"] == 3
    assert document["provenance"]["command"] == "negatoscope inspect folder:scans --seed 3"
    _, text, _ = negatoscope("inspect", "folder:scans", "--seed", "3", "--format", "csv")
    lines = list(csv.DictReader(text.splitlines()))
    assert [line["name"] for line in lines] == [image["name"] for image in document["images"]]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--invariant", "channel_permutation"), "expected color images for the group channel_permutation"),
        (("--limit", "12"), "expected at least 40 images for 2 folds, got 12"),
        (("--out", "scans"), "expected scans to be empty or to hold an inspection"),
        (("--folds", "0"), "expected --folds from 2 to 20, got 0"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    negatoscope: Command, scans: Path, words: tuple[str, ...], sentence: str
) -> None:
    code, out, error = negatoscope("inspect", "folder:scans", *words)
    assert (code, out) == (2, "")
    assert error.splitlines()[-1].startswith(f"negatoscope: {sentence}")
