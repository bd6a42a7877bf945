"""Attacks that follow the gradient of the loss with respect to the images, in the maximum norm."""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from negatoscope.attacks import AttackResult, register_attack
from negatoscope.descriptions import ParameterRange
from negatoscope.errors import InputError, expect
from negatoscope.models.predict import Classifier
from negatoscope.types import Images, Labels

Epsilon = Annotated[float, ParameterRange(0.0, 1.0, identity=0.0)]


@torch.no_grad()
def fgsm_step(images: Images, gradient: Images, *, epsilon: float) -> Images:
    """``images + epsilon * sign(gradient)``, clipped to [0, 1].

    Source: Goodfellow et al. 2015, arXiv 1412.6572, section 4.
    """
    return torch.add(images, gradient.sign(), alpha=epsilon).clamp_(0.0, 1.0)


@register_attack
def fgsm(classifier: Classifier, images: Images, labels: Labels, *, epsilon: Epsilon) -> AttackResult:
    """The fast gradient sign method: one step of size `epsilon` up the cross-entropy of the labels.

    Args:
        classifier: Maps images in [0, 1] to logits, differentiably.
        images: Images in [0, 1].
        labels: The true classes.
        epsilon: The largest change of a pixel, in [0, 1].

    Raises:
        InputError: `epsilon` is not in [0, 1], or no gradients flow through the classifier.

    Source: Goodfellow et al. 2015, arXiv 1412.6572, section 4.
    """
    expect_epsilon(epsilon)
    attacked = fgsm_step(images, _loss_gradient(classifier, images, labels), epsilon=epsilon)
    return AttackResult.judged(classifier, attacked, labels, queries=1)


@register_attack
def pgd(
    classifier: Classifier,
    images: Images,
    labels: Labels,
    *,
    epsilon: Epsilon,
    step_size: float = 0.0,
    steps: int = 20,
    random_start: bool = True,
    seed: int = 0,
) -> AttackResult:
    """Projected gradient descent: signed steps, each followed by projection onto the ball around the images.

    Args:
        classifier: Maps images in [0, 1] to logits, differentiably.
        images: Images in [0, 1].
        labels: The true classes.
        epsilon: The largest change of a pixel, in [0, 1].
        step_size: The change of a pixel per step; 0 stands for ``2.5 * epsilon / steps``.
        steps: How many.
        random_start: Whether to start anywhere in the ball rather than at the images.
        seed: Of the random start, from -2**63 to 2**63 - 1; the first image of every batch starts by the same draw, and
            so on.

    Raises:
        InputError: `epsilon` or `step_size` is not in [0, 1], `steps` is below 1, `seed` is out of range, or no
            gradients flow through the classifier.

    Source: Madry et al. 2018, arXiv 1706.06083, section 2.1.
    """
    expect_epsilon(epsilon)
    possible = 0.0 <= step_size <= 1.0 and steps >= 1
    expect(possible, "step_size in [0, 1] and at least one step", f"{step_size} and {steps}")
    expect(-(2**63) <= seed < 2**63, "a seed from -2**63 to 2**63 - 1", seed)
    step_size = step_size or 2.5 * epsilon / steps
    attacked = images = images.detach()
    if random_start:
        noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)).to(images)
        attacked = _project(images + epsilon * (2 * noise - 1), images, epsilon)
    for _ in range(steps):
        gradient = _loss_gradient(classifier, attacked, labels)
        attacked = _project(torch.add(attacked, gradient.sign(), alpha=step_size), images, epsilon)
    return AttackResult.judged(classifier, attacked, labels, queries=steps)


def _project(attacked: Tensor, images: Images, epsilon: float) -> Images:
    return torch.minimum(torch.maximum(attacked, images - epsilon), images + epsilon).clamp_(0.0, 1.0)


def _loss_gradient(classifier: Classifier, images: Images, labels: Labels) -> Images:
    with torch.enable_grad():
        variable = images.detach().requires_grad_()
        # A sum, so that no image's gradient is scaled by the batch it came with.
        loss = functional.cross_entropy(classifier(variable), labels, reduction="sum")
        gradient = torch.autograd.grad(loss, variable, allow_unused=True)[0] if loss.requires_grad else None
    if gradient is None:
        got = "outputs without them (as of ONNX or whole numbers); give a torch module of floats"
        raise InputError(f"expected a classifier that gradients flow through, got {got}")
    return gradient


def expect_epsilon(epsilon: float) -> None:
    """Check the size of a perturbation.

    Raises:
        InputError: It is not in [0, 1].
    """
    expect(0.0 <= epsilon <= 1.0, "epsilon in [0, 1] (pixels are in [0, 1])", epsilon)
