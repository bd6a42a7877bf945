"""Transforms of color. A gray image is one whose colors are all gray, and is treated as one."""

from collections.abc import Callable
from typing import Annotated, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from negatoscope.errors import expect
from negatoscope.transforms import MOST, ParameterRange, register_transform
from negatoscope.transforms.parts import by_parts
from negatoscope.transforms.per_image import PerImage, checked
from negatoscope.types import Images

Channels = Literal["R", "G", "B", "RG", "RB", "GB"]
Order = Literal["RBG", "GRB", "GBR", "BRG", "BGR"]

Plane = Float[Tensor, "batch 1 height width"]


def luma(images: Images) -> Plane:
    """Brightness as Pillow weighs it: 0.299 R + 0.587 G + 0.114 B; that of a gray image is the image, not a copy.

    Raises:
        InputError: There are neither one nor three channels.

    Source: Recommendation ITU-R BT.601.
    """
    if is_gray(images):
        return images
    gray: Plane = 0.299 * images[:, 0:1]
    return gray.add_(0.587 * images[:, 1:2]).add_(0.114 * images[:, 2:3]).clamp_(max=1)


def is_gray(images: Images) -> bool:
    """Whether there is one channel and not three.

    Raises:
        InputError: There is another number.
    """
    channels = images.shape[1]
    expect(channels in (1, 3), "images of 1 channel (gray) or 3 (RGB)", f"{channels}; convert them")
    return channels == 1


@register_transform(color=True)
def opposite_hue(images: Images) -> Images:
    """The opposite color of the same luma: red turns cyan, and bright stays bright. A gray image stays as it is.

    Every pixel goes through its own gray to the other side. Where RGB has no color so strong there, it is paler.

    Args:
        images: Images in [0, 1], gray or RGB.

    Raises:
        InputError: There are neither one nor three channels.

    Source: the color difference of Recommendation ITU-R BT.601, its sign changed.
    """
    return _on_colors(images, _with_opposite_hue)


@register_transform(color=True)
def luminance_negative(images: Images) -> Images:
    """The negative of the luma, hue preserved: dark red turns light red. A gray image turns into its negative.

    It is the negative of `opposite_hue`. Where RGB has no color so strong at that luma, it is paler.

    Args:
        images: Images in [0, 1], gray or RGB.

    Raises:
        InputError: There are neither one nor three channels.

    Source: the luma of Recommendation ITU-R BT.601, its negative taken.
    """
    return 1 - images if is_gray(images) else by_parts(images, lambda part: 1 - _with_opposite_hue(part))


@register_transform(color=True)
def channel_negative(images: Images, *, channels: Channels) -> Images:
    """The negative of some channels of RGB; the others stay.

    Args:
        images: Images in [0, 1], RGB: a gray image has no channel to choose.
        channels: Which ones, "R", "G", "B" or two of them.

    Raises:
        InputError: The images are not RGB, or `channels` is another word.
    """
    _expect_choice("channels of channel_negative", channels, get_args(Channels))
    expect(not is_gray(images), "RGB images for channel_negative", "gray ones; use negative for them")
    changed = images.clone()
    for channel in channels:
        changed[:, "RGB".index(channel)].neg_().add_(1)
    return changed


@register_transform(color=True)
def channel_permutation(images: Images, *, order: Order) -> Images:
    """The channels of RGB in another order. A gray image stays as it is.

    Args:
        images: Images in [0, 1], gray or RGB.
        order: Which channels become red, green and blue: "BGR" swaps red and blue.

    Raises:
        InputError: There are neither one nor three channels, or `order` is another word.
    """
    _expect_choice("order of channel_permutation", order, get_args(Order))
    if is_gray(images):
        return images.clone()
    changed = torch.empty_like(images)
    for place, channel in enumerate(order):
        changed[:, place] = images[:, "RGB".index(channel)]
    return changed


@register_transform(color=True)
def hue_shift(
    images: Images, *, degrees: Annotated[float | PerImage, ParameterRange(-180.0, 180.0, identity=0.0, circular=True)]
) -> Images:
    """Turn every hue on the color wheel of HSV, saturation and value preserved. A gray image stays as it is.

    Args:
        images: Images in [0, 1], gray or RGB.
        degrees: From -180 to 180. 120 turns red to green, green to blue and blue to red.

    Raises:
        InputError: There are neither one nor three channels, or `degrees` is outside its range.

    Source: Hosseini and Poovendran 2018, arXiv 1804.00499, the hue of its shifts; Smith 1978 for HSV.
    """
    what, hint = "degrees of hue_shift from -180 to 180", "0.0 changes nothing"
    checked(degrees, images, low=-180, high=180, what=what, hint=hint)
    return _on_colors(images, _with_hue_shifted, places=_places(degrees, images))


@register_transform(color=True)
def saturation(
    images: Images, *, factor: Annotated[float | PerImage, ParameterRange(0.0, 4.0, identity=1.0)]
) -> Images:
    """Multiply the saturation of HSV and clip it at 1, hue and value preserved. A gray image stays as it is.

    Args:
        images: Images in [0, 1], gray or RGB.
        factor: From 0, where each pixel takes the gray of its largest channel, to 1000.

    Raises:
        InputError: There are neither one nor three channels, or `factor` is out of range.

    Source: Hosseini and Poovendran 2018, arXiv 1804.00499, whose saturation moves by a sum, which would color grays.
    """
    what, hint = f"factor of saturation from 0 to {MOST}", "1.0 changes nothing"
    by = checked(factor, images, low=0, high=MOST, what=what, hint=hint)
    return _on_colors(images, _with_saturation, factor=by)


