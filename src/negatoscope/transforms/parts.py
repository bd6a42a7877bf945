"""A batch, changed a few images at a time, so that what is computed on the way stays in the cache."""

from collections.abc import Callable

import torch

from negatoscope.types import Images

_VALUES = 2**18  # about a megabyte in float32, but an image for each thread; on a GPU all at once


def by_parts(images: Images, change: Callable[[Images], Images]) -> Images:
    """What `change` makes of all images, in the layout that they have in memory, whatever layout `change` returns.

    Args:
        images: Images in [0, 1].
        change: Makes of some images as many of the same shape. Gradients flow through it.
    """
    changed = torch.empty_like(images)
    size = max(torch.get_num_threads(), _VALUES // max(1, images.shape[1:].numel()))
    size = size if images.is_cpu else max(size, len(images))
    for start in range(0, len(images), size):
        changed[start : start + size] = change(images[start : start + size])
    return changed
