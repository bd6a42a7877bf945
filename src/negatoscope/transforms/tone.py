"""Transforms of brightness, pixel by pixel; each channel on its own."""

from typing import Annotated

import torch
from torch import Tensor

from negatoscope.errors import expect
from negatoscope.transforms import MOST, ParameterRange, register_transform
from negatoscope.transforms.color import luma
from negatoscope.transforms.parts import by_parts
from negatoscope.transforms.per_image import LEAST, MOST_OF_ALL, PerImage, checked
from negatoscope.types import Images

_STRAIGHT = 1e-3  # a flatter curve differs from a line by less than 1e-7
_STEEP = 4.0  # from here on the logistic curve itself is as exact in float32


@register_transform
def negative(images: Images) -> Images:
    """The photographic negative: ``1 - images``. Applied twice it gives the images back, up to rounding.

    Args:
        images: Images in [0, 1].

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, section on negative images.
    """
    return 1.0 - images


@register_transform(kind="path")
def negative_path(
    images: Images, *, share: Annotated[float | PerImage, ParameterRange(0.0, 1.0, identity=0.0)]
) -> Images:
    """A point on the line from the image to its negative: ``(1 - share) * images + share * (1 - images)``.

    Its middle is gray whatever the image is, so a person sees less and less up to there.

    Args:
        images: Images in [0, 1].
        share: From 0, the image, to 1, the negative.

    Raises:
        InputError: `share` is not in [0, 1].

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, section on negative images, for its far end.
    """
    what, hint = "share of negative_path from 0 to 1", "1.0 is the negative"
    weight = checked(share, images, low=0, high=1, what=what, hint=hint)
    return by_parts(images, lambda part, weight: torch.lerp(part, 1 - part, weight), weight=weight)


@register_transform
def gamma(images: Images, *, exponent: Annotated[float | PerImage, ParameterRange(0.25, 4.0, identity=1.0)]) -> Images:
    """Power-law tone curve: ``images ** exponent``.

    Args:
        images: Images in [0, 1].
        exponent: Above 0, up to 1000. Below 1 brightens middle tones, above 1 darkens them.

    Raises:
        InputError: `exponent` is out of range.

    Source: Gonzalez and Woods, Digital Image Processing, section on power-law transformations.
    """
    what, hint = f"exponent of gamma above 0, up to {MOST}", "1.0 changes nothing"
    power = checked(exponent, images, low=LEAST, high=MOST, what=what, hint=hint)
    if isinstance(power, Tensor):  # exp and log are several times as fast, but their slope at 0 is none
        exact = images.dtype == torch.float16 or images.requires_grad or power.requires_grad
        return images**power if exact else images.log().mul_(power).exp_()
    if power in (1.5, 2.5, 3.5) and not images.requires_grad:  # the slope of the root of 0 is infinite
        return (images ** (power - 0.5)).mul_(images.sqrt())
    return images**power


@register_transform
def contrast(images: Images, *, factor: Annotated[float | PerImage, ParameterRange(0.25, 4.0, identity=1.0)]) -> Images:
    """Stretch or squeeze all values about the image's mean luma, and clip them.

    Args:
        images: Images in [0, 1].
        factor: From 0 to 1000. Below 1 lowers the contrast, above 1 raises it.

    Raises:
        InputError: `factor` is out of range.

    Source: Pillow's ``ImageEnhance.Contrast``, without its rounding.
    """
    what, hint = f"factor of contrast from 0 to {MOST}", "1.0 changes nothing"
    by = checked(factor, images, low=0, high=MOST, what=what, hint=hint)
    middle = luma(images.mean(dim=(2, 3), keepdim=True))
    return (images - middle).mul_(by).add_(middle).clamp_(0, 1)


@register_transform
def brightness(
    images: Images, *, factor: Annotated[float | PerImage, ParameterRange(0.25, 4.0, identity=1.0)]
) -> Images:
    """Multiply all values, and clip them at white.

    Args:
        images: Images in [0, 1].
        factor: From 0 to 1000. Below 1 darkens, above 1 brightens.

    Raises:
        InputError: `factor` is out of range.

    Source: Pillow's ``ImageEnhance.Brightness``, without its rounding.
    """
    what, hint = f"factor of brightness from 0 to {MOST}", "1.0 changes nothing"
    return (images * checked(factor, images, low=0, high=MOST, what=what, hint=hint)).clamp_(max=1)


