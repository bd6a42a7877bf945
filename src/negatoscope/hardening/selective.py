"""A second look, at the rest of the orbit, only where the classifier is not confident."""

import numpy as np
import torch

from negatoscope.errors import expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.average import logits_over_orbit
from negatoscope.hardening.most_confident import most_confident_of
from negatoscope.hardening.wrapper import WrappedClassifier, Wrapper, wrap
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier, predict
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, Logits


class Selective(Wrapper):
    """The classifier's own logits where it is confident, else those of the orbit's member it is most confident about.

    Args:
        group: What is looked at where it is not.
        threshold: The confidence, in [0, 1], from which on there is no second look.
    """

    method = "selective"

    def __init__(self, group: Group, threshold: float) -> None:
        super().__init__(group)
        self.threshold = threshold

    def extra_repr(self) -> str:
        """What it is set to."""
        return f"{super().extra_repr()}, threshold={self.threshold!r}"

    def forward(self, classifier: Classifier, images: Images) -> Logits:
        """Logits for images in [0, 1]."""
        logits = classifier(images)
        below = logits.softmax(dim=1).amax(dim=1) < self.threshold
        if below.any():
            members = logits_over_orbit(classifier, images[below], self.group)
            logits = logits.clone()
            logits[below] = members[torch.arange(len(members), device=members.device), most_confident_of(members)]
        return logits


@register_method
def selective(
    classifier: ClassifierAdapter,
    fit: FitData,
    group: Group,
    seed: int,
    progress: Progress,
    *,
    again: float = 0.05,
) -> WrappedClassifier:
    """A second look at the whole orbit only where the classifier is less confident than it is on most fit images.

    An image that it misreads with confidence stays misread: nothing holds by construction.

    Args:
        classifier: Any.
        fit: Images that the threshold is taken from; labels are not needed.
        group: What is looked at.
        seed: Not used.
        progress: Called with the threshold.
        again: The share of the fit images, above 0 and below 1, that get a second look.

    Raises:
        InputError: `again` is out of range.
    """
    expect(0.0 < again < 1.0, "again above 0 and below 1", again)
    unknown = np.zeros(len(fit.images), np.int64)
    confidences = predict(classifier, fit.images, unknown, device=classifier.device).confidences
    threshold = float(np.quantile(confidences, again))
    progress(f"A second look below a confidence of {100 * threshold:.1f} %")
    return wrap(classifier, Selective(group, threshold))
