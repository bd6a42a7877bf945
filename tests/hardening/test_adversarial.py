"""Training on the worst of several draws: which one is shown to the model, and what that costs."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.hardening import FitData
from negatoscope.hardening.adversarial import from_group, from_space, worst_cross_entropy, worst_draw
from negatoscope.hardware import Hardware
from negatoscope.models.predict import to_images
from negatoscope.transforms.groups import resolve_group
from negatoscope.transforms.spaces import resolve_space
from negatoscope.types import Images


class Counting(nn.Module):
    """A network that records which images it is shown, and whether gradients are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.dropout = nn.Linear(64, 10), nn.Dropout(0.5)
        self.shown: list[tuple[Images, bool, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append((images.detach().clone(), torch.is_grad_enabled(), self.training))
        outputs: Tensor = self.layer(self.dropout(images.flatten(1)))
        return outputs


SPACE = "rotation(degrees=-60..60) | gamma(exponent=0.5..2)"


@pytest.mark.parametrize("draws", [1, 2, 5])
def test_each_image_is_trained_on_its_worst_draw(draws: int, fit: FitData) -> None:
    assert fit.labels is not None
    images, labels = to_images(torch.from_numpy(fit.images[:40])), torch.from_numpy(fit.labels[:40])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model, space = Counting().train(), resolve_space(SPACE, channels=1)
        hardware = Hardware(torch.device("cpu"), "float32")
        draw = partial(from_space, space=space)
        worst = worst_draw(model, images, labels, draw=draw, draws=draws, hardware=hardware)
    assert model.training
    judged = [shown for shown, _, _ in model.shown]
    assert len(judged) == (draws if draws > 1 else 0)
    assert not any(gradients or training for _, gradients, training in model.shown)
    if draws > 1:
        with torch.no_grad():
            losses = [functional.cross_entropy(model.layer(x.flatten(1)), labels, reduction="none") for x in judged]
        for index, column in enumerate(torch.stack(losses).T.tolist()):
            assert torch.equal(worst[index], judged[column.index(max(column))][index])
    assert len({tuple(image.flatten().tolist()) for image in worst}) == 40, "each image has draws of its own"


def test_three_draws_cost_as_much_as_two_steps_with_one(fit: FitData) -> None:
    """Where a backward pass counts as two forward passes."""
    assert fit.labels is not None
    images, labels = to_images(torch.from_numpy(fit.images[:8])), torch.from_numpy(fit.labels[:8])
    draw, hardware = (
        partial(from_group, group=resolve_group("negative", channels=1)),
        Hardware(torch.device("cpu"), "float32"),
    )

    def cost(draws: int) -> int:
        model = Counting().train()
        worst_cross_entropy(model, images, labels, draw=draw, draws=draws, hardware=hardware)
        assert all(parameter.grad is not None for parameter in model.parameters())
        return sum(3 if gradients else 1 for _, gradients, _ in model.shown)

    assert cost(1) == 3
    assert cost(3) == 2 * cost(1)
    assert [cost(draws) for draws in (2, 5, 9)] == [5, 8, 12]
