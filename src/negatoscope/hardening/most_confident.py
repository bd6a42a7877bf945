"""The answer of the member of the orbit that the classifier is most confident about."""

import torch

from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.average import logits_over_orbit
from negatoscope.hardening.orbit import smallest
from negatoscope.hardening.wrapper import WrappedClassifier, Wrapper, wrap
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, Logits


class MostConfident(Wrapper):
    """For each image the logits of the member of its orbit with the highest confidence."""

    method = "most_confident"

    def forward(self, classifier: Classifier, images: Images) -> Logits:
        """Logits for images in [0, 1]; of members that tie the first."""
        logits = logits_over_orbit(classifier, smallest(images, self.group), self.group)
        chosen = logits.softmax(dim=2).amax(dim=2).argmax(dim=1)
        return logits[torch.arange(len(logits), device=logits.device), chosen]


@register_method
def most_confident(
    classifier: ClassifierAdapter, fit: FitData, group: Group, seed: int, progress: Progress
) -> WrappedClassifier:
    """The answer to the member of the orbit that the classifier is most confident about; nothing is fitted.

    Args:
        classifier: Any.
        fit: Not used.
        group: What becomes the same.
        seed: Not used.
        progress: Not called.
    """
    return wrap(classifier, MostConfident(group))
