"""Train further with a few transformed images among the others."""

from dataclasses import replace
from typing import Annotated

import numpy as np
import torch

from negatoscope.descriptions import ParameterRange
from negatoscope.errors import expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.fine_tuning import RECIPE, copy_to_train, draw_elements, fine_tune_copy
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import to_images
from negatoscope.transforms.groups import Group
from negatoscope.types import LabelArray, PixelArray


@register_method
def fine_tune(
    classifier: ClassifierAdapter,
    fit: FitData,
    group: Group,
    seed: int,
    progress: Progress,
    *,
    epochs: int = 2,
    transformed: Annotated[int, ParameterRange(10, 1000)] = 100,
) -> ClassifierAdapter:
    """Train further from the given weights, where only few transformed images can be had.

    Half of what is trained on are these few, as often as it takes; the other half are images as they are.

    Args:
        classifier: A torch module; a copy of it is trained.
        fit: Labeled images.
        group: Each of the few is shown under one element of it, which is not the identity.
        seed: Decides order, elements, which images are the few and which are held out.
        progress: Called after each epoch.
        epochs: Passes over as many images as are not held out.
        transformed: How many the few are, at least 1.

    Raises:
        InputError: The classifier is no torch module, there are no labels, or fewer images than `transformed`.
    """
    copied = copy_to_train(classifier, fit, method="fine_tune")

    def shown(images: PixelArray, labels: LabelArray) -> tuple[PixelArray, LabelArray]:
        expect(1 <= transformed <= len(images), f"transformed from 1 to the {len(images)} images", transformed)
        order = np.random.default_rng(seed).permutation(len(images))
        few, half = order[:transformed], order[: len(images) // 2]
        elements = 1 + draw_elements(len(few), seed=seed, elements=len(group) - 1)
        changed = group.apply(to_images(torch.from_numpy(images[few])), elements)
        pixels = (changed * 255).round().to(torch.uint8).numpy()
        again = np.resize(np.arange(len(few)), len(images) - len(half))
        return np.concatenate([images[half], pixels[again]]), np.concatenate([labels[half], labels[few][again]])

    return fine_tune_copy(copied, fit, seed, progress, recipe=replace(RECIPE, epochs=epochs), shown=shown)
