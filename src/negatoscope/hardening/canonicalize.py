"""Show the classifier the member of the orbit that looks most natural."""

import torch
from jaxtyping import Int64
from torch import Tensor

from negatoscope.errors import expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.orbit import orbit, smallest
from negatoscope.hardening.scorer import Scorer, fit_scorer
from negatoscope.hardening.wrapper import WrappedClassifier, Wrapper, wrap
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, Logits


class Canonicalizer(Wrapper):
    """Chooses from the orbit of an image what the scorer ranks highest.

    Args:
        group: What is chosen from.
        scorer: Ranks images.
    """

    method = "canonicalize"
    by_construction = True

    def __init__(self, group: Group, scorer: Scorer) -> None:
        super().__init__(group)
        self.scorer = scorer

    def choice(self, images: Images) -> tuple[Images, Int64[Tensor, " batch"]]:
        """The images that choices are counted from, and which element of the group is chosen for each."""
        first = smallest(images, self.group)
        return first, self.scorer.over_orbit(first, self.group).argmax(dim=1)

    def canonical(self, images: Images) -> Images:
        """The most natural member of each image's orbit, the same bits for all members of an orbit."""
        first, chosen = self.choice(images)
        return orbit(first, self.group)[torch.arange(len(images), device=images.device), chosen]

    def forward(self, classifier: Classifier, images: Images) -> Logits:
        """Logits for the most natural member of each image's orbit."""
        return classifier(self.canonical(images))


@register_method
def canonicalize(
    classifier: ClassifierAdapter, fit: FitData, group: Group, seed: int, progress: Progress, *, epochs: int = 4
) -> WrappedClassifier:
    """Show the classifier the member of the orbit that a small network, fitted on images alone, finds most natural.

    Args:
        classifier: Any.
        fit: Images that look as they should; labels are not needed.
        group: What becomes the same.
        seed: Decides weights, order and which images are held out.
        progress: Called after each epoch.
        epochs: At most, of fitting.

    Raises:
        InputError: There are fewer than 20 images, or `epochs` is below 1.

    Source: Kaba et al. 2022, arXiv 2211.06489 (learned canonicalization).
    """
    expect(epochs >= 1, "epochs of at least 1", epochs)
    scorer, _ = fit_scorer(fit, group, epochs=epochs, seed=seed, progress=progress)
    return wrap(classifier, Canonicalizer(group, scorer.to(classifier.device)))