@register_transform(color=True)
def saturation_shift(
    images: Images, *, amount: Annotated[float | PerImage, ParameterRange(-1.0, 1.0, identity=0.0)]
) -> Images:
    """Add to the saturation of HSV and clip it at 0 and 1, hue and value preserved. Grays turn reddish.

    The hue of a gray pixel is 0, red, as HSV has it by convention: with a shift of hue after it, grays take that hue.

    Args:
        images: Images in [0, 1], RGB: a gray image has no hue.
        amount: From -1, where each pixel takes the gray of its largest channel, to 1, where no pixel but black is pale.

    Raises:
        InputError: The images are not RGB, or `amount` is outside its range.

    Source: Hosseini and Poovendran 2018, arXiv 1804.00499, the saturation of its shifts; Smith 1978 for HSV.
    """
    what, hint = "amount of saturation_shift from -1 to 1", "0.0 changes nothing"
    by = checked(amount, images, low=-1, high=1, what=what, hint=hint)
    expect(not is_gray(images), "RGB images for saturation_shift", "gray images; use saturation for them")
    return by_parts(images, _with_saturation_shifted, amount=by)


@register_transform(color=True)
def grayscale(images: Images) -> Images:
    """Every pixel the gray of its luma. A gray image stays as it is.

    Args:
        images: Images in [0, 1], gray or RGB.

    Raises:
        InputError: There are neither one nor three channels.

    Source: Recommendation ITU-R BT.601, as Pillow's mode "L".
    """
    return _on_colors(images, lambda part: luma(part).expand(-1, 3, -1, -1))


def _on_colors(images: Images, change: Callable[..., Images], **settings: float | Tensor) -> Images:
    return images.clone() if is_gray(images) else by_parts(images, change, **settings)


def _with_opposite_hue(images: Images) -> Images:
    planes = images.contiguous()
    gray = luma(planes)
    tiny = torch.finfo(images.dtype).tiny
    below = gray / (planes.amax(dim=1, keepdim=True) - gray).clamp_(min=tiny)
    above = (1 - gray) / (gray - planes.amin(dim=1, keepdim=True)).clamp_(min=tiny)
    room = torch.minimum(below, above).clamp_(max=1)
    return (gray - (planes - gray).mul_(room)).clamp_(0, 1)


def _with_hue_shifted(images: Images, *, places: Tensor) -> Images:
    planes = images.to(torch.promote_types(images.dtype, torch.float32)).contiguous()
    value = planes.amax(dim=1, keepdim=True)
    chroma = value - planes.amin(dim=1, keepdim=True)
    # A channel is full up to one part away from its place and empty from two on; no hue is more than 6 away.
    empty = (_hue(planes, value, chroma) - places).abs_().sub_(3).abs_()  # 3 less the way around the wheel
    return (value - empty.neg_().add_(2).clamp_(0, 1).mul_(chroma)).clamp_(0, 1)


def _places(degrees: float | PerImage, images: Images) -> Float[Tensor, "batch 3 1 1"]:
    """Where red, green and blue, at 0, 2 and 4 on the wheel of six parts, come to lie: from -1 to 5, as hues are."""
    exact = degrees.double() if isinstance(degrees, Tensor) else torch.tensor([degrees], dtype=torch.float64)
    wheel = torch.tensor([0.0, 2.0, 4.0], dtype=torch.float64, device=exact.device)
    places = ((wheel - exact[:, None] / 60 + 1) % 6 - 1).to(
        images.device, torch.promote_types(images.dtype, torch.float32)
    )
    return places.reshape(-1, 3, 1, 1).expand(len(images), 3, 1, 1)


def _with_saturation(images: Images, *, factor: float | Tensor) -> Images:
    planes = images.contiguous()
    value = planes.amax(dim=1, keepdim=True)
    chroma = value - planes.amin(dim=1, keepdim=True)
    most = (value / chroma.clamp_(min=torch.finfo(images.dtype).tiny)).clamp_(max=factor)
    return (value - (value - planes).mul_(most)).clamp_(0, 1)


def _with_saturation_shifted(images: Images, *, amount: float | Tensor) -> Images:
    planes = images.to(torch.promote_types(images.dtype, torch.float32)).contiguous()
    value = planes.amax(dim=1, keepdim=True)
    chroma = value - planes.amin(dim=1, keepdim=True)
    empty = (value - planes) / chroma.clamp(min=torch.finfo(planes.dtype).tiny)  # 0 of a full channel, 1 of the least
    red = planes.new_tensor([0.0, 1.0, 1.0]).reshape(1, 3, 1, 1)
    moved = torch.minimum((chroma + amount * value).clamp(min=0), value)
    return (value - torch.where(chroma > 0, empty, red) * moved).clamp_(0, 1)


def _hue(planes: Images, value: Plane, chroma: Plane) -> Plane:
    """The place on the wheel in sixths of a turn, from red at 0; 0 for gray."""
    red, green, blue = (planes[:, channel : channel + 1] for channel in range(3))
    size = chroma.clamp(min=torch.finfo(chroma.dtype).tiny)
    most_green, most_red = (green - value).eq_(0), (red - value).eq_(0)
    hue = ((red - green) / size).add_(4).lerp_(((blue - red) / size).add_(2), most_green)
    return hue.lerp_((green - blue) / size, most_red)


def _expect_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    expect(value in choices, f"{what} to be one of {', '.join(map(repr, choices))}", repr(value))
