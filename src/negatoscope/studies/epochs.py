"""How long the plain readings train: until they know nearly all training images, as the paper says of its networks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from negatoscope.documents import write_document
from negatoscope.errors import expect
from negatoscope.files import remove_all, remove_leftovers
from negatoscope.hardware import Hardware
from negatoscope.reproduce.run_data import load_split, split_training
from negatoscope.studies.locked_file import locked_file
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import train

MARK = 0.999
"""The accuracy on training images that ends training; the paper prints about 100 %.

Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Table I.
"""

UNREPORTED = 1000
"""A seed that no table reports."""


@dataclass(frozen=True, kw_only=True)
class EpochsResult:
    """`epochs-RECIPE-DATASET.json`: the accuracy on training images after each epoch.

    Args:
        recipe: What was trained, with the most epochs that were allowed.
        seed: The seed of the run, at least 0.
        mark: The accuracy that was waited for, in [0, 1].
        training_accuracy: The accuracy after each epoch, in [0, 1], measured without dropout.
        first: The epoch, from 1, after which the mark was first reached; None where it was not.
    """

    schema: Literal[2] = 2
    recipe: Recipe
    seed: int
    mark: float
    training_accuracy: tuple[float, ...]
    first: int | None


class _Reached(Exception):
    """Ends training."""


def count_epochs(
    recipe: Recipe,
    *,
    out: Path,
    mark: float = MARK,
    seed: int = UNREPORTED,
    most: int = 100,
    data_dir: Path | None = None,
    hardware: Hardware | None = None,
    progress: Callable[[TrainingProgress], None] = lambda progress: None,
) -> EpochsResult:
    """Train a plain DNN by a recipe until its accuracy on training images reaches `mark`, and write `out`.

    The recipe's step size must be constant, so that an epoch does not depend on how many follow. Stopped, the same call
    resumes from its last epoch. Neither test images nor negatives decide anything.

    Args:
        recipe: What is trained; its own epochs do not matter.
        out: The file of the result; the state is kept beside it while it trains.
        mark: In (0, 1].
        seed: One that is not reported.
        most: Epochs after which it ends in any case.
        data_dir: A folder to look for data in first.
        hardware: Where to train; picked by what is there if not given.
        progress: Called after every step.

    Raises:
        InputError: The schedule is not constant, `mark` is impossible, or training diverges.
        OutputError: `out` cannot be written, or another run writes to it.
    """
    expect(recipe.schedule == "constant", "--recipe with a constant step size", recipe.schedule)
    expect(0 < mark <= 1, "--accuracy in (0, 1]", mark)
    recipe = replace(recipe, epochs=most)
    images = load_split(recipe.data, "train", data_dir=data_dir, fast=False)
    training, _ = split_training(images, recipe, seed=seed, fast=False)
    accuracies: list[float] = []

    def follow(moment: TrainingProgress) -> None:
        progress(moment)
        accuracies[:] = [epoch.validation_accuracy for epoch in moment.history]
        if accuracies and accuracies[-1] >= mark:
            raise _Reached

    with locked_file(out):
        state = out.with_suffix("")
        try:
            # The images that are "validated" on are the training images themselves.
            result = train(
                recipe, training, validation=training, seed=seed, hardware=hardware, folder=state, progress=follow
            )
            accuracies[:] = [epoch.validation_accuracy for epoch in result.history]
        except _Reached:
            pass
        first = next((number for number, accuracy in enumerate(accuracies, start=1) if accuracy >= mark), None)
        found = EpochsResult(recipe=recipe, seed=seed, mark=mark, training_accuracy=tuple(accuracies), first=first)
        write_document(out, found)
        remove_leftovers([state])
        remove_all([state / "training.safetensors"])
        state.rmdir()
        return found
