"""The image as a drawing of its edges."""

import torch
from torch.nn import functional

from negatoscope.transforms import register_transform
from negatoscope.types import Images

_FAINTEST = 1 / 255


@register_transform
def edges(images: Images) -> Images:
    """How fast each channel changes (the size of Sobel's gradient), bright on black; an image's strongest edge is 1.

    An image in which nothing changes by a level of 8 bits stays dark: noise is not drawn as if it were an edge.

    Args:
        images: Images in [0, 1].

    Source: Gonzalez and Woods, Digital Image Processing, section on Sobel operators.
    """
    exact = images.to(torch.promote_types(images.dtype, torch.float32))
    framed = functional.pad(exact, (1, 1, 1, 1), mode="replicate")
    rows = (framed[:, :, :-2] + 2 * framed[:, :, 1:-1] + framed[:, :, 2:]) / 4
    columns = (framed[..., :-2] + 2 * framed[..., 1:-1] + framed[..., 2:]) / 4
    across = rows[..., 2:] - rows[..., :-2]
    down = columns[:, :, 2:] - columns[:, :, :-2]
    size = ((across**2 + down**2) / 2).sqrt()
    strongest = size.amax(dim=(1, 2, 3), keepdim=True).clamp(min=_FAINTEST)
    return (size / strongest).to(images.dtype)
