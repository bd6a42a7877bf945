"""FGSM and PGD find what foolbox finds, an implementation of its own."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from foolbox.attacks.base import Attack
from foolbox.attacks.fast_gradient_method import LinfFastGradientAttack
from foolbox.attacks.projected_gradient_descent import LinfProjectedGradientDescentAttack
from foolbox.models.pytorch import PyTorchModel
from scipy.stats import kstest
from torch import Tensor

from negatoscope.attacks import AttackResult
from negatoscope.attacks.gradient import fgsm, fgsm_step, pgd
from negatoscope.errors import InputError
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.types import Images, Labels

EPSILONS = [0.01, 0.1, 0.3]


@pytest.fixture(scope="module")
def network() -> PaperNetwork:
    return PaperNetwork(channels=1, size=12, classes=4, settings=NetworkSettings(), seed=3).eval()


@pytest.fixture(scope="module")
def images() -> Images:
    return torch.rand((16, 1, 12, 12), generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def labels() -> Labels:
    return torch.arange(16) % 4


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_fgsm_is_that_of_foolbox(network: PaperNetwork, images: Images, labels: Labels, epsilon: float) -> None:
    peer = LinfFastGradientAttack(random_start=False)
    expected = _by_foolbox(peer, network, images, labels, epsilon)
    torch.testing.assert_close(fgsm(network, images, labels, epsilon=epsilon).images, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(("step_size", "steps"), [(0.01, 1), (0.02, 7), (0.5, 3)])
def test_pgd_is_that_of_foolbox(
    network: PaperNetwork, images: Images, labels: Labels, epsilon: float, step_size: float, steps: int
) -> None:
    peer = LinfProjectedGradientDescentAttack(abs_stepsize=step_size, steps=steps, random_start=False)
    expected = _by_foolbox(peer, network, images, labels, epsilon)
    found = pgd(network, images, labels, epsilon=epsilon, step_size=step_size, steps=steps, random_start=False)
    torch.testing.assert_close(found.images, expected, rtol=0, atol=1e-6)


def _by_foolbox(attack: Attack, network: PaperNetwork, images: Images, labels: Labels, epsilon: float) -> Tensor:
    model = PyTorchModel(network, bounds=(0, 1), device="cpu")
    _, clipped, _ = attack(model, images, labels, epsilons=epsilon)
    found: Tensor = clipped
    return found


def test_step_size_0_stands_for_two_and_a_half_balls_in_all_steps(
    network: PaperNetwork, images: Images, labels: Labels
) -> None:
    default = pgd(network, images, labels, epsilon=0.1, steps=8, random_start=False)
    explicit = pgd(network, images, labels, epsilon=0.1, steps=8, step_size=2.5 * 0.1 / 8, random_start=False)
    assert torch.equal(default.images, explicit.images)


def test_one_long_step_of_pgd_is_fgsm(network: PaperNetwork, images: Images, labels: Labels) -> None:
    step = pgd(network, images, labels, epsilon=0.1, step_size=0.1, steps=1, random_start=False)
    torch.testing.assert_close(step.images, fgsm(network, images, labels, epsilon=0.1).images, rtol=0, atol=1e-6)


def test_the_gradient_is_that_of_each_image_alone(network: PaperNetwork, images: Images, labels: Labels) -> None:
    together = fgsm(network, images, labels, epsilon=0.1).images
    alone = [fgsm(network, images[i : i + 1], labels[i : i + 1], epsilon=0.1).images for i in range(len(images))]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)


def test_a_random_start_is_uniform_in_the_ball() -> None:
    gray, labels = torch.full((4, 1, 20, 20), 0.5), torch.zeros(4, dtype=torch.int64)

    def flat(images: Tensor) -> Tensor:
        """A classifier without slope: the attack stays where it starts."""
        return 0 * images.flatten(1)

    # All seeds together: of single draws of this size, one in a hundred looks uneven at the level 0.01.
    starts = [pgd(flat, gray, labels, epsilon=0.2, steps=1, seed=seed).images for seed in range(50)]
    assert kstest(((torch.stack(starts).double() - 0.5) / 0.2).flatten().numpy(), "uniform", args=(-1, 2)).pvalue > 1e-3


def test_the_seed_decides_the_random_start(network: PaperNetwork, images: Images, labels: Labels) -> None:
    first, again, other = (pgd(network, images, labels, epsilon=0.1, seed=seed).images for seed in (7, 7, -7))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_step_is_clipped_to_the_range() -> None:
    images = torch.tensor([0.0, 0.05, 0.5, 0.95, 1.0]).reshape(1, 1, 1, 5)
    for sign in (-1, 1):
        found = fgsm_step(images, torch.full_like(images, sign * 1e-30), epsilon=0.1)
        np.testing.assert_allclose(found, (images.numpy() + sign * np.float32(0.1)).clip(0, 1), rtol=0, atol=1e-7)
    assert torch.equal(fgsm_step(images, torch.zeros_like(images), epsilon=0.1), images)


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_a_classifier_without_gradients_is_one_sentence(
    attack: Callable[..., AttackResult], network: PaperNetwork, images: Images, labels: Labels
) -> None:
    with pytest.raises(InputError, match=r"^expected a classifier that gradients flow through, got outputs without"):
        attack(lambda values: network(values).detach(), images, labels, epsilon=0.1)
    with pytest.raises(InputError, match=r"^expected a classifier that gradients flow through, got outputs without"):
        attack(lambda values: network.requires_grad_()(values.round().detach()), images, labels, epsilon=0.1)


@pytest.mark.parametrize(
    "settings",
    [{"step_size": -0.1}, {"step_size": 1.5}, {"step_size": float("nan")}, {"steps": 0}, {"steps": -1}],
    ids=str,
)
def test_an_impossible_setting_is_one_sentence(
    network: PaperNetwork, images: Images, labels: Labels, settings: dict[str, float]
) -> None:
    with pytest.raises(InputError, match=r"^expected step_size in \[0, 1\] and at least one step, got "):
        pgd(network, images, labels, epsilon=0.1, **settings)
