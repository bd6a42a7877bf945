"""The training loop: data stays on the device, and a run that was killed resumes to the same bits.

What is trained, towards what and on which images is passed in (`Learner`); the paper's is put together in `train.py`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError, expect
from negatoscope.hardware import Hardware
from negatoscope.models.checkpoint import load_tensors, save_tensors
from negatoscope.models.predict import BatchTransform, predict, to_images
from negatoscope.training.augmentation import Augmentation
from negatoscope.training.recipe import Recipe
from negatoscope.training.recorded import RecordedStep
from negatoscope.training.step import batches, derive_seed, learning_rate, make_optimizer
from negatoscope.transforms.tone import negative
from negatoscope.types import Images, LabelArray, Labels, PixelArray

MONITORED = 2000
"""How many training images the negative accuracy along training is counted on."""


@dataclass(frozen=True)
class Epoch:
    """How one pass over the training images ended; accuracies in [0, 1], measured in the precision of training.

    Args:
        epoch: Its number, from 1.
        train_loss: The mean loss of its steps, at least 0.
        validation_accuracy: On validation images, in [0, 1].
        negative_accuracy: On negatives of training images, in [0, 1].
        seconds: How long it trained, in seconds.
    """

    epoch: int
    train_loss: float
    validation_accuracy: float
    negative_accuracy: float
    seconds: float


@dataclass(frozen=True)
class TrainingProgress:
    """How far a run is: steps done out of all of them, and the epochs that are complete.

    `accuracies()` measures there and then, as at the end of an epoch: on validation images and on negatives of training
    images. It changes nothing in what is trained.
    """

    step: int
    steps: int
    history: tuple[Epoch, ...]
    accuracies: Callable[[], tuple[float, float]] = field(compare=False)


Objective = Callable[[nn.Module, Images, Labels], Tensor]
"""Adds the gradient of a loss to the model's parameters and returns the loss, detached. It may draw from torch's own
generator, which is seeded for each epoch."""


@dataclass(frozen=True)
class Learner:
    """What is trained, and how.

    Args:
        model: Maps images in [0, 1] to logits; lives on the device of `hardware`, and is trained in place.
        recipe: Decides optimizer, schedule, epochs, batches and which epoch's weights are kept; nothing else of it
            counts here.
        hardware: Where to train.
        objective: What is made small.
        augmentations: What training images go through, in this order.
        identity: What else decides the weights, as JSON can hold it: a state that is kept belongs to it.
        recorded: Whether a step on an NVIDIA GPU may be recorded (`RecordedStep`): the model, the objective and the
            augmentations then launch the same kernels in every step and never wait for the GPU.
    """

    model: nn.Module
    recipe: Recipe
    hardware: Hardware
    objective: Objective
    augmentations: tuple[Augmentation, ...] = ()
    identity: tuple[object, ...] = ()
    recorded: bool = False


def train_model(
    learner: Learner,
    training: Dataset,
    *,
    validation: Dataset,
    seed: int = 0,
    folder: Path | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> tuple[Epoch, ...]:
    """Train a model in place, and leave it in evaluation mode; how each epoch ended.

    Args:
        learner: The model, and all that decides what becomes of it.
        training: Images of one size.
        validation: Measured after every epoch, and used to choose among epochs if the recipe says so.
        seed: Every random choice derives from it.
        folder: Where the state is kept after every epoch, and resumed from; nothing is kept if not given.
        progress: Called after every step; the time that it takes is not counted as training.

    Raises:
        InputError: Training diverges.
        DataError: The state in `folder` belongs to another run or is damaged.
        OutputError: `folder` cannot be written.
    """
    run = _Run(learner, training, validation, seed, folder)
    run.resume()
    while run.epoch < learner.recipe.epochs:
        run.train_epoch(progress or (lambda _: None))
        run.keep()
    if run.best:
        learner.model.load_state_dict(run.best)
    learner.model.eval()
    return tuple(run.history)


@dataclass(eq=False)
class _Run:
    """The state of one training run."""

    learner: Learner
    training: Dataset
    validation: Dataset
    seed: int
    folder: Path | None
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.model, self.recipe, self.hardware = self.learner.model, self.learner.recipe, self.learner.hardware
        self.training_images, self.validation_images = map(np.asarray, (self.training.images, self.validation.images))
        self.file = self.folder / "training.safetensors" if self.folder else None
        self.pixels = torch.from_numpy(np.array(self.training_images)).to(self.hardware.device)
        self.labels = torch.from_numpy(np.array(self.training.labels)).to(self.hardware.device)
        self.monitored = np.sort(np.random.default_rng(0).permutation(len(self.training))[:MONITORED])
        self.steps_per_epoch = -(-len(self.training) // self.recipe.batch_size)
        self.steps = self.recipe.epochs * self.steps_per_epoch
        recorded = self.learner.recorded and self.hardware.device.type == "cuda"
        self.optimizer = make_optimizer(self.model, self.recipe, device=self.hardware.device, recorded=recorded)
        self.advance = RecordedStep(self._advance) if recorded else self._advance

    @property
    def identity(self) -> list[object]:
        data = [self.training.fingerprint, self.validation.fingerprint, self.training.spec]
        return [*self.learner.identity, self.seed, *data, self.hardware.precision]

    @property
    def epoch(self) -> int:
        return len(self.history)

    def train_epoch(self, progress: Callable[[TrainingProgress], None]) -> None:
        """One pass over the training images; every random draw in it depends on the seed and the epoch alone."""
        began = time.monotonic()
        losses = torch.zeros((), device=self.hardware.device)
        self.model.train()
        devices = [self.hardware.device] if self.hardware.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(derive_seed(self.seed, "dropout", self.epoch))
            for index, (chosen, *drawn) in enumerate(self._draws()):
                step = self.epoch * self.steps_per_epoch + index
                losses += self._step(step, chosen, drawn)
                began += self._report(step + 1, progress)
        loss = float(losses) / self.steps_per_epoch
        # Each loss was measured before its step: the weights show what became of the last one.
        if not np.isfinite(loss) or not all(bool(weights.isfinite().all()) for weights in self.model.parameters()):
            raise InputError(
                f"training by recipe {self.recipe.name!r} diverged in epoch {self.epoch + 1} (loss {loss}); "
                f"lower learning_rate {self.recipe.learning_rate}"
            )
        self._measure(loss, time.monotonic() - began)

    def _report(self, step: int, progress: Callable[[TrainingProgress], None]) -> float:
        """Call `progress`; how long it took."""

        def accuracies() -> tuple[float, float]:
            measured = self._accuracies()
            self.model.train()
            return measured

        began = time.monotonic()
        progress(TrainingProgress(step, self.steps, tuple(self.history), accuracies))
        return time.monotonic() - began

    def _draws(self) -> Iterator[tuple[Tensor, ...]]:
        """For each step its images and what each augmentation drew, for the whole epoch at once, sent over once."""
        count, size, device = len(self.labels), self.recipe.batch_size, self.hardware.device
        order = batches(count, size, seed=derive_seed(self.seed, "order", self.epoch), device=device)
        drawn = (
            augmentation.draw(count, seed=derive_seed(self.seed, augmentation.name, self.epoch))
            for augmentation in self.learner.augmentations
        )
        return zip(order, *(torch.split(rows.to(device), size) for rows in drawn), strict=True)

    def _step(self, step: int, chosen: Tensor, drawn: Sequence[Tensor]) -> Tensor:
        rate = learning_rate(self.recipe, step=step, steps=self.steps)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        return self.advance(chosen, *drawn)

    def _advance(self, chosen: Tensor, *drawn: Tensor) -> Tensor:
        images = to_images(self.pixels[chosen])
        for augmentation, rows in zip(self.learner.augmentations, drawn, strict=True):
            images = augmentation.apply(images, rows)
        self.optimizer.zero_grad()
        loss = self.learner.objective(self.model, images, self.labels[chosen])
        self.optimizer.step()
        return loss

    def _accuracies(self) -> tuple[float, float]:
        """On validation images and on negatives of training images; leaves the network in evaluation mode."""
        self.model.eval()

        def accuracy(images: PixelArray, labels: LabelArray, transform: BatchTransform | None = None) -> float:
            with self.hardware.autocast():
                measured = predict(self.model, images, labels, device=self.hardware.device, batch_transform=transform)
            return float((measured.predictions == labels).mean())

        images, labels = self.training_images[self.monitored], self.training.labels[self.monitored]
        return (
            accuracy(self.validation_images, self.validation.labels),
            accuracy(images, labels, lambda images, labels: negative(images)),
        )

    def _measure(self, loss: float, seconds: float) -> None:
        accuracy, negative_accuracy = self._accuracies()
        better = not self.history or accuracy > max(epoch.validation_accuracy for epoch in self.history)
        if self.recipe.selection == "best_validation" and better:
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.history.append(Epoch(self.epoch + 1, loss, accuracy, negative_accuracy, seconds))

    def keep(self) -> None:
        if self.file is None:
            return
        tensors = {f"network/{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best/{name}": tensor for name, tensor in self.best.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in values.items() if value is not None}
        facts = {"identity": self.identity, "history": [asdict(epoch) for epoch in self.history]}
        save_tensors(self.file, tensors, facts=facts)

    def resume(self) -> None:
        if self.file is None or not self.file.is_file():
            return
        tensors, facts = load_tensors(self.file)
        known = facts.get("identity") == self.identity
        expect(known, f"the state of this run in {self.file}", "another run's; give another folder", DataError)
        history = facts["history"]
        assert isinstance(history, list), "a checkpoint's history is a list"
        self.history = [Epoch(**epoch) for epoch in history]
        self.best = _under(tensors, "best/")
        self.model.load_state_dict(_under(tensors, "network/"))
        parameters = list(self.model.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under(tensors, "optimizer/").items():
            index, key = name.split("/")
            state.setdefault(int(index), {})[key] = _laid_out_as(parameters[int(index)], tensor)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _laid_out_as(parameter: Tensor, values: Tensor) -> Tensor:
    """`values` in the parameter's memory layout, in which fused optimizers walk both; a file keeps none."""
    return torch.empty_like(parameter).copy_(values) if values.shape == parameter.shape else values


def freeze(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, its parameters closed to gradients."""
    return network.eval().requires_grad_(False)
