"""The smallest change that is still misclassified, on the way from one that was found back to the image."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from negatoscope.errors import InputError
from negatoscope.models.predict import Classifier
from negatoscope.transforms.spaces import Points, Space
from negatoscope.types import Images, Labels

HALVINGS = 8
"""How often the line back to the image is halved: the end is known to 1/256 of the change that was found."""


@dataclass(frozen=True)
class SmallestChanges:
    """For each image a point at which it is misclassified, no farther from the identity than the one that was given.

    Args:
        points: In the unit cube of the space; the classifier was asked at every one of them.
        distances: From the identity, as `Space.distance` counts it.
        queries: Forward passes spent on each image.
    """

    points: Points
    distances: Float[Tensor, " batch"]
    queries: Int64[Tensor, " batch"]


@torch.no_grad()
def smallest_changes(
    classifier: Classifier, images: Images, labels: Labels, points: Points, *, space: Space
) -> SmallestChanges:
    """Make changes smaller as long as images stay misclassified.

    First each dimension in turn goes back to its identity, where the others suffice. Then what is left moves along the
    straight line to the identity, by bisection; choices stay, as there is nothing between them. There may be a smaller
    change on another way.

    Args:
        classifier: Maps images in [0, 1] to logits.
        images: Images in [0, 1] that are correct as they are.
        labels: The true classes.
        points: For each image a point of the unit cube at which it is misclassified.
        space: One with an identity.

    Raises:
        InputError: The space has no identity.
    """
    if space.identity is None:
        raise InputError(f"expected a space in which some point changes nothing, got {space.text}")
    identity, best = space.identity.to(points), points.clone()
    queries = torch.zeros(len(points), dtype=torch.int64, device=points.device)

    def shrink(tried: Points, chosen: Bool[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Which of the chosen images are misclassified at a point that is tried; that is then their best one."""
        failed = torch.zeros_like(chosen)
        if chosen.any():
            logits = classifier(space.apply(images[chosen], tried[chosen]))
            failed[chosen] = logits.argmax(dim=1) != labels[chosen]
        queries.add_(chosen)
        best[failed] = tried[failed]
        return failed

    for dimension in range(points.shape[1]):
        tried = best.clone()
        tried[:, dimension] = identity[dimension]
        others = (tried != identity).any(dim=1)  # without any change an image is correct
        shrink(tried, others & (tried != best).any(dim=1))
    choice = torch.tensor([bool(dimension.choices) for dimension in space.dimensions], device=points.device)
    start, end = torch.where(choice, best, identity), best.clone()
    low, high = points.new_zeros(len(points)), points.new_ones(len(points))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        failed = shrink(torch.lerp(start, end, middle[:, None]), (start != end).any(dim=1))
        low, high = torch.where(failed, low, middle), torch.where(failed, middle, high)
    return SmallestChanges(best, space.distance(best), queries)
