"""The trials of a search for the paper's pair: recipes drawn from the whole space, trained as jobs of an executor."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.hardware import Hardware
from negatoscope.reproduce.paper import printed
from negatoscope.reproduce.run_data import split_training
from negatoscope.studies.jobs import NamedProgress, data_of, silent
from negatoscope.studies.match_result import ACCURACY_UNIT, NEGATIVES_UNIT, MatchCandidate
from negatoscope.training.loop import Epoch
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import train

if TYPE_CHECKING:
    from optuna import Trial

LEAST_EPOCHS = 3
"""Of the shortest run."""

SEED = 2000
"""Of the searched runs: no table reports it."""

_STEPS = {"sgd": 0.01, "nesterov": 0.01, "adam": 0.001, "adadelta": 1.0}
"""Optimizers, and the middle of the three decades that their step size is drawn from."""


def printed_pair(dataset: str) -> tuple[float, float]:
    """What the paper prints of the plain DNN: accuracy on test images, and on negatives of training images."""
    paper = printed(dataset, 0.0)
    assert paper.test is not None, "the paper has it"
    assert paper.negative is not None, "the paper has it"
    return paper.test, paper.negative


def distance(dataset: str, accuracy: float, negative_accuracy: float) -> float:
    """How far accuracies in [0, 1] lie from the printed pair, in units of 0.15 points and of 2 points on negatives."""
    test, negatives = printed_pair(dataset)
    return math.hypot((accuracy - test) / ACCURACY_UNIT, (negative_accuracy - negatives) / NEGATIVES_UNIT)


_CHOICES: Mapping[str, Sequence[str | float]] = {
    "optimizer": ("sgd", "nesterov", "adam", "adadelta"),
    "momentum": (0.0, 0.5, 0.9, 0.95),
    "batch_size": (32, 64, 128, 256, 512),
    "weight_decay": (0.0, 1e-5, 1e-4, 5e-4),
    "label_smoothing": (0.0, 0.05, 0.1),
}
_NETWORK_CHOICES: Mapping[str, Sequence[str | float]] = {
    "initialization": ("glorot", "he", "pytorch", "small", "truncated_normal"),
    "padding": ("valid", "same"),
    "pool_size": (2, 3),
    "conv_activation": ("relu", "tanh", "linear"),
    "input_scaling": ("unit", "centered", "half"),
    "dropout_pool": (0.0, 0.25, 0.5),
    "dropout_first": (0.0, 0.25, 0.5),
    "dropout_second": (0.0, 0.25, 0.5),
}


def draw_recipe(trial: "Trial", base: Recipe, *, most_epochs: int) -> Recipe:
    """A recipe drawn from the whole space; every epoch of its run is a candidate, so its step size is constant.

    Of the paper's network only what it leaves open is drawn. It names rectified units for the two fully connected
    layers alone, so that convolutions may be linear.
    """

    def draw(choices: Mapping[str, Sequence[str | float]]) -> dict[str, str | float | None]:
        return {name: trial.suggest_categorical(name, values) for name, values in choices.items()}

    drawn, network = draw(_CHOICES), draw(_NETWORK_CHOICES)
    optimizer = str(drawn["optimizer"])
    settings = {
        **base.to_dict(),
        **drawn,
        "name": f"match {trial.number}",
        "optimizer": "sgd" if optimizer == "nesterov" else optimizer,
        "nesterov": optimizer == "nesterov",
        "learning_rate": _STEPS[optimizer] * trial.suggest_float("step", 10**-1.5, 10**1.5, log=True),
        "epochs": trial.suggest_int("epochs", LEAST_EPOCHS, most_epochs, log=True),
        "rho": 0.95,
        "optimizer_epsilon": 1e-8,
        "network": {**base.to_dict()["network"], **network},
    }
    return Recipe.from_dict(settings, where="match")


@dataclass(frozen=True, kw_only=True)
class TrialEnd:
    """`trial.json`: how a trial ended.

    Args:
        candidate: The recipe at its nearest epoch; None where it cannot be trained.
        reason: Why it cannot.
    """

    schema: Literal[2] = 2
    candidate: MatchCandidate | None
    reason: str = ""


@dataclass(frozen=True)
class TrialJob:
    """A recipe that is to be trained.

    Args:
        dataset: "mnist" or "gtsrb", whose pair is searched for.
        number: Of the trial.
        recipe: What is trained.
        folder: Where its state is kept, and at its end `trial.json`.
        data_dir: A folder to look for data in first.
        hardware: Where it is trained.
    """

    dataset: str
    number: int
    recipe: Recipe
    folder: Path
    data_dir: Path | None
    hardware: Hardware

    def __str__(self) -> str:
        return f"trial {self.number}"

    def run(self, progress: NamedProgress = silent) -> None:
        """Train, resuming where an earlier call was stopped, and write `trial.json`."""
        data = data_of(self.recipe, self.data_dir, fast=False)
        training, validation = split_training(data.train, self.recipe, seed=SEED, fast=False)
        try:
            trained = train(
                self.recipe,
                training,
                validation=validation,
                seed=SEED,
                hardware=self.hardware,
                folder=self.folder,
                progress=partial(progress, str(self)),
            )
        except (DataError, OutputError):
            raise
        except InputError as error:  # it diverged, and would again
            end = TrialEnd(candidate=None, reason=str(error))
        else:
            end = TrialEnd(candidate=min(map(self._candidate, trained.history), key=lambda each: each.distance))
        write_document(self.folder / "trial.json", end)

    def end(self) -> TrialEnd:
        """What `run` wrote."""
        return read_document(self.folder / "trial.json", TrialEnd, what="a trial that ended", make="delete its folder")

    def _candidate(self, epoch: Epoch) -> MatchCandidate:
        recipe = replace(self.recipe, epochs=epoch.epoch)
        accuracies = epoch.validation_accuracy, epoch.negative_accuracy
        return MatchCandidate(self.number, recipe, *accuracies, distance(self.dataset, *accuracies))
