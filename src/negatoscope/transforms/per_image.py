"""Settings of which each image has its own: a transform's number may be a tensor with one value for each image."""

import sys
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

from negatoscope.errors import expect
from negatoscope.types import Images

PerImage: TypeAlias = Float[Tensor, " batch"]
"""One value for each image."""

LEAST, MOST_OF_ALL = 5e-324, sys.float_info.max
"""The smallest number above 0, and the largest finite one: ends of ranges that are open."""


def checked(
    number: float | PerImage, images: Images, *, low: float, high: float, what: str, hint: str
) -> float | Float[Tensor, "batch 1 1 1"]:
    """A number as it is; one for each image so that it broadcasts with images, of their type.

    Args:
        number: For all images, or one for each.
        images: The images.
        low: The least number that is possible.
        high: The largest one.
        what: How an error calls it, with its range.
        hint: What an error says beside the number.

    Raises:
        InputError: A number is not from `low` to `high`, or there is not one for each image.
    """
    if not isinstance(number, Tensor):
        expect(low <= number <= high, what, f"{number}; {hint}")
        return number
    shape = tuple(number.shape)
    expect(shape == (len(images),), f"{what}, one for each of {len(images)} images", f"a tensor of shape {shape}")
    exact = number.detach().double()
    outside = exact[~((exact >= low) & (exact <= high))]  # NaN too
    expect(not len(outside), what, f"{outside[:1].sum().item()}; {hint}")
    return number.to(images).reshape(-1, 1, 1, 1)
