"""Random numbers of each image's own: no batch size and no other image decides them."""

from jaxtyping import Float64, Int64
from torch import Tensor

from negatoscope.transforms.controls import split_mix

_BITS = 52  # the most for which the middle of each step is a float64 between 0 and 1


def uniform(keys: Int64[Tensor, " n"], *, seed: int, place: int, width: int) -> Float64[Tensor, "n width"]:
    """Numbers above 0 and below 1, decided by the seed, each image's key and the place alone.

    Args:
        keys: A number of each image's own.
        seed: Another one gives other numbers.
        place: Where in its sequence an image stands, from 0.
        width: How many numbers an image draws there.

    Source: Steele, Lea and Flood 2014 (https://doi.org/10.1145/2660193.2660195) for the random bits.
    """
    salt = split_mix(split_mix(keys.new_tensor([seed]), count=1)[0] + place, count=1)[0]
    own = split_mix(keys ^ salt, count=1)[:, 0]
    bits = (split_mix(own, count=width) >> (64 - _BITS)).bitwise_and_(2**_BITS - 1)
    return bits.double().add_(0.5).mul_(2.0**-_BITS)
