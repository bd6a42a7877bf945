"""The images of a run: which negatives they come with."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from negatoscope.data import gtsrb, load_dataset
from negatoscope.data.sources import sources
from negatoscope.errors import InputError
from negatoscope.hardware import pick_hardware
from negatoscope.reproduce.run_data import load_run_data
from negatoscope.reproduce.runs import RunSpec
from negatoscope.reproduce.table1_run import NEGATIVE_BEFORE, run_table1_classifier
from negatoscope.rows import read_rows
from negatoscope.training.recipe import named_recipe

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"


@pytest.fixture
def few_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with GTSRB's three zips in small: of each class a track of two frames, and a test image."""
    monkeypatch.setitem(sources(), "gtsrb", replace(sources()["gtsrb"], counts={"train": 86, "test": 43}))
    generator = np.random.default_rng(0)

    def sign() -> bytes:
        stream = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (24, 20, 3), dtype=np.uint8)).save(stream, "PPM")
        return stream.getvalue()

    def table(names: list[str], labels: list[int]) -> str:
        return "\n".join([HEADER, *(f"{n};20;24;2;2;18;22;{label}" for n, label in zip(names, labels, strict=True))])

    frames, classes = ["00000_00000.ppm", "00000_00001.ppm"], range(43)
    with zipfile.ZipFile(tmp_path / gtsrb.TRAIN_IMAGES, "w") as opened:
        for folder, label in ((f"GTSRB/Final_Training/Images/{label:05d}", label) for label in classes):
            opened.writestr(f"{folder}/GT-{label:05d}.csv", table(frames, [label, label]))
            for frame in frames:
                opened.writestr(f"{folder}/{frame}", sign())
    names = [f"{index:05d}.ppm" for index in classes]
    with zipfile.ZipFile(tmp_path / gtsrb.TEST_IMAGES, "w") as opened:
        for name in names:
            opened.writestr(f"GTSRB/Final_Test/Images/{name}", sign())
    with zipfile.ZipFile(tmp_path / gtsrb.TEST_TABLE, "w") as opened:
        opened.writestr("GT-final_test.csv", table(names, list(classes)))
    return tmp_path


def test_negatives_before_the_preparation_come_from_images_negated_first(few_signs: Path) -> None:
    recipe = replace(named_recipe("accurate", "gtsrb"), negatives="before", validation_size=10)
    data = load_run_data(recipe, data_dir=few_signs)
    assert data.negated_train is not None
    assert data.negated_test is not None
    for split, negated, images in (("train", data.negated_train, data.train), ("test", data.negated_test, data.test)):
        whole = load_dataset("gtsrb(prepare='paper', negated=True)", split=split, data_dir=few_signs)
        np.testing.assert_array_equal(negated.samples, images.samples)
        np.testing.assert_array_equal(negated.images[3], whole.images[images.samples[3]])
        assert not np.array_equal(negated.images[3], 255 - np.asarray(images.images[3]))


def test_negatives_before_a_preparation_that_is_not_there_are_refused() -> None:
    with pytest.raises(InputError, match="no preparation"):
        load_run_data(replace(named_recipe("accurate", "mnist"), negatives="before"), data_dir=None)


def test_negatives_before_the_preparation_are_measured_beside_those_after_it(few_signs: Path, tmp_path: Path) -> None:
    recipe = replace(named_recipe("sgd", "gtsrb"), epochs=1, batch_size=16, validation_size=10)
    data = load_run_data(recipe, data_dir=few_signs, both_negatives=True)
    assert data.also_negated is not None
    spec = RunSpec("gtsrb", 0.1, 0, recipe, fast=True)
    hardware = pick_hardware("cpu", "float32")
    run = run_table1_classifier(spec, data, hardware=hardware, folder=tmp_path / "run", progress=lambda _: None)
    assert run.negative_train_before is not None
    assert run.negative_train_before.n == run.negative_train.n
    rows = read_rows(tmp_path / "run" / "rows.parquet", where={"split": "train", "transform": NEGATIVE_BEFORE})
    correct = sum(a == b for a, b in zip(rows["label"].to_pylist(), rows["prediction"].to_pylist(), strict=True))
    assert run.negative_train_before.correct == correct
