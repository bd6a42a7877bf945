"""The straight line from an image to its negative."""

from typing import Annotated

import torch

from negatoscope.errors import expect
from negatoscope.transforms import ParameterRange, register_transform
from negatoscope.transforms.parts import by_parts
from negatoscope.types import Images


@register_transform(kind="path")
def negative_path(images: Images, *, share: Annotated[float, ParameterRange(0.0, 1.0, identity=0.0)]) -> Images:
    """A point on the line from the image to its negative: ``(1 - share) * images + share * (1 - images)``.

    Its middle is gray whatever the image is, so a person sees less and less up to there.

    Args:
        images: Images in [0, 1].
        share: From 0, the image, to 1, the negative.

    Raises:
        InputError: `share` is not in [0, 1].

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, section on negative images, for its far end.
    """
    expect(0 <= share <= 1, "share of negative_path from 0 to 1", f"{share}; 1.0 is the negative")
    return by_parts(images, lambda part: torch.lerp(part, 1 - part, share))
