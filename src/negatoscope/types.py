"""The shapes, dtypes and ranges that everything agrees on, defined once.

What is made of tensors is defined when it is first asked for: reading data needs no torch, which takes long to load.
"""

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from jaxtyping import Float, Int, Int64, UInt8

if TYPE_CHECKING:
    from torch import Tensor

    Images: TypeAlias = Float[Tensor, "batch channels height width"]
    """Pixels in [0, 1]; one channel is gray, three are RGB."""

    Labels: TypeAlias = Int64[Tensor, " batch"]
    """Class indices from 0."""

    Logits: TypeAlias = Float[Tensor, "batch classes"]
    """Unnormalized scores: softmax over the last axis gives probabilities."""

PixelArray: TypeAlias = UInt8[np.ndarray, "n channels height width"]
"""Stored pixels, 0 to 255."""

LabelArray: TypeAlias = Int64[np.ndarray, " n"]
"""Stored class indices from 0."""

TrackArray: TypeAlias = Int[np.ndarray, " n"]
"""For each image, which physical object it is a frame of."""

IndexArray: TypeAlias = Int[np.ndarray, " n"]
"""Positions from 0."""

_OF_TENSORS = {
    "Images": (Float, "batch channels height width"),
    "Labels": (Int64, " batch"),
    "Logits": (Float, "batch classes"),
}


def __getattr__(name: str) -> object:
    if name not in _OF_TENSORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torch import Tensor

    kind, shape = _OF_TENSORS[name]
    return kind[Tensor, shape]
