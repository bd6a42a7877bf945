"""Who takes steps when asked to: our engine, a PyTorch loop with anybody's attack, and ART's trainer."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers import attacks
from benchmarks.peers.task import Setup, Task
from negatoscope.hardware import pick_hardware
from negatoscope.memory import keep_freed_memory
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.train import train

NextSteps = Callable[[], int]
"""Says that the steps it gave last are taken, waits, and gives how many to take next; 0 to finish."""


class Contestant(Protocol):
    """Trains a network a few steps at a time."""

    def run(self, next_steps: NextSteps) -> nn.Module:
        """Train as long as asked to and return the network, its weights in float32.

        A step is one of the optimizer's, for a clean batch and for its adversarial copy if there is an attack.
        """


class Engine:
    """`negatoscope.training.train.train` as commands run it, held between two steps by what it calls after each.

    Commands first have their process keep the memory that it frees; a contestant has a process of its own.
    """

    def __init__(self, task: Task, precision: str) -> None:
        self.task, self.hardware = task, pick_hardware(precision=precision)

    def run(self, next_steps: NextSteps) -> nn.Module:
        """Train one epoch in this thread."""
        keep_freed_memory()
        target = next_steps()

        def report(progress: TrainingProgress) -> None:
            nonlocal target
            if progress.step >= target:
                target += next_steps() or self.task.steps

        trained = train(
            replace(self.task.recipe, epochs=1),
            self.task.training,
            validation=self.task.validation.take(np.arange(8), split="validation"),
            epsilon=self.task.epsilon,
            hardware=self.hardware,
            progress=report,
        )
        return trained.network


class Loop:
    """The usual loop: the attack's own pass, then a pass over the clean batch and one over its adversarial copy."""

    def __init__(self, task: Task, form: str, library: str) -> None:
        self.setup = Setup(task, form)
        self.batches = self.setup.batches()
        self.attack = attacks.MAKERS[library](self.setup.network, task.epsilon) if task.epsilon else None

    def run(self, next_steps: NextSteps) -> nn.Module:
        """Train batch by batch."""
        while steps := next_steps():
            self._take(steps)
        return self.setup.weights.eval()

    def _take(self, steps: int) -> None:
        network, optimizer = self.setup.network.train(), self.setup.optimizer
        for images, labels in islice(self.batches, steps):
            adversarial = self.attack(images, labels) if self.attack else None
            optimizer.zero_grad()
            if adversarial is None:
                _loss(network, images, labels).backward()  # type: ignore[no-untyped-call]
            else:
                (0.5 * _loss(network, images, labels)).backward()  # type: ignore[no-untyped-call]
                (0.5 * _loss(network, adversarial, labels)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()


class Art:
    """ART's `AdversarialTrainer`.

    With its default ratio of 0.5 it replaces half of a batch by adversarial images. Given batches of twice the size, a
    step trains on as many clean and as many adversarial images as everyone else's step; they are of different images.
    """

    def __init__(self, task: Task, form: str) -> None:
        from art.attacks.evasion import FastGradientMethod
        from art.defences.trainer import AdversarialTrainer
        from art.estimators.classification import PyTorchClassifier

        self.setup = Setup(task, form)
        shape = np.shape(task.training.images)[1:]
        classifier = PyTorchClassifier(
            model=self.setup.network,
            loss=nn.CrossEntropyLoss(),
            optimizer=self.setup.optimizer,
            input_shape=shape,
            nb_classes=len(task.training.class_names),
            clip_values=(0.0, 1.0),
            device_type="gpu" if torch.cuda.is_available() else "cpu",
        )
        self.batch = task.recipe.batch_size
        attack = FastGradientMethod(classifier, norm=np.inf, eps=task.epsilon, batch_size=self.batch)
        self.trainer = AdversarialTrainer(classifier, attacks=attack, ratio=0.5)
        self.images = self.setup.images.cpu().contiguous().numpy()
        self.labels = np.eye(len(task.training.class_names), dtype=np.float32)[task.training.labels]

    def run(self, next_steps: NextSteps) -> nn.Module:
        """Fit the next images each time, beginning anew at the end."""
        first = 0
        while steps := next_steps():
            chosen = np.arange(first, first + 2 * self.batch * steps) % len(self.labels)
            self.trainer.fit(self.images[chosen], self.labels[chosen], batch_size=2 * self.batch, nb_epochs=1)
            first += len(chosen)
        return self.setup.weights.eval()


def make(name: str, task: Task) -> Contestant:
    """A contestant by its name, such as "negatoscope", "foolbox bf16" or "pytorch fast-layers"."""
    library, _, form = name.partition(" ")
    if library == "negatoscope":
        return Engine(task, form or "auto")
    return Art(task, form) if library == "art" else Loop(task, form, library)


def _loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(network(images), labels)
