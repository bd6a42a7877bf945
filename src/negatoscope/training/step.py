"""One step of training: the clean batch, and its adversarial copy from the gradient that the clean backward gives."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.attacks.gradient import fgsm_step
from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.training.recipe import Recipe
from negatoscope.types import Images, Labels


def accumulate_gradients(
    network: nn.Module, images: Images, labels: Labels, *, recipe: Recipe, epsilon: float, hardware: Hardware
) -> Tensor:
    """Add the gradient of the recipe's loss to the network's parameters and return the clean loss, detached.

    With `epsilon` 0 the loss is the clean cross-entropy. Else it is ``w * clean + (1 - w) * adversarial``, where the
    adversarial batch comes from the input gradient of this very clean backward pass: one more forward and backward,
    not two. For the true label, without label smoothing, it is the same batch that a separate attack pass would give,
    bit for bit in float32.

    Source: Goodfellow et al. 2015, arXiv 1412.6572, section 6.
    """
    with hardware.autocast():  # one for both passes, which thus share the weights that it casts
        if epsilon == 0.0:
            loss = _loss(network, images, labels, recipe)[0]
            torch.autograd.backward(loss)
            return loss.detach()
        attacked = images.detach().requires_grad_()
        loss, logits = _loss(network, attacked, labels, recipe)
        followed = labels if recipe.fgsm_label == "true" else logits.argmax(dim=1)
        gradient = _input_gradient(loss * recipe.clean_weight, logits, attacked, followed, recipe)
        adversarial = fgsm_step(images, gradient, epsilon=epsilon)
        adversarial_loss, _ = _loss(network, adversarial, labels, recipe)
        torch.autograd.backward(adversarial_loss * (1 - recipe.clean_weight))
        return loss.detach()


def _input_gradient(loss: Tensor, logits: Tensor, images: Images, labels: Labels, recipe: Recipe) -> Tensor:
    """Run the clean backward and return the input gradient that the attack follows, up to a positive factor."""
    if recipe.fgsm_label == "true" and recipe.clean_weight > 0:
        torch.autograd.backward(loss)
        assert images.grad is not None, "the images were marked for a gradient"
        return images.grad
    (gradient,) = torch.autograd.grad(functional.cross_entropy(logits, labels), images, retain_graph=True)
    torch.autograd.backward(loss)
    return gradient


def _loss(network: nn.Module, images: Images, labels: Labels, recipe: Recipe) -> tuple[Tensor, Tensor]:
    logits = network(images).float()
    return functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing), logits


def make_network(dataset: Dataset, recipe: Recipe, *, seed: int, device: torch.device) -> PaperNetwork:
    """The paper's network for the images of a dataset, its weights drawn from `seed`."""
    _, channels, size, _ = np.shape(dataset.images)
    classes = len(dataset.class_names)
    network = PaperNetwork(channels=channels, size=size, classes=classes, settings=recipe.network, seed=seed)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def make_optimizer(
    network: nn.Module, recipe: Recipe, *, device: torch.device, recorded: bool = False
) -> torch.optim.Optimizer:
    """The recipe's optimizer over all parameters, in its fused form where there is one.

    Where its steps are `recorded` as a CUDA graph, its learning rate is a tensor, which each replay reads anew.
    """
    parameters = list(network.parameters())
    rate: float | Tensor = torch.tensor(recipe.learning_rate, device=device) if recorded else recipe.learning_rate
    momentum, decay = recipe.momentum, recipe.weight_decay
    fused = device.type in ("cpu", "cuda")
    match recipe.optimizer:
        case "sgd":
            nesterov = recipe.nesterov and momentum > 0
            return torch.optim.SGD(parameters, rate, momentum, nesterov=nesterov, weight_decay=decay, fused=fused)
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=fused, capturable=recorded)
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=fused, capturable=recorded)
        case "adadelta":
            small = 1e-6 if recipe.optimizer_epsilon is None else recipe.optimizer_epsilon
            return torch.optim.Adadelta(
                parameters, rate, rho=recipe.rho, eps=small, weight_decay=decay, capturable=recorded
            )


def learning_rate(recipe: Recipe, *, step: int, steps: int) -> float:
    """The schedule's value at the middle of step `step` (from 0) of `steps`."""
    position = (step + 0.5) / steps
    match recipe.schedule:
        case "constant":
            return recipe.learning_rate
        case "cosine":
            return recipe.learning_rate * 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * position))))
        case "one_cycle":
            rising = position / recipe.warmup if recipe.warmup else 1.0
            return recipe.learning_rate * min(rising, (1 - position) / (1 - recipe.warmup))


def batches(
    count: int, batch_size: int, *, seed: int, device: torch.device | None = None
) -> Iterator[Int64[Tensor, " batch"]]:
    """Every index below `count` once, in an order drawn from `seed`; the last batch may be smaller."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    yield from torch.split(order.to(device), batch_size)


def derive_seed(seed: int, *purpose: object) -> int:
    """A seed of its own for each purpose, the same on every machine."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
