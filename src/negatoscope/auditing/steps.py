"""What an audit does to a batch: transforms, changes that know the labels, and attacks are run alike."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jaxtyping import Int64
from torch import Tensor

from negatoscope.attacks import Attack
from negatoscope.models.predict import Classifier
from negatoscope.rows import Column
from negatoscope.types import Images, Labels


@dataclass(frozen=True)
class Changed:
    """Images after a step, and what rows keep of how each was made.

    Args:
        images: In [0, 1].
        columns: Columns of rows beside those of the predictions; none where all images went through one transform.
    """

    images: Images
    columns: dict[str, Column] = field(default_factory=dict)


AuditStep = Callable[[Images, Labels, Int64[Tensor, " batch"]], Changed]
"""Called with images, their labels and for each image a number of its own, which what an attack draws derives from."""


def transform_step(transform: Callable[[Images], Images]) -> AuditStep:
    """A transform as a step."""
    return lambda images, labels, keys: Changed(transform(images))


def attack_step(attack: Attack, classifier: Classifier) -> AuditStep:
    """An attack on a classifier as a step: rows keep what it chose for each image and how often it asked."""

    def step(images: Images, labels: Labels, keys: Int64[Tensor, " batch"]) -> Changed:
        result = attack(classifier, images, labels, keys)
        chosen = [spec or None for spec in result.parameters]
        return Changed(result.images, {"parameters": chosen, "queries": result.queries.cpu().numpy()})

    return step
