"""Train one variant of the discussion: which network, on which images, and what these go through."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from negatoscope.data import Dataset
from negatoscope.errors import DataError
from negatoscope.hardening.rand_augment import OPERATIONS, draw_operations, each_changed
from negatoscope.hardware import Hardware
from negatoscope.models.checkpoint import load_tensors
from negatoscope.models.small_networks import SmallResNet, SmallViT
from negatoscope.studies.discussion_plan import DiscussionRunSpec, Variant
from negatoscope.training.augmentation import Augmentation, recipe_augmentations
from negatoscope.training.loop import Learner, TrainingProgress, train_model
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import accumulate_gradients, derive_seed, make_network
from negatoscope.training.train import expect_images

WEIGHTS = "weights.safetensors"
"""The file in a plain run's folder that fine-tuned ones start from."""

_OPERATIONS, _SHARE = 2, 0.9
"""Of RandAugment: operations for each image, and their strength as a share of the highest.

Source: Cubuk et al. 2020, arXiv 1909.13719, section 4: 2 operations of magnitude 9 for small ResNets on ImageNet.
"""


@dataclass(frozen=True)
class ShownImages:
    """What a variant's network is trained on: the images, how many of them are shown as negatives, of which classes."""

    images: Dataset
    negatives: int
    classes: tuple[int, ...]


def shown_images(training: Dataset, variant: Variant, *, seed: int) -> ShownImages:
    """The images that a variant is trained on.

    From scratch these are all, and the negatives of some beside them. A fine-tuned one is shown as many images as
    there are: a share that is clean, and for the rest its negatives, as often as it takes, or as many of them as there
    is room for. Those of a smaller number,
    and the classes of a smaller share, are among those of a larger one of the same seed.
    """
    generator = np.random.default_rng(derive_seed(seed, "negatives"))
    names = len(training.class_names)
    classes = generator.permutation(names)[: max(1, round(variant.classes * names))]
    order = generator.permutation(len(training))
    candidates = order[np.isin(training.labels[order], classes)]
    chosen = candidates[: len(candidates) if variant.negatives == "all" else variant.negatives]
    known = tuple(sorted(map(int, classes))) if len(chosen) else ()
    if not len(chosen):
        return ShownImages(training, 0, known)
    kept, again = np.arange(len(training)), chosen
    if variant.fine_tuned:
        kept = np.sort(generator.permutation(len(training))[: round(variant.clean * len(training))])
        again = np.resize(chosen, len(training) - len(kept))
    shown = training.take(np.concatenate([kept, again]), split=training.split)
    pixels = np.array(shown.images)
    pixels[len(kept) :] = 255 - pixels[len(kept) :]
    return ShownImages(replace(shown, images=pixels), len(np.unique(again)), known)


@dataclass(frozen=True)
class TrainedVariant:
    """A network in evaluation mode, what it was trained on, and for how many seconds."""

    network: nn.Module
    shown: ShownImages
    seconds: float


def train_variant(
    spec: DiscussionRunSpec,
    training: Dataset,
    *,
    validation: Dataset,
    hardware: Hardware,
    folder: Path,
    start: Path | None,
    progress: Callable[[TrainingProgress], None],
) -> TrainedVariant:
    """Train a network, resuming where an earlier call was stopped.

    The plain variant is trained as a plain DNN of Table I of the same recipe and seed.

    Args:
        spec: What is trained.
        training: The images that there are to train on.
        validation: Followed along the way; nothing is chosen by it.
        hardware: Where.
        folder: Where the state is kept.
        start: The folder of the run that a fine-tuned one starts from.
        progress: Called after every step.

    Raises:
        InputError: Training diverges, or network and recipe do not fit the images.
        DataError: The weights to start from are missing or damaged.
        OutputError: `folder` cannot be written.
    """
    variant, recipe, seed = spec.variant, spec.recipe, spec.seed
    shown = shown_images(training, variant, seed=seed)
    expect_images(shown.images, validation, recipe)
    network = make_variant(variant, training, recipe, seed=derive_seed(seed, "weights"), device=hardware.device)
    if start is not None:
        network.load_state_dict(_weights(start))
    augmentations = recipe_augmentations(recipe) + _rand_augment(variant)
    learner = Learner(
        network,
        recipe,
        hardware,
        objective=partial(accumulate_gradients, recipe=recipe, epsilon=0.0, hardware=hardware),
        augmentations=augmentations,
        identity=(recipe.digest, variant.digest),
        recorded=variant.network == "paper" and variant.rand_augment == "none",
    )
    history = train_model(learner, shown.images, validation=validation, seed=seed, folder=folder, progress=progress)
    return TrainedVariant(network, shown, sum(epoch.seconds for epoch in history))


def make_variant(variant: Variant, training: Dataset, recipe: Recipe, *, seed: int, device: torch.device) -> nn.Module:
    """A variant's network for the images of a dataset, its weights drawn from `seed`."""
    _, channels, size, _ = np.shape(training.images)
    classes = len(training.class_names)
    network: nn.Module
    match variant.network:
        case "paper":
            return make_network(training, recipe, seed=seed, device=device)
        case "resnet":
            network = SmallResNet(channels=channels, classes=classes, seed=seed)
        case "vit":
            network = SmallViT(channels=channels, size=size, classes=classes, seed=seed)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _weights(start: Path) -> dict[str, torch.Tensor]:
    if not (start / WEIGHTS).is_file():
        raise DataError(f"expected the weights of the plain network in {start}, which are gone; delete that folder")
    return load_tensors(start / WEIGHTS)[0]


def _rand_augment(variant: Variant) -> tuple[Augmentation, ...]:
    if variant.rand_augment == "none":
        return ()
    among = len(OPERATIONS) - (variant.rand_augment == "without the negative")
    draw = partial(draw_operations, operations=_OPERATIONS, among=among)
    return (Augmentation("operations", draw, partial(each_changed, share=_SHARE, among=among)),)
