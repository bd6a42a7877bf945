"""Transforms of brightness, pixel by pixel."""

from negatoscope.transforms import register_transform
from negatoscope.types import Images


@register_transform
def negative(images: Images) -> Images:
    """The photographic negative: ``1 - images``. Applied twice it gives the images back, up to rounding.

    Args:
        images: Images in [0, 1].

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, section on negative images.
    """
    return 1.0 - images
