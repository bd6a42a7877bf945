"""Transforms of colour. A grey image is one whose colours are all grey, and what happens to those happens to it."""

import math
from typing import Annotated, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from negatoscope.errors import InputError
from negatoscope.transforms import Space, register_transform
from negatoscope.types import Images

Channels = Literal["R", "G", "B", "RG", "RB", "GB"]
Order = Literal["RBG", "GRB", "GBR", "BRG", "BGR"]

Plane = Float[Tensor, "batch 1 height width"]


def luma(images: Images) -> Plane:
    """Brightness as Pillow weighs it: 0.299 R + 0.587 G + 0.114 B; that of a grey image is the image, not a copy.

    Raises:
        InputError: There are neither one nor three channels.

    Source: Recommendation ITU-R BT.601.
    """
    if is_grey(images):
        return images
    return (0.299 * images[:, 0:1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:3]).clamp(max=1)


def is_grey(images: Images) -> bool:
    """Whether there is one channel and not three.

    Raises:
        InputError: There is another number.
    """
    channels = images.shape[1]
    if channels not in (1, 3):
        raise InputError(f"expected images of 1 channel (grey) or 3 (RGB), got {channels}; convert them")
    return channels == 1


@register_transform(color=True)
def opposite_hue(images: Images) -> Images:
    """The opposite colour of the same luma: red turns cyan, and bright stays bright. A grey image stays as it is.

    Every pixel goes through its own grey to the other side. Where RGB has no colour so strong there, it is paler.

    Args:
        images: Images in [0, 1], grey or RGB.

    Raises:
        InputError: There are neither one nor three channels.

    Source: the colour difference of Recommendation ITU-R BT.601, its sign changed.
    """
    if is_grey(images):
        return images.clone()
    grey = luma(images)
    tiny = torch.finfo(images.dtype).tiny
    below = grey / (images.amax(dim=1, keepdim=True) - grey).clamp(min=tiny)
    above = (1 - grey) / (grey - images.amin(dim=1, keepdim=True)).clamp(min=tiny)
    room = torch.minimum(below, above).clamp(max=1)
    return (grey - room * (images - grey)).clamp(0, 1)


@register_transform(color=True)
def luminance_negative(images: Images) -> Images:
    """The negative of the luma, the hue kept: dark red turns light red. A grey image turns into its negative.

    It is the negative of `opposite_hue`. Where RGB has no colour so strong at that luma, it is paler.

    Args:
        images: Images in [0, 1], grey or RGB.

    Raises:
        InputError: There are neither one nor three channels.

    Source: the luma of Recommendation ITU-R BT.601, its negative taken.
    """
    return 1.0 - opposite_hue(images)


@register_transform(color=True)
def channel_negative(images: Images, *, channels: Channels) -> Images:
    """The negative of some channels of RGB; the others stay.

    Args:
        images: Images in [0, 1], RGB: a grey image has no channel to choose.
        channels: Which ones, "R", "G", "B" or two of them.

    Raises:
        InputError: The images are not RGB, or `channels` is another word.
    """
    _expect_choice("channels of channel_negative", channels, get_args(Channels))
    if is_grey(images):
        raise InputError("expected RGB images for channel_negative, got grey ones; use negative for them")
    chosen = ["RGB".index(channel) for channel in channels]
    changed = images.clone()
    changed[:, chosen] = 1 - images[:, chosen]
    return changed


@register_transform(color=True)
def channel_permutation(images: Images, *, order: Order) -> Images:
    """The channels of RGB in another order. A grey image stays as it is.

    Args:
        images: Images in [0, 1], grey or RGB.
        order: Which channels become red, green and blue: "BGR" swaps red and blue.

    Raises:
        InputError: There are neither one nor three channels, or `order` is another word.
    """
    _expect_choice("order of channel_permutation", order, get_args(Order))
    return images.clone() if is_grey(images) else images[:, ["RGB".index(channel) for channel in order]]


@register_transform(color=True)
def hue_shift(images: Images, *, degrees: Annotated[float, Space(-180.0, 180.0, identity=0.0)]) -> Images:
    """Turn every hue on the colour wheel of HSV, saturation and value kept. A grey image stays as it is.

    Args:
        images: Images in [0, 1], grey or RGB.
        degrees: From -180 to 180. 120 turns red to green, green to blue and blue to red.

    Raises:
        InputError: There are neither one nor three channels, or `degrees` is outside its range.

    Source: Hosseini and Poovendran 2018, arXiv 1804.00499, the hue of its shifts; Smith 1978 for HSV.
    """
    if not -180 <= degrees <= 180:
        raise InputError(f"expected degrees of hue_shift from -180 to 180, got {degrees}; 0.0 changes nothing")
    if is_grey(images):
        return images.clone()
    exact = images.to(torch.promote_types(images.dtype, torch.float32))
    value = exact.amax(dim=1, keepdim=True)
    chroma = value - exact.amin(dim=1, keepdim=True)
    # Red, green and blue are the same trapezoid over the wheel of six parts, a third of a turn apart.
    offsets = exact.new_tensor([5.0, 3.0, 1.0]).reshape(1, 3, 1, 1)
    place = (_hue(exact, value, chroma) + (offsets + degrees / 60)) % 6
    shifted = value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)
    return shifted.clamp(0, 1).to(images.dtype)


@register_transform(color=True)
def saturation(images: Images, *, factor: Annotated[float, Space(0.0, 4.0, identity=1.0)]) -> Images:
    """Multiply the saturation of HSV and clip it at 1, hue and value kept. A grey image stays as it is.

    Args:
        images: Images in [0, 1], grey or RGB.
        factor: At least 0, where each pixel takes the grey of its largest channel.

    Raises:
        InputError: There are neither one nor three channels, or `factor` is below 0.

    Source: Hosseini and Poovendran 2018, arXiv 1804.00499, whose saturation moves by a sum, which would colour greys.
    """
    if not 0 <= factor < math.inf:
        raise InputError(f"expected factor of saturation of at least 0, got {factor}; 1.0 changes nothing")
    if is_grey(images):
        return images.clone()
    value = images.amax(dim=1, keepdim=True)
    chroma = value - images.amin(dim=1, keepdim=True)
    most = value / chroma.clamp(min=torch.finfo(images.dtype).tiny)
    return (value - most.clamp(max=factor) * (value - images)).clamp(0, 1)


@register_transform(color=True)
def greyscale(images: Images) -> Images:
    """Every pixel the grey of its luma. A grey image stays as it is.

    Args:
        images: Images in [0, 1], grey or RGB.

    Raises:
        InputError: There are neither one nor three channels.

    Source: Recommendation ITU-R BT.601, as Pillow's mode "L".
    """
    return luma(images).repeat(1, images.shape[1], 1, 1)


def _hue(images: Images, value: Plane, chroma: Plane) -> Plane:
    """The place on the wheel in sixths of a turn, from red at 0; 0 for grey."""
    red, green, blue = (images[:, channel : channel + 1] for channel in range(3))
    size = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    between = torch.where(value == green, 2 + (blue - red) / size, 4 + (red - green) / size)
    return torch.where(value == red, (green - blue) / size, between)


def _expect_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"expected {what} to be one of {', '.join(map(repr, choices))}, got {value!r}")
