"""The image as a drawing of its edges."""

import torch
from torch.nn import functional

from negatoscope.transforms import register_transform
from negatoscope.transforms.parts import by_parts
from negatoscope.types import Images

_FAINTEST = 1 / 255


@register_transform
def edges(images: Images) -> Images:
    """The magnitude of each channel's Sobel gradient, bright on black; an image's strongest edge is 1.

    An image in which nothing changes by a level of 8 bits stays dark: noise is not drawn as if it were an edge.

    Args:
        images: Images in [0, 1].

    Source: Gonzalez and Woods, Digital Image Processing, section on Sobel operators.
    """
    return by_parts(images, _drawn)


def _drawn(images: Images) -> Images:
    exact = images.to(torch.promote_types(images.dtype, torch.float32)).contiguous()
    framed = functional.pad(exact, (1, 1, 1, 1), mode="replicate")
    height, width = framed.shape[2:]
    # All planes as one row of values, neighbors above and below `width` apart: what wraps around lies in no image.
    row = framed.flatten()
    rows = (2 * row[width:-width]).add_(row[: -2 * width]).add_(row[2 * width :])
    columns = (2 * row[1:-1]).add_(row[:-2]).add_(row[2:])
    across = rows[2:] - rows[:-2]
    down = columns[2 * width :] - columns[: -2 * width]
    square = across.square_().add_(down.square_()).div_(32)  # as if both were quartered, and the mean taken
    inside = square.as_strided(images.shape, (images.shape[1] * height * width, height * width, width, 1))
    size = inside.contiguous().sqrt_()  # the root of rows that lie apart takes seven times as long
    strongest = size.amax(dim=(1, 2, 3), keepdim=True).clamp(min=_FAINTEST)
    return size / strongest
