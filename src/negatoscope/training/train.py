"""The paper's network, trained by a recipe: on clean images, and on FGSM adversarial ones where epsilon is above 0."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from negatoscope.attacks.gradient import expect_epsilon
from negatoscope.data import Dataset
from negatoscope.errors import expect
from negatoscope.hardware import Hardware, pick_hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.training.augmentation import recipe_augmentations
from negatoscope.training.loop import Epoch, Learner, TrainingProgress, train_model
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import accumulate_gradients, derive_seed, make_network


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
    hardware = hardware or pick_hardware()
    network = make_network(training, recipe, seed=derive_seed(seed, "weights"), device=hardware.device)
    learner = Learner(
        network,
        recipe,
        hardware,
        objective=partial(accumulate_gradients, recipe=recipe, epsilon=epsilon, hardware=hardware),
        augmentations=recipe_augmentations(recipe),
        identity=(recipe.digest, epsilon),
        recorded=True,
    )
    history = train_model(learner, training, validation=validation, seed=seed, folder=folder, progress=progress)
    return TrainingResult(network, history, sum(epoch.seconds for epoch in history))


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
