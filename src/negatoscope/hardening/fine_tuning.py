"""Train a copy of a classifier's torch module further: what the methods that change weights have in common."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.data import Dataset
from negatoscope.errors import InputError, expect, reason
from negatoscope.hardening import LEAST, FitData, Progress
from negatoscope.hardware import Hardware, pick_hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import to_images
from negatoscope.models.torch_module import load_callable
from negatoscope.training.augmentation import Augmentation
from negatoscope.training.loop import Epoch, Learner, Objective, train_model
from negatoscope.training.recipe import Recipe
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, LabelArray, Labels, Logits, PixelArray

RECIPE = Recipe("fine_tuning", optimizer="adamw", learning_rate=5e-4, weight_decay=0.01, epochs=2, batch_size=128)
"""Half of AdamW's usual step size, for weights that are already good, up over a fifth of the steps and down to 0."""

WRAPPERS = "or choose one of the wrappers, such as canonicalize"
_HELD_OUT, _MOST_HELD_OUT = 0.1, 2000


class AdaptedModule(nn.Module):
    """A classifier as training sees it: its parameters, and images in [0, 1] to logits by its own input spec.

    Args:
        classifier: One whose `run` is its module.
    """

    def __init__(self, classifier: ClassifierAdapter) -> None:
        super().__init__()
        self.module = classifier.module
        self.classifier = classifier

    def forward(self, images: Images) -> Logits:
        """Class scores for images in [0, 1]."""
        return self.classifier(images)


def copy_to_train(classifier: ClassifierAdapter, fit: FitData, *, method: str) -> ClassifierAdapter:
    """The classifier over a copy of its module, in evaluation mode, all parameters open to gradients.

    Raises:
        InputError: It is no torch module that can be called with its input alone, its outputs have no gradients, or it
            is a frozen export.
    """
    module, text = classifier.module, f"a torch module for {method}"
    if module is None or classifier.kind == "export":
        got = f"a model of kind {classifier.kind}, whose weights cannot be trained"
        raise InputError(f"expected {text}, got {got}; give the module that it was made from, {WRAPPERS}")
    probe = to_images(torch.from_numpy(np.array(fit.images[:2]))).to(classifier.device)
    try:
        copy = deepcopy(module).requires_grad_(True)
        copied = with_module(classifier, copy, name=f"{classifier.name} ({method})")
        with torch.enable_grad():
            outputs = copied(probe)
        with torch.no_grad():  # with gradients attention may take another way to the same numbers
            same = torch.equal(classifier(probe), copied(probe))
    except (RuntimeError, TypeError) as error:
        raise InputError(f"expected {text}, got {classifier.name}, which fails: {reason(error)}; {WRAPPERS}") from error
    got = f"outputs of {classifier.name} that have none; {WRAPPERS}"
    expect(outputs.requires_grad, f"{text} whose outputs have gradients", got)
    expect(
        same, f"{text} that gives its outputs for its input alone", f"other outputs of {classifier.name}; {WRAPPERS}"
    )
    return copied


def with_module(classifier: ClassifierAdapter, module: nn.Module, *, name: str = "") -> ClassifierAdapter:
    """The classifier with another module in the place of its own, all else as it is."""
    loaded = load_callable(module.eval(), name=name or classifier.name, device=classifier.device)
    return replace(classifier, name=loaded.name, run=loaded.run, module=module, sha256=loaded.sha256)


@torch.enable_grad()
def fine_tune_copy(
    copied: ClassifierAdapter,
    fit: FitData,
    seed: int,
    progress: Progress,
    *,
    recipe: Recipe,
    objective: Callable[[Hardware], Objective] | None = None,
    augmentations: tuple[Augmentation, ...] = (),
    shown: Callable[[PixelArray, LabelArray], tuple[PixelArray, LabelArray]] = lambda images, labels: (images, labels),
) -> ClassifierAdapter:
    """Train what `copy_to_train` gave, in place; a tenth of the images is held out, and measured after each epoch.

    Args:
        copied: The classifier over its copied module.
        fit: Labeled images.
        seed: Decides everything that is drawn.
        progress: Called after each epoch.
        recipe: `RECIPE` with the method's own epochs.
        objective: Makes the objective for a device and precision; cross-entropy if not given.
        augmentations: What images go through.
        shown: Makes of the images and labels that are not held out those that are trained on.

    Raises:
        InputError: Labels are missing, not of the classifier's classes, or fewer than 20; or training diverges.
    """
    labels = expect_labels(copied, fit)
    chosen, held = fit.held_out(share=min(_HELD_OUT, _MOST_HELD_OUT / len(labels)), seed=seed)
    chosen = chosen[: len(chosen) // 2 * 2]  # no last batch of one image, for which batch norm has no variance
    training, validation = (
        _dataset(*pair) for pair in (shown(fit.images[chosen], labels[chosen]), (fit.images[held], labels[held]))
    )
    hardware = pick_hardware(str(copied.device))
    learner = Learner(
        AdaptedModule(copied),
        recipe,
        hardware,
        objective(hardware) if objective else partial(cross_entropy, hardware=hardware),
        augmentations,
    )
    report = _by_epoch(progress, recipe.epochs)
    report(
        train_model(learner, training, validation=validation, seed=seed, progress=lambda moment: report(moment.history))
    )
    assert copied.module is not None, "it was trained"
    return with_module(copied, copied.module.requires_grad_(False))


def cross_entropy(model: nn.Module, images: Images, labels: Labels, *, hardware: Hardware) -> Tensor:
    """The objective of plain training."""
    with hardware.autocast():
        logits = model(images)
    loss = functional.cross_entropy(logits.float(), labels)
    torch.autograd.backward(loss)
    return loss.detach()


def element_augmentation(group: Group) -> Augmentation:
    """Each image under an element of the group that is drawn anew in each epoch, all of them equally likely."""
    return Augmentation("element", partial(draw_elements, elements=len(group)), group.apply)


def draw_elements(count: int, *, seed: int, elements: int) -> Int64[Tensor, " count"]:
    """For each image the position of an element of a group, all of them equally likely."""
    return torch.randint(elements, (count,), generator=torch.Generator().manual_seed(seed))


def expect_labels(classifier: ClassifierAdapter, fit: FitData) -> LabelArray:
    """The labels to train on.

    Raises:
        InputError: There are none, fewer than 20, or some that are no class of the classifier.
    """
    if fit.labels is None:
        raise InputError(
            f"expected labeled images to fit {classifier.name} on, got images alone or with other classes than "
            f"those of the data that judge; label them so, {WRAPPERS}"
        )
    classes = classifier.input_spec.data_classes
    expect(len(fit.labels) >= LEAST, f"at least {LEAST} images to fit on", len(fit.labels))
    inside = fit.labels.min() >= 0 and fit.labels.max() < classes
    expect(inside, f"labels from 0 to {classes - 1}", f"{fit.labels.min()} to {fit.labels.max()}")
    return fit.labels


def _dataset(images: PixelArray, labels: LabelArray) -> Dataset:
    names = tuple(map(str, range(int(labels.max()) + 1)))
    return Dataset("fit", "train", images, labels, names, samples=np.arange(len(labels)))


def _by_epoch(progress: Progress, epochs: int) -> Callable[[Sequence[Epoch]], None]:
    """Tells of each epoch of a history once."""
    reported = 0

    def report(history: Sequence[Epoch]) -> None:
        nonlocal reported
        for epoch in history[reported:]:
            right = f"{100 * epoch.validation_accuracy:.2f} % of held-out images correct"
            progress(f"epoch {epoch.epoch} of {epochs}: {right}")
        reported = len(history)

    return report
