"""The shapes, dtypes and ranges that everything agrees on, defined once."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int, Int64, UInt8
from torch import Tensor

Images: TypeAlias = Float[Tensor, "batch channels height width"]
"""Pixels in [0, 1]; one channel is grey, three are RGB."""

Labels: TypeAlias = Int64[Tensor, " batch"]
"""Class indices from 0."""

Logits: TypeAlias = Float[Tensor, "batch classes"]
"""Unnormalised scores: softmax over the last axis gives probabilities."""

PixelArray: TypeAlias = UInt8[np.ndarray, "n channels height width"]
"""Stored pixels, 0 to 255."""

LabelArray: TypeAlias = Int64[np.ndarray, " n"]
"""Stored class indices from 0."""

TrackArray: TypeAlias = Int[np.ndarray, " n"]
"""For each image, which physical object it is a frame of."""

IndexArray: TypeAlias = Int[np.ndarray, " n"]
"""Positions from 0."""
