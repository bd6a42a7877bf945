"""The augmentation that people use already: RandAugment, with the negative among its operations."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from jaxtyping import Int64
from torch import Tensor

from negatoscope.descriptions import ParameterRange
from negatoscope.errors import expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.fine_tuning import RECIPE, copy_to_train, fine_tune_copy
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.training.augmentation import Augmentation
from negatoscope.transforms.color import saturation
from negatoscope.transforms.geometry import rotation, translation
from negatoscope.transforms.groups import Group
from negatoscope.transforms.tone import brightness, contrast, negative, posterize, solarize
from negatoscope.types import Images

_MOST = 10
"""The highest magnitude."""

Operation = Callable[[Images, float], Images]
"""An operation at a magnitude as a share of the highest; below 0 it goes the other way, where it has two."""

OPERATIONS: Mapping[str, Operation] = {
    "identity": lambda images, share: images,
    "rotation": lambda images, share: rotation(images, degrees=30 * share),
    "translation right": lambda images, share: translation(images, right=100 / 331 * share),
    "translation down": lambda images, share: translation(images, down=100 / 331 * share),
    "saturation": lambda images, share: saturation(images, factor=0.1 + 1.8 * abs(share)),
    "contrast": lambda images, share: contrast(images, factor=0.1 + 1.8 * abs(share)),
    "brightness": lambda images, share: brightness(images, factor=0.1 + 1.8 * abs(share)),
    "posterize": lambda images, share: posterize(images, bits=max(1, int(4 * abs(share)))),
    "solarize": lambda images, share: solarize(images, threshold=abs(share)),
    "negative": lambda images, share: negative(images),
}
"""What of RandAugment there is among our transforms, in the ranges of its authors' code; last the negative (Invert)."""


@register_method
def rand_augment(
    classifier: ClassifierAdapter,
    fit: FitData,
    group: Group,
    seed: int,
    progress: Progress,
    *,
    epochs: int = 2,
    operations: Annotated[int, ParameterRange(1, 4)] = 2,
    magnitude: Annotated[float, ParameterRange(0.0, 10.0)] = 9.0,
) -> ClassifierAdapter:
    """Train further with RandAugment, as far as its operations are transforms here, and with the negative: a baseline.

    Ten operations, all equally likely: the identity, rotation, two translations, saturation, contrast, brightness,
    posterize, solarize and the negative, which the paper's list lacks and its authors' code has as Invert. Of the
    fourteen in the paper autocontrast, equalize, sharpness and two shears are missing, for which there are no
    transforms here. With two operations an image in five goes through the negative.

    Args:
        classifier: A torch module; a copy of it is trained.
        fit: Labeled images.
        group: Not used: the operations are the same for every group.
        seed: Decides order, operations, their directions and which images are held out.
        progress: Called after each epoch.
        epochs: Passes over the images.
        operations: How many each image goes through, one after the other, from 1 to 10.
        magnitude: Of all operations, from 0 to 10.

    Raises:
        InputError: The classifier is no torch module, there are no labels, or a setting is out of range.

    Source: Cubuk et al. 2020, arXiv 1909.13719, section 3; ranges of its authors' code, tensorflow/tpu.
    """
    expect(1 <= operations <= _MOST, f"operations from 1 to {_MOST}", operations)
    expect(0 <= magnitude <= _MOST, f"magnitude from 0 to {_MOST}", magnitude)
    copied = copy_to_train(classifier, fit, method="rand_augment")
    draw, apply = partial(draw_operations, operations=operations), partial(each_changed, share=magnitude / _MOST)
    return fine_tune_copy(
        copied,
        fit,
        seed,
        progress,
        recipe=replace(RECIPE, epochs=epochs),
        augmentations=(Augmentation("operations", draw, apply),),
    )


def draw_operations(
    count: int, *, seed: int, operations: int, among: int = len(OPERATIONS)
) -> Int64[Tensor, "count {operations}"]:
    """For each image which operations it goes through, `among` the first: positions, and as many the other way."""
    return torch.randint(2 * among, (count, operations), generator=torch.Generator().manual_seed(seed))


def each_changed(
    images: Images, rows: Int64[Tensor, "batch operations"], *, share: float, among: int = len(OPERATIONS)
) -> Images:
    """Each image after its own operations, `among` the first, at a share of their greatest strength in [0, 1]."""
    changed = images.clone()
    for column in rows.unbind(dim=1):
        for index in sorted(set(column.tolist())):
            chosen = column == index
            other_way, operation = divmod(index, among)
            apply = list(OPERATIONS.values())[operation]
            changed[chosen] = apply(changed[chosen], -share if other_way else share)
    return changed
