"""What other transforms are compared with: as many pixels changed, or as large a change, without a meaning.

What is random depends on nothing but the seed and the image itself, not on its place in a batch or a dataset. Every bit
comes from SplitMix64, counted from a hash of the image's 8-bit levels.
"""

import math
from typing import Annotated

import torch
from jaxtyping import Int64
from torch import Tensor

from negatoscope.errors import InputError
from negatoscope.transforms import Space, register_transform
from negatoscope.types import Images

_MASK = 2**24 - 1  # float32 holds 24 bits exactly


@register_transform(kind="control")
def pixel_flips(
    images: Images, *, probability: Annotated[float, Space(0.0, 1.0, identity=0.0)], seed: int = 0
) -> Images:
    """Each pixel becomes its negative with some probability; all channels of it together.

    The pixels flipped at one probability are also flipped at every larger one.

    Args:
        images: Images in [0, 1].
        probability: From 0 to 1, which is the negative.
        seed: Of the choice, from 0 on.

    Raises:
        InputError: `probability` is not in [0, 1], or `seed` is below 0 or above 2**63 - 1.

    Source: Steele, Lea and Flood 2014 (https://doi.org/10.1145/2660193.2660195) for the random bits.
    """
    if not 0 <= probability <= 1:
        raise InputError(f"expected probability of pixel_flips from 0 to 1, got {probability}; 1.0 is the negative")
    n, _, height, width = images.shape
    bits = random_bits(images, count=height * width, seed=seed)
    flipped = _share(bits >> 40).reshape(n, 1, height, width) < probability
    return torch.where(flipped, 1 - images, images)


@register_transform(kind="control")
def noise(images: Images, *, l2: Annotated[float, Space(0.0, 32.0, identity=0.0)], seed: int = 0) -> Images:
    """Gaussian noise of an exact L2 size over all values of an image, then clipped, which makes it smaller.

    Args:
        images: Images in [0, 1].
        l2: The size before clipping, at least 0. Spread over d values it is ``l2 / sqrt(d)`` a value: 8.0 is 0.29 in
            images of 28x28.
        seed: Of the direction, from 0 on.

    Raises:
        InputError: `l2` is below 0, or `seed` is below 0 or above 2**63 - 1.

    Source: Box and Muller 1958 (https://doi.org/10.1214/aoms/1177706645); Steele, Lea and Flood 2014
    (https://doi.org/10.1145/2660193.2660195) for the random bits.
    """
    if not 0 <= l2 < math.inf:
        raise InputError(f"expected l2 of noise of at least 0, got {l2}; 0.0 changes nothing")
    bits = random_bits(images, count=images.shape[1:].numel(), seed=seed)
    radius = (-2 * torch.log(_share(bits >> 40) + 2.0**-25)).sqrt()
    values = radius * torch.cos(2 * math.pi * _share(bits >> 16))
    size = values.norm(dim=1, keepdim=True).clamp(min=torch.finfo(values.dtype).tiny)
    direction = (values / size).reshape(images.shape)
    changed: Images = (images + l2 * direction).clamp(0, 1)
    return changed.to(images.dtype)


def random_bits(images: Images, *, count: int, seed: int) -> Int64[Tensor, "batch count"]:
    """For each image `count` numbers of 64 random bits, decided by the seed and the image's 8-bit levels alone.

    Raises:
        InputError: `seed` is below 0 or above 2**63 - 1.

    Source: Steele, Lea and Flood 2014 (https://doi.org/10.1145/2660193.2660195); Carter and Wegman 1979 for the hash.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"expected a seed from 0 to 2**63 - 1, got {seed}")
    levels = (images.flatten(1).to(torch.float32) * 255).round().to(torch.int64)
    start = torch.tensor([seed], device=images.device)
    weights = split_mix(start, count=levels.shape[1])
    return split_mix(((levels + 1) * weights).sum(dim=1), count=count)


def split_mix(state: Int64[Tensor, " batch"], *, count: int) -> Int64[Tensor, "batch count"]:
    """The first `count` outputs of SplitMix64 from each state; 64-bit products wrap around, as they do there."""
    steps = torch.arange(1, count + 1, device=state.device)
    mixed = state[:, None] + steps * _signed(0x9E3779B97F4A7C15)
    mixed = (mixed ^ _right(mixed, 30)) * _signed(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ _right(mixed, 27)) * _signed(0x94D049BB133111EB)
    return mixed ^ _right(mixed, 31)


def _right(values: Int64[Tensor, "batch count"], bits: int) -> Int64[Tensor, "batch count"]:
    """Shifted right as if without a sign."""
    return torch.bitwise_and(values >> bits, 2 ** (64 - bits) - 1)


def _signed(constant: int) -> int:
    return constant - 2**64


def _share(bits: Int64[Tensor, "batch count"]) -> Tensor:
    """The lowest 24 bits as a number in [0, 1)."""
    return (bits & _MASK).to(torch.float32) * 2.0**-24
