"""The output for the member of the orbit that the classifier is most confident about."""

import torch
from jaxtyping import Int64
from torch import Tensor

from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.average import logits_over_orbit
from negatoscope.hardening.orbit import smallest
from negatoscope.hardening.wrapper import WrappedClassifier, Wrapper, wrap
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, Logits

DOUBT_STEPS = 1024
"""Steps in which the logarithm of the odds against a prediction is compared: beside them rounding decides nothing."""


class MostConfident(Wrapper):
    """For each image the logits of the member of its orbit with the highest confidence."""

    method = "most_confident"
    by_construction = True

    def forward(self, classifier: Classifier, images: Images) -> Logits:
        """Logits for images in [0, 1]; of members that tie the first."""
        logits = logits_over_orbit(classifier, smallest(images, self.group), self.group)
        chosen = most_confident_of(logits)
        return logits[torch.arange(len(logits), device=logits.device), chosen]


def most_confident_of(logits: Tensor) -> Int64[Tensor, " batch"]:
    """Which of the logits of each image, of shape (batch, elements, classes), have the highest confidence.

    The odds against the predicted class are compared, which differ where confidences are all rounded to 1. Of those
    that tie the first is taken.
    """
    top, predicted = logits.max(dim=2, keepdim=True)
    odds = (logits - top).exp().scatter(2, predicted, 0.0).sum(dim=2)
    return (odds.clamp(min=torch.finfo(odds.dtype).tiny).log() * DOUBT_STEPS).round().argmin(dim=1)


@register_method
def most_confident(
    classifier: ClassifierAdapter, fit: FitData, group: Group, seed: int, progress: Progress
) -> WrappedClassifier:
    """The output for the member of the orbit that the classifier is most confident about; nothing is fitted.

    Args:
        classifier: Any.
        fit: Not used.
        group: What becomes the same.
        seed: Not used.
        progress: Not called.
    """
    return wrap(classifier, MostConfident(group))
