"""A user's mistake is one sentence, also in files that an earlier run wrote."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from negatoscope.errors import DataError, InputError
from negatoscope.models.networks import NetworkSettings
from negatoscope.reproduce.figure1 import reproduce_figure1
from negatoscope.reproduce.table1 import Table1Request, plan_table1
from negatoscope.training.recipe import Recipe


def fill(top: Path, *, train: tuple[int, int], test: tuple[int, int]) -> Path:
    """Pictures of two classes, of the given heights and widths."""
    for split, size in (("train", train), ("test", test)):
        for index in range(6):
            path = top / split / f"class {index % 2}" / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.random.default_rng(index).integers(0, 256, size, dtype=np.uint8)).save(path)
    return top


def of_folder(top: Path, recipe: Recipe) -> Table1Request:
    return Table1Request(datasets=(f"folder:{top}",), epsilons=(0.0,), recipe=recipe)


@pytest.mark.parametrize(
    ("train", "test", "sentence"),
    [((12, 14), (12, 14), "expected square images"), ((12, 12), (14, 14), "expected images of one size")],
)
def test_images_that_the_network_cannot_take_are_refused_at_once(
    tmp_path: Path, train: tuple[int, int], test: tuple[int, int], sentence: str
) -> None:
    fill(tmp_path, train=train, test=test)
    with pytest.raises(InputError, match=sentence):
        plan_table1(of_folder(tmp_path, Recipe("mine", validation_size=2)))


def test_images_of_varying_size_are_refused_at_once(tmp_path: Path) -> None:
    fill(tmp_path, train=(12, 12), test=(12, 12))
    Image.fromarray(np.zeros((13, 13), np.uint8)).save(tmp_path / "train" / "class 0" / "larger.png")
    with pytest.raises(InputError, match="expected images of one size"):
        plan_table1(of_folder(tmp_path, Recipe("mine", validation_size=2)))


def test_a_recipe_that_does_not_fit_the_images_is_refused_at_once(tmp_path: Path) -> None:
    fill(tmp_path, train=(12, 12), test=(12, 12))
    single = Recipe("mine", validation_size=2, batch_size=1, network=NetworkSettings(batch_norm=True))
    with pytest.raises(InputError, match="change batch_size"):
        plan_table1(of_folder(tmp_path, single))
    with pytest.raises(InputError, match="expected a validation_size from 1 to 5"):
        plan_table1(of_folder(tmp_path, Recipe("mine")))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "3",
        '{"schema": 1}',
        '{"schema": 2, "runs": 3}',
        '{"schema": 2, "runs": [{}]}',
        "[" * 100_000,
        "\0",
    ],
    ids=lambda content: content[:20],
)
def test_a_damaged_table_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "table1.json").write_text(content)
    with pytest.raises(
        DataError, match=r"^expected a finished table .*in .*table1\.json, .*; run `reproduce table1` first$"
    ):
        reproduce_figure1(tmp_path, out=tmp_path / "out")


def test_figure1_needs_an_epsilon(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got none"):
        reproduce_figure1(tmp_path, out=tmp_path / "out", epsilons=())
