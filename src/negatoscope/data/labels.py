"""Class indices that come from somebody's file."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from negatoscope.errors import DataError
from negatoscope.types import LabelArray

MAX_CLASSES = 32_768
"""Rows keep a label in 16 bits."""


def checked_labels(
    values: Shaped[np.ndarray, " n"], *, where: str, class_names: Sequence[str] = ()
) -> tuple[LabelArray, tuple[str, ...]]:
    """Labels as they are stored everywhere, and a name for each class: its number where the source names none.

    Args:
        values: One label for each image.
        where: How an error calls their source.
        class_names: What the source calls its classes.

    Raises:
        DataError: There are none, they are no whole numbers, or one of them is no class.
    """
    if values.dtype.kind not in "iu":
        raise DataError(f"expected whole numbers as labels in {where}, got {values.dtype}; number the classes from 0")
    if len(values) == 0:
        raise DataError(f"expected images in {where}, found none")
    low, high = int(values.min()), int(values.max())
    last = (len(class_names) or MAX_CLASSES) - 1
    if low < 0 or high > last:
        raise DataError(f"expected labels from 0 to {last} in {where}, got {low if low < 0 else high}; correct them")
    return values.astype(np.int64), tuple(class_names) or tuple(str(label) for label in range(high + 1))
