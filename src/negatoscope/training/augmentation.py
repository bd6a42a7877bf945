"""Augmentations: transforms that training draws at random, for a whole epoch at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Int64
from torch import Tensor
from torch.nn import functional

from negatoscope.training.recipe import Recipe
from negatoscope.transforms.tone import negative
from negatoscope.types import Images


@dataclass(frozen=True)
class Augmentation:
    """A transform of which each image of an epoch has a draw of its own.

    Args:
        name: Its draws derive from the run's seed and this name: no two augmentations share theirs.
        draw: Called as ``draw(count, seed=...)`` for an epoch of `count` images; a row of numbers for each.
        apply: Called as ``apply(images, rows)`` for a batch in [0, 1] and its rows.
    """

    name: str
    draw: Callable[..., Tensor]
    apply: Callable[[Images, Tensor], Images]


def recipe_augmentations(recipe: Recipe) -> tuple[Augmentation, ...]:
    """What a recipe's images go through: some become negatives, then all are shifted."""
    found = []
    if recipe.negative_share:
        found.append(Augmentation("negative", partial(negated, share=recipe.negative_share), with_negatives))
    if recipe.shift:
        pixels = recipe.shift
        found.append(Augmentation("shift", partial(shifts, pixels=pixels), partial(shifted, pixels=pixels)))
    return tuple(found)


def shifts(count: int, *, pixels: int, seed: int) -> Int64[Tensor, "{count} 2"]:
    """Where each of `count` windows begins, down and right: from 0 to twice `pixels`, drawn from `seed`."""
    return torch.randint(0, 2 * pixels + 1, (count, 2), generator=torch.Generator().manual_seed(seed))


def negated(count: int, *, share: float, seed: int) -> Bool[Tensor, " count"]:
    """Which of `count` images are shown as their negatives: each with probability `share`, drawn from `seed`."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed)) < share


def with_negatives(images: Images, which: Bool[Tensor, " batch"]) -> Images:
    """The images, of some the negatives."""
    return torch.where(which[:, None, None, None], negative(images), images)


def shifted(images: Images, offsets: Int64[Tensor, "batch 2"], *, pixels: int) -> Images:
    """Each image moved by its own whole number of pixels, up to `pixels` each way, edges repeated."""
    height, width = images.shape[2:]
    padded = functional.pad(images, (pixels,) * 4, mode="replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: every window of every image
    return windows[torch.arange(len(images), device=images.device), :, offsets[:, 0], offsets[:, 1]]
