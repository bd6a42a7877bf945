"""What a Hugging Face image processor says, as options."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from negatoscope.errors import InputError, reason
from negatoscope.models.options import ModelOptions
from negatoscope.pixels import Interpolation

_INTERPOLATIONS: dict[int, Interpolation] = {0: "nearest", 2: "bilinear", 3: "bicubic", 4: "box"}  # Pillow's numbers
_CONVNEXT_WARPS_FROM = 384
_PLAIN = {"image_mean": 0.0, "image_std": 1.0}


def read_preprocessor(processor: Any, *, name: str) -> ModelOptions:
    """Size, interpolation, crop, range and normalization.

    Args:
        processor: An image processor, whose attributes hold its class's defaults where the file says nothing.
        name: How an error calls the model.

    Raises:
        InputError: It resizes in another way than there is here, or a setting is of another kind than it should be.
    """
    try:
        return _read_values(processor).over(_read_resize(processor, name))
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        expected = f"expected numbers in the preprocessor_config.json of {name}"
        raise InputError(
            f"{expected}, but one setting is not a number ({type(error).__name__}: {reason(error)}); correct it"
        ) from error


def _read_resize(processor: Any, name: str) -> ModelOptions:
    resized, cropped = _entries(processor, "do_resize", "size"), _entries(processor, "do_center_crop", "crop_size")
    interpolation = _INTERPOLATIONS.get(int(getattr(processor, "resample", None) or 0)) if resized else "bilinear"
    short, share = resized.get("shortest_edge"), getattr(processor, "crop_pct", None)
    options = ModelOptions(interpolation=interpolation, resize_mode="stretch")
    if short and share:  # ConvNeXT's way
        options = replace(options, size=(short, short))
        if short < _CONVNEXT_WARPS_FROM:
            options = replace(options, resize_mode="crop", crop_pct=float(share))
    elif short and cropped.get("height") == cropped.get("width") and cropped:
        side = cropped["height"]
        options = replace(options, size=(side, side), resize_mode="crop", crop_pct=side / short)
    elif "height" in resized and not cropped:
        options = replace(options, size=(resized["height"], resized["width"]))
    if options.size is None or interpolation is None:
        raise InputError(
            f"expected {name} to be resized to one size by {', '.join(_INTERPOLATIONS.values())}, got size {resized}, "
            f"crop {cropped}, resample {getattr(processor, 'resample', None)}; wrap it in Python"
        )
    return options


def _read_values(processor: Any) -> ModelOptions:
    """Rescaling and normalization as one: ``(x - mean) / std`` of x in [0, 1], unless nothing is rescaled."""
    factor = float(processor.rescale_factor) if getattr(processor, "do_rescale", False) else 1.0
    scale = round(255 * factor, 9)
    shift = 1.0 if getattr(processor, "rescale_offset", False) else 0.0
    normalized = getattr(processor, "do_normalize", False)
    mean, std = (_numbers(getattr(processor, key) if normalized else plain) for key, plain in _PLAIN.items())
    again = std if getattr(processor, "include_top", False) else (1.0,) * len(std)  # EfficientNet divides twice
    mean = tuple((value + shift) / scale for value in mean)
    std = tuple(value * more / scale for value, more in zip(std, again, strict=True))
    if set(mean) == {0.0} and set(std) <= {1.0, 1 / 255}:
        return ModelOptions(range="0..1" if set(std) == {1.0} else "0..255", mean=(), std=(), output="logits")
    return ModelOptions(range="0..1", mean=mean, std=std, output="logits")


def _entries(processor: Any, switch: str, key: str) -> dict[str, int]:
    """A size by its names, empty where it is switched off."""
    held = getattr(processor, key, None)
    if not getattr(processor, switch, False) or held is None:
        return {}
    pairs = dict(held.items() if isinstance(held, Mapping) else held)
    return {str(edge): int(length) for edge, length in pairs.items() if length is not None}


def _numbers(value: Any) -> tuple[float, ...]:
    return (float(value),) if isinstance(value, int | float) else tuple(map(float, value))
