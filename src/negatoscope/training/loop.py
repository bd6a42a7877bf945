"""The training loop: data stays on the device, and a run that was killed resumes to the same bits."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from negatoscope.attacks.gradient import expect_epsilon
from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError, expect
from negatoscope.hardware import Hardware, pick_hardware
from negatoscope.models.checkpoint import load_tensors, save_tensors
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.predict import BatchTransform, predict, to_images
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import (
    accumulate_gradients,
    batches,
    derive_seed,
    learning_rate,
    make_network,
    make_optimizer,
    negated,
    shifted,
    shifts,
)
from negatoscope.transforms.tone import negative
from negatoscope.types import LabelArray, PixelArray

MONITORED = 2000
"""How many training images the negative accuracy along training is counted on."""


@dataclass(frozen=True)
class Epoch:
    """How one pass over the training images ended; accuracies in [0, 1], measured in the precision of training."""

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


@dataclass(frozen=True)
class TrainingResult:
    """A trained network in evaluation mode and how it came about; `seconds` counts the time spent training."""

    network: PaperNetwork
    history: tuple[Epoch, ...]
    seconds: float


def train(
    recipe: Recipe,
    training: Dataset,
    *,
    validation: Dataset,
    epsilon: float = 0.0,
    seed: int = 0,
    hardware: Hardware | None = None,
    folder: Path | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> TrainingResult:
    """Train the paper's network on `training` by `recipe`.

    Every random choice derives from `seed`. With a `folder`, the state is kept there after every epoch, and the same
    call resumes from it; on a CPU the weights then come out bit for bit as if it had not been stopped, given the same
    number of threads.

    Args:
        recipe: Everything that the paper does not say.
        training: Images of one size.
        validation: Measured after every epoch, and used to choose among epochs if the recipe says so.
        epsilon: 0 trains on clean images, above 0 on FGSM adversarial images too; in [0, 1].
        seed: Any whole number.
        hardware: Where to train; picked by what is there if not given.
        folder: Where to keep the state; nothing is kept if not given.
        progress: Called after every step; the time that it takes is not counted as training.

    Raises:
        InputError: `epsilon` is not in [0, 1], there are no images, they are not square or differ in size, the last
            batch is too small for batch_norm, or training diverges.
        DataError: The state in `folder` belongs to another run or is damaged.
        OutputError: `folder` cannot be written.
    """
    expect_epsilon(epsilon)
    expect_images(training, validation, recipe)
    run = _Run(recipe, training, validation, epsilon, seed, hardware or pick_hardware(), folder)
    run.resume()
    while run.epoch < recipe.epochs:
        run.train_epoch(progress or (lambda _: None))
        run.keep()
    if run.best:
        run.network.load_state_dict(run.best)
    return TrainingResult(run.network.eval(), tuple(run.history), sum(epoch.seconds for epoch in run.history))


@dataclass(eq=False)
class _Run:
    """The state of one training run."""

    recipe: Recipe
    training: Dataset
    validation: Dataset
    epsilon: float
    seed: int
    hardware: Hardware
    folder: Path | None
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        recipe, training, validation, hardware = self.recipe, self.training, self.validation, self.hardware
        self.training_images, self.validation_images = np.asarray(training.images), np.asarray(validation.images)
        self.file = self.folder / "training.safetensors" if self.folder else None
        fingerprints = [training.fingerprint, validation.fingerprint]
        self.identity = [recipe.digest, self.epsilon, self.seed, *fingerprints, training.spec, hardware.precision]
        self.pixels = torch.from_numpy(np.array(self.training_images)).to(hardware.device)
        self.labels = torch.from_numpy(np.array(training.labels)).to(hardware.device)
        self.monitored = np.sort(np.random.default_rng(0).permutation(len(training))[:MONITORED])
        self.steps_per_epoch = -(-len(training) // recipe.batch_size)
        self.steps = recipe.epochs * self.steps_per_epoch
        self.network = make_network(training, recipe, seed=derive_seed(self.seed, "weights"), device=hardware.device)
        self.optimizer = make_optimizer(self.network, recipe, device=hardware.device)

    @property
    def epoch(self) -> int:
        return len(self.history)

    def train_epoch(self, progress: Callable[[TrainingProgress], None]) -> None:
        """One pass over the training images; every random draw in it depends on the seed and the epoch alone."""
        began = time.monotonic()
        losses = torch.zeros((), device=self.hardware.device)
        self.network.train()
        devices = [self.hardware.device] if self.hardware.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(derive_seed(self.seed, "dropout", self.epoch))
            for index, (chosen, offsets, flipped) in enumerate(self._draws()):
                step = self.epoch * self.steps_per_epoch + index
                losses += self._step(chosen, step, offsets, flipped)
                began += self._report(step + 1, progress)
        loss = float(losses) / self.steps_per_epoch
        # Each loss was measured before its step: the weights show what became of the last one.
        if not np.isfinite(loss) or not all(bool(weights.isfinite().all()) for weights in self.network.parameters()):
            raise InputError(
                f"training by recipe {self.recipe.name!r} diverged in epoch {self.epoch + 1} (loss {loss}); "
                f"lower learning_rate {self.recipe.learning_rate}"
            )
        self._measure(loss, time.monotonic() - began)

    def _report(self, step: int, progress: Callable[[TrainingProgress], None]) -> float:
        """Call `progress`; how long it took."""

        def accuracies() -> tuple[float, float]:
            measured = self._accuracies()
            self.network.train()
            return measured

        began = time.monotonic()
        progress(TrainingProgress(step, self.steps, tuple(self.history), accuracies))
        return time.monotonic() - began

    def _draws(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """For each step its images, their shifts and which are negated, drawn for the whole epoch, sent over once."""
        count, size, device = len(self.labels), self.recipe.batch_size, self.hardware.device
        offsets = shifts(count, pixels=self.recipe.shift, seed=derive_seed(self.seed, "shift", self.epoch))
        order = batches(count, size, seed=derive_seed(self.seed, "order", self.epoch), device=device)
        flipped = negated(count, share=self.recipe.negative_share, seed=derive_seed(self.seed, "negative", self.epoch))
        return zip(order, *(torch.split(drawn.to(device), size) for drawn in (offsets, flipped)), strict=True)

    def _step(self, chosen: Tensor, step: int, offsets: Tensor, flipped: Tensor) -> Tensor:
        images = to_images(self.pixels[chosen])
        if self.recipe.negative_share:
            images = torch.where(flipped[:, None, None, None], negative(images), images)
        if self.recipe.shift:
            images = shifted(images, offsets, pixels=self.recipe.shift)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, step=step, steps=self.steps)
        self.optimizer.zero_grad()
        loss = accumulate_gradients(
            self.network, images, self.labels[chosen], recipe=self.recipe, epsilon=self.epsilon, hardware=self.hardware
        )
        self.optimizer.step()
        return loss

    def _accuracies(self) -> tuple[float, float]:
        """On validation images and on negatives of training images; leaves the network in evaluation mode."""
        self.network.eval()

        def accuracy(images: PixelArray, labels: LabelArray, transform: BatchTransform | None = None) -> float:
            with self.hardware.autocast():
                measured = predict(self.network, images, labels, device=self.hardware.device, batch_transform=transform)
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
            self.best = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        self.history.append(Epoch(self.epoch + 1, loss, accuracy, negative_accuracy, seconds))

    def keep(self) -> None:
        if self.file is None:
            return
        tensors = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
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
        self.network.load_state_dict(_under(tensors, "network/"))
        parameters = list(self.network.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under(tensors, "optimizer/").items():
            index, key = name.split("/")
            state.setdefault(int(index), {})[key] = _laid_out_as(parameters[int(index)], tensor)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def expect_images(training: Dataset, validation: Dataset, recipe: Recipe) -> None:
    """Check that images can be trained on by a recipe.

    Raises:
        InputError: There are none, they are not square or differ in size, or the last batch is too small for
            batch_norm.
    """
    for dataset in (training, validation):
        got = f"{dataset.spec}; prepare it, as in gtsrb(prepare='paper')"
        expect(isinstance(dataset.images, np.ndarray), "images of one size", got)
        expect(len(dataset), "images to train on and others to validate with", f"none in {dataset.split}")
    shape, other = np.shape(training.images)[1:], np.shape(validation.images)[1:]
    square = shape == other and shape[1] == shape[2]
    expect(square, "square images of one size", f"{shape} to train on and {other} to validate with")
    last = len(training) % recipe.batch_size or recipe.batch_size
    enough = last > 1 or not recipe.network.batch_norm
    expect(enough, "two images or more in the last batch for batch_norm", "1; change batch_size")


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _laid_out_as(parameter: Tensor, values: Tensor) -> Tensor:
    """`values` in the parameter's memory layout, in which fused optimizers walk both; a file keeps none."""
    return torch.empty_like(parameter).copy_(values) if values.shape == parameter.shape else values


def freeze(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, its parameters closed to gradients."""
    return network.eval().requires_grad_(False)
