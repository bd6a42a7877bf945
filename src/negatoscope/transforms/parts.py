"""A batch, changed a few images at a time, so that what is computed on the way stays in the cache."""

from collections.abc import Callable

import torch
from torch import Tensor

from negatoscope.types import Images

_VALUES = 2**18  # about a megabyte in float32, but an image for each thread; on a GPU all at once
_VALUES_OF_THEIR_OWN = 2**16  # with settings for each image more is computed on the way


def by_parts(images: Images, change: Callable[..., Images], **settings: float | Tensor) -> Images:
    """What `change` makes of all images, in the layout that they have in memory, whatever layout `change` returns.

    Args:
        images: Images in [0, 1].
        change: Makes of some images, and their settings, as many of the same shape. Gradients flow through it.
        settings: Handed on to `change`; of one with a value for each image those of the images.
    """
    changed = torch.empty_like(images)
    own = any(isinstance(value, Tensor) for value in settings.values())
    values = _VALUES_OF_THEIR_OWN if own else _VALUES
    size = max(torch.get_num_threads(), values // max(1, images.shape[1:].numel()))
    size = size if images.is_cpu else max(size, len(images))
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        changed[part] = change(images[part], **{name: _part(value, part) for name, value in settings.items()})
    return changed


def _part(value: float | Tensor, part: slice) -> float | Tensor:
    return value[part] if isinstance(value, Tensor) else value
