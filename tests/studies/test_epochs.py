"""How long a plain DNN trains until it knows its training images."""

from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.documents import read_document
from negatoscope.errors import InputError, OutputError
from negatoscope.hardware import pick_hardware
from negatoscope.studies.epochs import EpochsResult, count_epochs
from negatoscope.studies.locked_file import locked_file
from negatoscope.training.recipe import named_recipe

RESULTS = Path(__file__).parents[2] / "results" / "recipes"
FLOAT32 = pick_hardware("cpu", "float32")


@pytest.fixture
def recipe(few_digits: str):
    return replace(named_recipe("adam", "mnist_sample"), data=few_digits, validation_size=40, batch_size=32)


def test_training_ends_after_the_first_epoch_that_reaches_the_mark(recipe, tmp_path: Path) -> None:
    file = tmp_path / "epochs.json"
    result = count_epochs(recipe, out=file, mark=0.6, most=20, hardware=FLOAT32)
    assert result.first == len(result.training_accuracy)
    assert result.training_accuracy[-1] >= 0.6
    assert all(accuracy < 0.6 for accuracy in result.training_accuracy[:-1])
    assert read_document(file, EpochsResult, what="epochs", make="count again") == result
    assert not file.with_suffix("").exists(), "the state of training is gone"


def test_a_mark_that_is_not_reached_is_none(recipe, tmp_path: Path) -> None:
    left = tmp_path / "epochs" / ".training.safetensors.4194305.tmp"  # as a process that is killed leaves it
    left.parent.mkdir()
    left.touch()
    result = count_epochs(recipe, out=tmp_path / "epochs.json", mark=1.0, most=1, hardware=FLOAT32)
    assert result.first is None
    assert len(result.training_accuracy) == 1
    assert not left.parent.exists()


def test_epochs_are_counted_by_one_process_at_a_time(recipe, tmp_path: Path) -> None:
    file = tmp_path / "epochs.json"
    with locked_file(file), pytest.raises(OutputError, match="to be free, got another run that writes to it; wait"):
        count_epochs(recipe, out=file, hardware=FLOAT32)
    assert not list(tmp_path.glob("*epochs*"))


def test_a_schedule_that_depends_on_the_number_of_epochs_is_refused(recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected --recipe with a constant step size, got one_cycle"):
        count_epochs(replace(recipe, schedule="one_cycle"), out=tmp_path / "epochs.json")


@pytest.mark.parametrize("file", sorted(RESULTS.glob("epochs-*.json")), ids=lambda file: file.stem)
def test_a_plain_recipe_has_the_epochs_that_were_counted(file: Path) -> None:
    counted = read_document(file, EpochsResult, what="epochs", make="count again")
    _, name, dataset = file.stem.split("-")
    assert (counted.mark, counted.first) == (0.999, named_recipe(name, dataset).epochs)
    assert replace(named_recipe(name, dataset), epochs=counted.recipe.epochs) == counted.recipe
