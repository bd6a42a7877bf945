"""The 256 levels of 8-bit pixels, which arithmetic in float32 misses by its rounding."""

import torch
from jaxtyping import Float
from torch import Tensor

from negatoscope.types import Images

_ROUNDING = 1e-6  # in [0, 1]: a few operations in float32; between two levels lie 4000 times as much
_APART = 5  # pixels: so few of them tell most images that lie between the levels


def on_levels(images: Images) -> Images:
    """Images with the exact values of 8-bit pixels, as `to_images` makes them, where they differ by rounding alone.

    So the negative of 8-bit pixels is again what an 8-bit negative would be, bit for bit. It counts for an image as a
    whole: one with any value between the levels stays as it is. No value moves by more than 1e-6, gradients pass
    through, and no image depends on those beside it.

    Args:
        images: Images in [0, 1].
    """
    with torch.no_grad():
        few = images[:, :, ::_APART, ::_APART]
        if not (_distances(few, _levels(few)) <= _ROUNDING).any():
            return images
        exact = _levels(images)
        near = _distances(images, exact) <= _ROUNDING
        if not near.all():
            exact = torch.where(near[:, None, None, None], exact, images)
    return images + (exact - images).detach() if images.requires_grad else exact


def _levels(images: Images) -> Images:
    return (images * 255).round_().div_(255)


def _distances(images: Images, levels: Images) -> Float[Tensor, " batch"]:
    return (levels - images).abs_().amax(dim=(1, 2, 3))
