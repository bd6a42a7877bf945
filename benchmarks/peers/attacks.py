"""FGSM as each library's documents advise it, as ``attack(images, labels) -> adversarial images``.

Each imports its library only when asked for. All follow the true labels' gradient.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Attack = Callable[[Tensor, Tensor], Tensor]


def by_hand(network: nn.Module, epsilon: float) -> Attack:
    """A few lines of PyTorch, as its own FGSM tutorial has them."""

    def attack(images: Tensor, labels: Tensor) -> Tensor:
        images = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(functional.cross_entropy(network(images), labels), images)
        return (images + epsilon * gradient.sign()).clamp(0.0, 1.0).detach()

    return attack


def torchattacks(network: nn.Module, epsilon: float) -> Attack:
    """``torchattacks.FGSM(model, eps)(images, labels)``; it goes to evaluation mode and back by itself."""
    import torchattacks

    attack: Attack = torchattacks.FGSM(network, eps=epsilon)
    return attack


def cleverhans(network: nn.Module, epsilon: float) -> Attack:
    """`fast_gradient_method` as in its PyTorch tutorial; the labels are given, which saves it a forward pass."""
    import numpy as np
    from cleverhans.torch.attacks.fast_gradient_method import fast_gradient_method

    def attack(images: Tensor, labels: Tensor) -> Tensor:
        found: Tensor = fast_gradient_method(network, images, epsilon, np.inf, clip_min=0.0, clip_max=1.0, y=labels)
        return found.detach()

    return attack


def foolbox(network: nn.Module, epsilon: float) -> Attack:
    """`LinfFastGradientAttack` on a `PyTorchModel` in evaluation mode, as its guide has it."""
    import foolbox

    network.eval()
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    fgsm = foolbox.attacks.LinfFastGradientAttack()

    def attack(images: Tensor, labels: Tensor) -> Tensor:
        network.eval()
        _, clipped, _ = fgsm(model, images, labels, epsilons=epsilon)
        network.train()
        return clipped  # type: ignore[no-any-return]

    return attack


MAKERS = {"pytorch": by_hand, "torchattacks": torchattacks, "cleverhans": cleverhans, "foolbox": foolbox}
