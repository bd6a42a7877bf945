"""Train further on images under elements of the group, drawn at random."""

from dataclasses import replace

from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.fine_tuning import RECIPE, copy_to_train, element_augmentation, fine_tune_copy
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.transforms.groups import Group


@register_method
def augment(
    classifier: ClassifierAdapter, fit: FitData, group: Group, seed: int, progress: Progress, *, epochs: int = 2
) -> ClassifierAdapter:
    """Train further from the given weights, in each epoch each image under an element of the group drawn anew.

    Nothing holds by construction.

    Args:
        classifier: A torch module; a copy of it is trained.
        fit: Labeled images.
        group: What images are shown under, all elements equally often.
        seed: Decides order, elements and which images are held out.
        progress: Called after each epoch.
        epochs: Passes over the images.

    Raises:
        InputError: The classifier is no torch module, or there are no labels.
    """
    copied = copy_to_train(classifier, fit, method="augment")
    recipe, augmentations = replace(RECIPE, epochs=epochs), (element_augmentation(group),)
    return fine_tune_copy(copied, fit, seed, progress, recipe=recipe, augmentations=augmentations)
