"""A batch, changed a few images at a time, so that what is computed on the way stays in the cache."""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from negatoscope.types import Images

_VALUES = 2**17  # half a megabyte in float32, for each thread; on a GPU all at once


def by_parts(images: Images, change: Callable[..., Images], **settings: float | Tensor) -> Images:
    """What `change` makes of all images, in the layout that they have in memory, whatever layout `change` returns.

    Args:
        images: Images in [0, 1].
        change: Makes of some images, and their settings, as many new ones of the same shape. Gradients flow through it.
        settings: Handed on to `change`; of one with a value for each image those of the images.
    """
    size = part_size(images)
    if len(images) <= size:
        changed = change(images, **settings)
        like = (changed.stride(), changed.dtype) == (images.stride(), images.dtype)
        return changed if like else torch.empty_like(images).copy_(changed)
    changed = torch.empty_like(images)
    with nullcontext() if _needs_slopes(images, *settings.values()) else torch.inference_mode():
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            changed[part] = change(images[part], **{name: _part(value, part) for name, value in settings.items()})
    return changed


def part_size(images: Images) -> int:
    """How many images are changed at a time: a power of two, so that parts end where a processor's vectors do.

    At least one for each thread, since what is interpolated goes to threads by images.
    """
    if not images.is_cpu:
        return max(1, len(images))
    most = torch.get_num_threads() * max(1, _VALUES // max(1, images.shape[1:].numel()))
    return 1 << most.bit_length() - 1


def _needs_slopes(*values: float | Tensor) -> bool:
    return torch.is_grad_enabled() and any(isinstance(value, Tensor) and value.requires_grad for value in values)


def _part(value: float | Tensor, part: slice) -> float | Tensor:
    return value[part] if isinstance(value, Tensor) else value
