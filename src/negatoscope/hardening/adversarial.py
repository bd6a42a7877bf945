"""Train further on the worst of several random draws for each image."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.descriptions import ParameterRange
from negatoscope.errors import expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.fine_tuning import RECIPE, copy_to_train, cross_entropy, fine_tune_copy
from negatoscope.hardware import Hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.training.loop import Objective
from negatoscope.transforms.groups import Group
from negatoscope.transforms.spaces import Space, resolve_space
from negatoscope.types import Images, Labels


@register_method
def adversarial(
    classifier: ClassifierAdapter,
    fit: FitData,
    group: Group,
    seed: int,
    progress: Progress,
    *,
    space: str = "",
    draws: Annotated[int, ParameterRange(1, 10)] = 3,
    epochs: int = 1,
) -> ClassifierAdapter:
    """Train further on the worst of several random draws for each image, by the loss of the network as it stands.

    Draws are compared in forward passes alone. Where a backward pass counts as two forward passes, an image costs
    ``draws + 3`` of them, and with one draw, which is plain random augmentation, 3: one epoch with three draws costs as
    much as two of `augment` or of ``adversarial(draws=1)``. Nothing holds by construction.

    Args:
        classifier: A torch module; a copy of it is trained.
        fit: Labeled images.
        group: What draws are from where `space` is "": its elements, all equally likely.
        seed: Decides order, draws and which images are held out.
        progress: Called after each epoch.
        space: What draws are from, such as "geometry" or "gamma(exponent=0.5..2)": its points, all equally likely. It
            must keep the label of every image.
        draws: How many for each image and epoch, at least 1.
        epochs: Passes over the images.

    Raises:
        SpecError: The space is unknown, malformed or of color for gray images.
        InputError: The classifier is no torch module, there are no labels, or `draws` is below 1.

    Source: Engstrom et al. 2019, arXiv 1712.02779 (training on the worst of k random draws).
    """
    expect(draws >= 1, "draws of at least 1", draws)
    draw: Callable[[Images], Images] = partial(from_group, group=group)
    if space:
        draw = partial(from_space, space=resolve_space(space, channels=classifier.input_spec.planes))
    copied = copy_to_train(classifier, fit, method="adversarial")

    def objective(hardware: Hardware) -> Objective:
        return partial(worst_cross_entropy, draw=draw, draws=draws, hardware=hardware)

    return fine_tune_copy(copied, fit, seed, progress, recipe=replace(RECIPE, epochs=epochs), objective=objective)


def from_group(images: Images, *, group: Group) -> Images:
    """Each image under an element of the group that is drawn for it."""
    return group.apply(images, torch.randint(len(group), (len(images),)))


def from_space(images: Images, *, space: Space) -> Images:
    """Each image at a point of the space that is drawn for it."""
    return space.apply(images, torch.rand(len(images), len(space.dimensions)).to(images.device))


def worst_cross_entropy(
    model: nn.Module,
    images: Images,
    labels: Labels,
    *,
    draw: Callable[[Images], Images],
    draws: int,
    hardware: Hardware,
) -> Tensor:
    """Cross-entropy of the worst of several draws for each image."""
    worst = worst_draw(model, images, labels, draw=draw, draws=draws, hardware=hardware)
    return cross_entropy(model, worst, labels, hardware=hardware)


@torch.no_grad()
def worst_draw(
    model: nn.Module,
    images: Images,
    labels: Labels,
    *,
    draw: Callable[[Images], Images],
    draws: int,
    hardware: Hardware,
) -> Images:
    """For each image the draw with the highest loss in evaluation mode, the first of equals; one draw is not judged."""
    candidates = [draw(images) for _ in range(draws)]
    if draws == 1:
        return candidates[0]
    model.eval()
    with hardware.autocast():
        losses = [functional.cross_entropy(model(each).float(), labels, reduction="none") for each in candidates]
    model.train()
    worst = torch.stack(losses).argmax(dim=0)
    return torch.stack(candidates)[worst, torch.arange(len(images), device=images.device)]
