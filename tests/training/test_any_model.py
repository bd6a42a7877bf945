"""The loop is bound to no network, no objective and no augmentation."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.training.augmentation import Augmentation
from negatoscope.training.loop import Learner, train_model
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import derive_seed
from negatoscope.types import Images, Labels

FLOAT32 = Hardware(torch.device("cpu"), "float32")
RECIPE = Recipe("toy", learning_rate=0.2, epochs=12, batch_size=20, validation_size=1)


def test_the_loop_trains_any_model_towards_any_objective_with_any_augmentation(
    make_dataset: Callable[..., Dataset],
) -> None:
    """A linear model learns which images the augmentation darkened: nothing of the paper's is in the loop."""
    training, validation = make_dataset(50, seed=1), make_dataset(40, seed=2, split="validation")

    def objective(model: nn.Module, images: Images, labels: Labels) -> Tensor:
        darkened = (images.amax(dim=(1, 2, 3)) < 0.5).long()
        loss = nn.functional.cross_entropy(model(images), darkened)
        torch.autograd.backward(loss)
        return loss.detach()

    def draw(count: int, *, seed: int) -> Tensor:
        seeds.append(seed)
        return torch.arange(count) % 2

    seeds: list[int] = []
    darken = Augmentation("darken", draw, lambda images, rows: images * (1 - 0.9 * rows[:, None, None, None]))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    learner = Learner(model, RECIPE, FLOAT32, objective, (darken,))
    history = train_model(learner, training, validation=validation, seed=3)
    assert history[-1].train_loss < 0.1 < 0.3 < history[0].train_loss
    assert not model.training
    assert seeds == [derive_seed(3, "darken", epoch) for epoch in range(12)]
    images = torch.from_numpy(np.asarray(validation.images)).float() / 255
    assert model(images).argmax(dim=1).float().mean() < 0.1
    assert model(images * 0.1).argmax(dim=1).float().mean() > 0.9
