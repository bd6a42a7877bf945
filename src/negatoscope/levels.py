"""The 256 levels of 8-bit pixels, which arithmetic in float32 misses by its rounding."""

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from negatoscope.types import Images

Values = Float[Tensor, "batch values"]

_ROUNDING = 1e-6  # in [0, 1]: a few operations in float32; between two levels lie 4000 times as much
_FEW = 128  # values in the middle of an image: they tell most images that lie between the levels
_AT_ONCE = 2**17  # values for each thread, so that what is computed on the way stays in its cache


def on_levels(images: Images) -> Images:
    """Images with the exact values of 8-bit pixels, as `to_images` makes them, where they differ by rounding alone.

    So the negative of 8-bit pixels is again what an 8-bit negative would be, bit for bit. It counts for an image as a
    whole: one with any value between the levels stays as it is. No value moves by more than 1e-6, gradients pass
    through, and no image depends on those beside it.

    Args:
        images: Images in [0, 1].
    """
    values = in_memory_order(images.detach())
    exact = torch.empty_like(images, memory_format=memory_layout(images), requires_grad=False)
    with torch.inference_mode():
        first = max(0, (values.shape[1] - _FEW) // 2)
        few = values[:, first : first + _FEW].contiguous()
        if not _near(few, _levels(few, out=torch.empty_like(few))).any():
            return images
        size = max(1, torch.get_num_threads() * _AT_ONCE // values.shape[1]) if images.is_cpu else len(images)
        parts = zip(torch.split(values, size), torch.split(in_memory_order(exact), size), strict=True)
        near = torch.cat([_near(part, _levels(part, out=out)) for part, out in parts])
    if not near.all():
        exact = torch.where(near[:, None, None, None], exact, images.detach())
    return images + (exact - images).detach() if images.requires_grad else exact


def to_pixels(image: Float[Tensor, "channels height width"]) -> UInt8[np.ndarray, "channels height width"]:
    """An image in [0, 1] as 8 bits, rounded."""
    return (image.clamp(0, 1) * 255).round().byte().cpu().numpy()


def in_memory_order(images: Images) -> Values:
    """The values of each image in the order in which they lie in memory, where whole images lie there: then no copy."""
    return (images.permute(0, 2, 3, 1) if memory_layout(images) == torch.channels_last else images).flatten(1)


def memory_layout(images: Images) -> torch.memory_format:
    """Pixel by pixel (channels_last) where images lie so, else plane by plane, as gray ones do, which lie both ways."""
    by_pixel = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if by_pixel else torch.contiguous_format


def _levels(values: Values, *, out: Values) -> Values:
    return torch.mul(values, 255, out=out).round_().div_(255)


def _near(values: Values, levels: Values) -> Bool[Tensor, " batch"]:
    return (levels - values).abs_().amax(dim=1) <= _ROUNDING
