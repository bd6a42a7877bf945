"""How long a classifier will take on this machine, from a few timed steps."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from torch import nn

from negatoscope.attacks.gradient import fgsm
from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.models.predict import BatchTransform, predict, to_images
from negatoscope.reproduce.run_data import RunData, validation_size
from negatoscope.reproduce.runs import RunSpec
from negatoscope.reproduce.table1_run import ATTACKED, attack_specs
from negatoscope.training.loop import MONITORED, freeze
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import accumulate_gradients, make_network, make_optimizer

_WARM, _TIMED, _PREDICTED = 1, 3, 100  # steps before the timed ones, timed steps at most, images
_ENOUGH_SECONDS = 0.5  # of timed steps: of slow ones, one is


@dataclass(frozen=True)
class Pace:
    """Seconds per image on this machine.

    `plain` is training on clean images, `robust` on clean and adversarial ones; `predict` is predicting an image,
    `follow` is predicting it along training, in its precision, `attack` is following its gradient once.
    """

    plain: float
    robust: float
    predict: float
    follow: float
    attack: float


@dataclass(frozen=True, kw_only=True)
class PassCounts:
    """How many images a classifier is shown, by what is done with them, in the words of `Pace`; and how many rows stay.

    An adversarial image costs a second pass, which is counted in `total` alone.
    """

    plain: int = 0
    robust: int = 0
    predict: int = 0
    follow: int = 0
    attack: int = 0
    rows: int = 0

    def seconds(self, pace: Pace) -> float:
        """How long all of it takes."""
        return float(sum(getattr(self, kind) * seconds for kind, seconds in vars(pace).items()))

    @property
    def total(self) -> int:
        """Forward passes of one image each."""
        return self.plain + 2 * self.robust + self.predict + self.follow + self.attack


def measure_pace(
    recipe: Recipe, data: RunData, *, hardware: Hardware, counts: Iterable[PassCounts], network: nn.Module | None = None
) -> Pace:
    """Time a few steps of each kind that is counted; medians, after warming up. Takes a second or two on a CPU.

    Args:
        recipe: How the network is trained.
        data: The images.
        hardware: Where.
        counts: What the pace is for; a kind that none of them has is not timed, and 0.
        network: What is trained; by default the paper's network.
    """
    kinds = {kind for count in counts for kind in vars(count) if getattr(count, kind)}
    network = network or make_network(data.train, recipe, seed=0, device=hardware.device)
    trained = {
        kind: _training_pace(network, recipe, data.train, epsilon, hardware) if kind in kinds else 0.0
        for kind, epsilon in (("plain", 0.0), ("robust", 0.1))
    }
    freeze(network)
    few = data.test.take(np.arange(min(_PREDICTED, len(data.test))), split="test")
    images, labels = np.asarray(few.images), few.labels

    def seconds(transform: BatchTransform | None = None) -> float:
        return _median_seconds(
            lambda: predict(network, images, labels, device=hardware.device, batch_transform=transform)
        ) / len(few)

    clean, followed, attacked = seconds(), 0.0, 0.0
    if "attack" in kinds:
        attacked = seconds(lambda images, labels: fgsm(network, images, labels, epsilon=0.1).images)
    if "follow" in kinds:
        with hardware.autocast():
            followed = seconds()
    return Pace(**trained, predict=clean, follow=followed, attack=max(0.0, attacked - 2 * clean))  # one judges


def count_passes(spec: RunSpec, data: RunData) -> PassCounts:
    """How many images training and measuring a classifier of Table I takes."""
    recipe = spec.recipe
    held = validation_size(data.train, recipe, fast=spec.fast)
    trained = len(data.train) - held
    negatives = trained * (2 if data.also_negated else 1) + len(data.test)
    measured = len(data.train) + len(data.test) + negatives
    followed = min(MONITORED, held) if recipe.selection == "last" else held
    attacked, attacks = min(100 if spec.fast else ATTACKED, len(data.test)), attack_specs(spec)
    return PassCounts(
        **{"robust" if spec.epsilon else "plain": trained * recipe.epochs},
        follow=(followed + min(MONITORED, trained)) * recipe.epochs,
        predict=measured,
        attack=attacked * sum(int(str(attack.arguments.get("steps", 1))) for attack in attacks),
        rows=measured + attacked * len(attacks),
    )


def count_training_passes(recipe: Recipe, data: RunData) -> PassCounts:
    """How many images training a network on clean ones takes."""
    held = validation_size(data.train, recipe, fast=False)
    trained = len(data.train) - held
    return PassCounts(plain=trained * recipe.epochs, follow=(held + min(MONITORED, trained)) * recipe.epochs)


def _training_pace(network: nn.Module, recipe: Recipe, dataset: Dataset, epsilon: float, hardware: Hardware) -> float:
    size = min(recipe.batch_size, len(dataset))
    optimizer = make_optimizer(network, recipe, device=hardware.device)
    images = to_images(torch.from_numpy(np.array(dataset.images[:size])).to(hardware.device))
    labels = torch.from_numpy(np.array(dataset.labels[:size])).to(hardware.device)

    def step() -> None:
        optimizer.zero_grad()
        loss = accumulate_gradients(network, images, labels, recipe=recipe, epsilon=epsilon, hardware=hardware)
        optimizer.step()
        loss.item()

    return _median_seconds(step) / size


def _median_seconds(run: Callable[[], object]) -> float:
    times: list[float] = []
    while len(times) < _WARM + _TIMED and sum(times[_WARM:]) < _ENOUGH_SECONDS:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return median(times[_WARM:])
