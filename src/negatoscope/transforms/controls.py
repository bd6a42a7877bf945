"""What other transforms are compared with: as many pixels changed, or as large a change, at random.

What is random depends on nothing but the seed and the image itself, not on its place in a batch or a dataset. Every bit
comes from SplitMix64, counted from a hash of the image's 8-bit levels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import torch
from jaxtyping import Int64
from torch import Tensor

from negatoscope.errors import expect
from negatoscope.levels import in_memory_order, memory_layout
from negatoscope.transforms import ParameterRange, register_transform
from negatoscope.transforms.parts import by_parts, part_size
from negatoscope.transforms.per_image import PerImage, checked
from negatoscope.types import Images

_MOST_NOISE = 1_000_000  # of the L2 size: every value is long clipped

_AT_ONCE = 4  # batches that threads work on, for each of which what was drawn last is kept
_MASK = 2**24 - 1  # float32 holds 24 bits exactly


@register_transform(kind="control")
def pixel_flips(
    images: Images,
    *,
    probability: Annotated[float | PerImage, ParameterRange(0.0, 1.0, identity=0.0)],
    seed: int = 0,
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
    what, hint = "probability of pixel_flips from 0 to 1", "1.0 is the negative"
    share = checked(probability, images, low=0, high=1, what=what, hint=hint)
    return by_parts(images, _flipped, probability=share, draws=_drawn_shares(_source(images, seed)))


@register_transform(kind="control")
def noise(
    images: Images, *, l2: Annotated[float | PerImage, ParameterRange(0.0, 32.0, identity=0.0)], seed: int = 0
) -> Images:
    """Gaussian noise of an exact L2 size over all values of an image, then clipped, which makes it smaller.

    Args:
        images: Images in [0, 1].
        l2: The size before clipping, from 0 to a million. Spread over d values it is ``l2 / sqrt(d)`` a value: 8.0 is
            0.29 in images of 28x28.
        seed: Of the direction, from 0 on.

    Raises:
        InputError: `l2` is out of range, or `seed` is below 0 or above 2**63 - 1.

    Source: Box and Muller 1958 (https://doi.org/10.1214/aoms/1177706645); Steele, Lea and Flood 2014
    (https://doi.org/10.1145/2660193.2660195) for the random bits.
    """
    what, hint = f"l2 of noise from 0 to {_MOST_NOISE}", "0.0 changes nothing"
    size = checked(l2, images, low=0, high=_MOST_NOISE, what=what, hint=hint)
    return by_parts(images, _noisy, l2=size, direction=noise_directions(images, seed=seed))


def noise_directions(images: Images, *, seed: int = 0) -> Images:
    """The Gaussian noise that `noise` adds, of each image of L2 size 1.

    Raises:
        InputError: `seed` is below 0 or above 2**63 - 1.
    """
    return _drawn_directions(_source(images, seed))


def _flipped(images: Images, *, probability: float | Tensor, draws: Images) -> Images:
    unchanged = draws.clone().ge_(probability).to(images.dtype)
    return (1 - images).lerp_(images, unchanged)


def _noisy(images: Images, *, l2: float | Tensor, direction: Images) -> Images:
    return (images + direction * l2).clamp_(0, 1)


@dataclass(frozen=True)
class _Source:
    """What decides the random numbers of images, and how these lie in memory."""

    states: tuple[int, ...]
    shape: tuple[int, ...]
    layout: torch.memory_format
    device: torch.device

    def draw(self, change: Callable[..., Images]) -> Images:
        """What `change` makes of the states of all images, a few at a time."""
        with torch.inference_mode(False):  # who comes next may want slopes
            blank = torch.empty(self.shape, device=self.device).contiguous(memory_format=self.layout)
            return by_parts(blank, change, states=torch.tensor(self.states, dtype=torch.int64, device=self.device))


def _source(images: Images, seed: int) -> _Source:
    return _Source(
        tuple(image_states(images, seed=seed).tolist()), tuple(images.shape), memory_layout(images), images.device
    )


@lru_cache(maxsize=_AT_ONCE)  # a suite asks for the same batch again, with another probability
def _drawn_shares(source: _Source) -> Images:
    """A number in [0, 1) for each pixel, the same in all its channels."""

    def change(blank: Images, *, states: Int64[Tensor, " batch"]) -> Images:
        n, _, height, width = blank.shape
        shares = _share(split_mix(states, count=height * width) >> 40)
        return shares.reshape(n, 1, height, width).expand(blank.shape)

    return source.draw(change)


@lru_cache(maxsize=_AT_ONCE)  # or with another size
def _drawn_directions(source: _Source) -> Images:
    """Gaussian noise, of each image of L2 size 1."""

    def change(blank: Images, *, states: Int64[Tensor, " batch"]) -> Images:
        bits = split_mix(states, count=blank.shape[1:].numel())
        radius = _share(bits >> 40).add_(2.0**-25).log_().mul_(-2).sqrt_()
        values = _share(bits.bitwise_right_shift_(16)).mul_(2 * math.pi).cos_().mul_(radius)
        size = values.norm(dim=1, keepdim=True).clamp_(min=torch.finfo(values.dtype).tiny)
        return values.div_(size).reshape(blank.shape)

    return source.draw(change)


def image_states(images: Images, *, seed: int) -> Int64[Tensor, " batch"]:
    """From which state each image draws: a hash of its 8-bit levels, decided by them and the seed alone.

    Raises:
        InputError: `seed` is below 0 or above 2**63 - 1.

    Source: Carter and Wegman 1979 for the hash.
    """
    expect(0 <= seed < 2**63, "a seed from 0 to 2**63 - 1", seed)
    weights = _weights(tuple(images.shape[1:]), seed, memory_layout(images), images.device)
    parts = torch.split(in_memory_order(images), part_size(images))  # in any order: the hash is a sum
    levels = ((part.to(torch.float32) * 255).round_().to(torch.int64) for part in parts)
    return torch.cat([part.mul_(weights).sum(dim=1) for part in levels]).add_(weights.sum())  # of each level plus 1


def split_mix(state: Int64[Tensor, " batch"], *, count: int) -> Int64[Tensor, "batch count"]:
    """The first `count` outputs of SplitMix64 from each state; 64-bit products wrap around, as they do there."""
    mixed = state[:, None] + _steps(count, state.device)
    mixed ^= _right(mixed, 30)
    mixed *= _signed(0xBF58476D1CE4E5B9)
    mixed ^= _right(mixed, 27)
    mixed *= _signed(0x94D049BB133111EB)
    mixed ^= _right(mixed, 31)
    return mixed


@lru_cache(maxsize=8)
def _steps(count: int, device: torch.device) -> Int64[Tensor, " count"]:
    return torch.arange(1, count + 1, device=device) * _signed(0x9E3779B97F4A7C15)


@lru_cache(maxsize=8)
def _weights(
    shape: tuple[int, ...], seed: int, layout: torch.memory_format, device: torch.device
) -> Int64[Tensor, " values"]:
    """What each value of an image weighs in its hash."""
    weights = split_mix(torch.tensor([seed], device=device), count=math.prod(shape)).reshape(shape)
    return (weights.permute(1, 2, 0) if layout == torch.channels_last else weights).flatten()


def _right(values: Int64[Tensor, "batch count"], bits: int) -> Int64[Tensor, "batch count"]:
    """Shifted right as if without a sign."""
    return (values >> bits).bitwise_and_(2 ** (64 - bits) - 1)


def _signed(constant: int) -> int:
    return constant - 2**64


def _share(bits: Int64[Tensor, "batch count"]) -> Tensor:
    """The lowest 24 bits as a number in [0, 1)."""
    return (bits & _MASK).to(torch.float32).mul_(2.0**-24)