@register_transform
def solarize(
    images: Images, *, threshold: Annotated[float | PerImage, ParameterRange(0.0, 1.01, identity=1.01)]
) -> Images:
    """Make the values from `threshold` on negative, as overexposed film does.

    Args:
        images: Images in [0, 1].
        threshold: At least 0. 0 is the negative, above 1 nothing changes.

    Raises:
        InputError: `threshold` is below 0.

    Source: Pillow's ``ImageOps.solarize``, whose threshold is 255 times this one.
    """
    what, hint = "threshold of solarize of at least 0", "0.5 is middle gray"
    level = checked(threshold, images, low=0, high=MOST_OF_ALL, what=what, hint=hint)
    return by_parts(images, lambda part, level: (1 - part).lerp_(part, part.clone().lt_(level)), level=level)


@register_transform
def posterize(images: Images, *, bits: Annotated[int | PerImage, ParameterRange(1, 8, identity=8)]) -> Images:
    """Keep the upper bits of each 8-bit value; the lower ones become 0, so that white darkens a little.

    Args:
        images: Images in [0, 1]; each value counts as the nearest of 256 levels.
        bits: From 1 to 8. 8 changes nothing in images that were stored with 8 bits.

    Raises:
        InputError: `bits` is not from 1 to 8.

    Source: Pillow's ``ImageOps.posterize``.
    """
    what, hint = "bits of posterize from 1 to 8", "8 changes nothing"
    kept = checked(bits, images, low=1, high=8, what=what, hint=hint)
    expect(not isinstance(kept, Tensor) or not (kept % 1).any(), "whole bits of posterize", "a fraction; round them")
    step = 2.0 ** (8 - kept)
    return (images * 255).round_().div_(step).floor_().div_(255 / step)


@register_transform
def sigmoid_contrast(
    images: Images,
    *,
    steepness: Annotated[float | PerImage, ParameterRange(0.0, 20.0, identity=0.0)],
    middle: Annotated[float | PerImage, ParameterRange(0.25, 0.75)] = 0.5,
) -> Images:
    """S-shaped tone curve from black to white: a part of the logistic curve, stretched so that both ends stay.

    Args:
        images: Images in [0, 1].
        steepness: From 0, where the curve is a straight line and changes nothing, to 1000. 20 nearly makes two tones.
        middle: The value in [0, 1] at which the curve is steepest.

    Raises:
        InputError: `steepness` or `middle` is out of range.

    Source: Braun and Fairchild 1999, Journal of Electronic Imaging 8(4).
    """
    what, hint = f"steepness of a tone curve from 0 to {MOST}", "0.0 is a straight line"
    slope = checked(steepness, images, low=0, high=MOST, what=what, hint=hint)
    what, hint = "middle of a tone curve from 0 to 1", "0.5 is middle gray"
    center = checked(middle, images, low=0, high=1, what=what, hint=hint)
    if isinstance(slope, Tensor):
        return by_parts(images, _on_logistic_curve, steepness=slope.clamp(min=_STRAIGHT), middle=center)
    return images.clone() if slope < _STRAIGHT else by_parts(images, _on_logistic_curve, steepness=slope, middle=center)


@register_transform
def negative_sigmoid_contrast(
    images: Images,
    *,
    steepness: Annotated[float | PerImage, ParameterRange(0.0, 20.0)],
    middle: Annotated[float | PerImage, ParameterRange(0.25, 0.75)] = 0.5,
) -> Images:
    """The negative of `sigmoid_contrast`, from white to black; a straight line is the negative.

    Args:
        images: Images in [0, 1].
        steepness: From 0, which is the negative, to 1000.
        middle: The value in [0, 1] at which the curve is steepest.

    Raises:
        InputError: `steepness` or `middle` is out of range.

    Source: Braun and Fairchild 1999, Journal of Electronic Imaging 8(4).
    """
    return sigmoid_contrast(images, steepness=steepness, middle=middle).neg_().add_(1)


def _on_logistic_curve(images: Images, *, steepness: float | Tensor, middle: float | Tensor) -> Images:
    # tanh is the logistic curve, shifted and scaled: slower, but exact where the part is nearly straight.
    steep = not isinstance(steepness, Tensor) and steepness >= _STEEP
    curve, slope = (torch.sigmoid, steepness) if steep else (torch.tanh, steepness / 2)
    black, white = (curve((images.new_tensor(end) - middle) * slope) for end in (0.0, 1.0))
    changed: Images = curve((images - middle).mul_(slope)) - black
    return changed.div_(white - black).clamp_(0, 1)
