"""The mean of the outputs over the orbit."""

import math
from typing import Literal, get_args

from torch import Tensor

from negatoscope.errors import expect
from negatoscope.hardening import FitData, Progress, register_method
from negatoscope.hardening.orbit import orbit, smallest
from negatoscope.hardening.wrapper import WrappedClassifier, Wrapper, wrap
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, Logits

Averaged = Literal["probabilities", "log_probabilities", "logits"]


class Average(Wrapper):
    """The mean of a classifier's outputs for all members of an orbit.

    Args:
        group: What outputs are averaged over.
        of: What is averaged.
    """

    method = "average"
    by_construction = True

    def __init__(self, group: Group, of: Averaged) -> None:
        super().__init__(group)
        self.of = of

    def extra_repr(self) -> str:
        """What it is set to."""
        return f"{super().extra_repr()}, of={self.of}"

    def forward(self, classifier: Classifier, images: Images) -> Logits:
        """Logits whose softmax, or which themselves, are the mean over the orbit of images in [0, 1]."""
        logits = logits_over_orbit(classifier, smallest(images, self.group), self.group)
        if self.of == "probabilities":
            return logits.log_softmax(dim=2).logsumexp(dim=1) - math.log(len(self.group))
        return (logits.log_softmax(dim=2) if self.of == "log_probabilities" else logits).mean(dim=1)


def logits_over_orbit(classifier: Classifier, images: Images, group: Group) -> Tensor:
    """Logits for each member of each image's orbit, of shape (batch, elements, classes)."""
    members = orbit(images, group)
    return classifier(members.flatten(0, 1)).reshape(*members.shape[:2], -1)


@register_method
def average(
    classifier: ClassifierAdapter,
    fit: FitData,
    group: Group,
    seed: int,
    progress: Progress,
    *,
    of: Averaged = "probabilities",
) -> WrappedClassifier:
    """The mean of the classifier's outputs for all members of the orbit; nothing is fitted.

    Args:
        classifier: Any.
        fit: Not used.
        group: What becomes the same.
        seed: Not used.
        progress: Not called.
        of: "probabilities", "log_probabilities" or "logits".

    Raises:
        InputError: `of` is none of these.
    """
    known = get_args(Averaged)
    expect(of in known, f"of to be {', '.join(known)}", repr(of))
    return wrap(classifier, Average(group, of))
