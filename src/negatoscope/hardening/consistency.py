"""Train further with a penalty on predictions that differ over the orbit."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.errors import expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.fine_tuning import RECIPE, copy_to_train, element_augmentation, fine_tune_copy
from negatoscope.hardware import Hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.training.loop import Objective
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, Labels, Logits


@register_method
def consistency(
    classifier: ClassifierAdapter,
    fit: FitData,
    group: Group,
    seed: int,
    progress: Progress,
    *,
    epochs: int = 1,
    weight: float = 1.0,
) -> ClassifierAdapter:
    """Train further on pairs from each image's orbit, with a penalty on predictions that differ within a pair.

    A pair costs as much as two images, so one epoch costs as much as two of `augment`. Nothing holds by construction.

    Args:
        classifier: A torch module; a copy of it is trained.
        fit: Labeled images.
        group: What pairs are drawn from, all pairs equally often.
        seed: Decides order, elements and which images are held out.
        progress: Called after each epoch.
        epochs: Passes over the images.
        weight: Of the Jensen-Shannon divergence between a pair's probabilities, beside the mean cross-entropy of both;
            at least 0.

    Raises:
        InputError: The classifier is no torch module, there are no labels, or `weight` is below 0.

    Source: Hendrycks et al. 2020, arXiv 1912.02781, section 3 (the divergence as penalty).
    """
    expect(0 <= weight < float("inf"), "weight of at least 0", weight)
    copied = copy_to_train(classifier, fit, method="consistency")

    def objective(hardware: Hardware) -> Objective:
        return partial(consistent_cross_entropy, group=group, weight=weight, hardware=hardware)

    return fine_tune_copy(
        copied,
        fit,
        seed,
        progress,
        recipe=replace(RECIPE, epochs=epochs),
        augmentations=(element_augmentation(group),),
        objective=objective,
    )


def consistent_cross_entropy(
    model: nn.Module, images: Images, labels: Labels, *, group: Group, weight: float, hardware: Hardware
) -> Tensor:
    """Cross-entropy of images and of another member of their orbits, and the divergence between both predictions."""
    others = 1 + torch.randint(len(group) - 1, (len(images),))
    with hardware.autocast():
        logits = model(torch.cat([images, group.apply(images, others)])).float()
    loss = functional.cross_entropy(logits, labels.repeat(2)) + weight * divergence(*logits.chunk(2))
    torch.autograd.backward(loss)
    return loss.detach()


def divergence(first: Logits, second: Logits) -> Tensor:
    """The mean Jensen-Shannon divergence of the softmax of two logits for each image, in nats: from 0 to log 2."""
    logs = torch.stack([first, second]).log_softmax(dim=2)
    middle = logs.logsumexp(dim=0) - torch.log(torch.tensor(2.0))
    return functional.kl_div(middle.expand_as(logs), logs, reduction="sum", log_target=True) / (2 * len(first))
