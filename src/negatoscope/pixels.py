"""The one place where pixels are decoded, made grey, resampled and equalized."""

import io
import warnings
from typing import Literal, get_args

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from negatoscope.errors import DataError, InputError

Resample = Literal["bilinear", "box", "bicubic", "nearest"]

MAX_PIXELS = 64_000_000
"""Larger images are refused: a file of a few kilobytes can claim any size."""


def decode(content: bytes, *, name: str) -> UInt8[np.ndarray, "channels height width"]:
    """An image file's pixels, 0 to 255: one channel where it is grey, else RGB.

    Args:
        content: The bytes of a PPM, PNG, JPEG or another file that Pillow reads.
        name: How an error calls it.

    Raises:
        DataError: The bytes are damaged, no image, of more than 8 bits per value, or an image of absurd size.
    """
    return to_array(open_image(content, name=name))


def open_image(content: bytes, *, name: str) -> Image.Image:
    """The same as a Pillow image, mode "L" or "RGB"."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is lower
            image = Image.open(io.BytesIO(content))
        if image.width * image.height > MAX_PIXELS:
            raise DataError(f"expected at most {MAX_PIXELS} pixels in {name}, got {image.width} x {image.height}")
        if image.mode.startswith(("I", "F")):
            raise DataError(f"expected 8 bits per value in {name}, got Pillow's mode {image.mode!r}; convert it")
        image.load()
        return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode in ("1", "LA") else "RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"expected an image in {name}, got bytes that do not decode; fetch the file again") from error


def to_array(image: Image.Image) -> UInt8[np.ndarray, "channels height width"]:
    """A Pillow image as an array, channels first."""
    values = np.asarray(image)
    return np.ascontiguousarray(values[None] if values.ndim == 2 else values.transpose(2, 0, 1))


def resize(image: Image.Image, *, size: int, resample: Resample) -> Image.Image:
    """A square of `size` pixels; every filter but "nearest" averages over all pixels that it covers (antialiasing).

    Raises:
        InputError: `size` is below 1 or the filter is unknown.
    """
    if size < 1 or resample not in get_args(Resample):
        raise InputError(f"expected size >= 1 and one of {', '.join(get_args(Resample))}, got {size} and {resample!r}")
    return image.resize((size, size), Image.Resampling[resample.upper()])


def equalize(images: UInt8[np.ndarray, "n height width"]) -> UInt8[np.ndarray, "n height width"]:
    """Histogram equalization of each 8-bit image on its own, so that its grey levels spread evenly over 0 to 255.

    An image of one grey level stays as it is. The result equals OpenCV's ``equalizeHist``.

    Source: Gonzalez and Woods, Digital Image Processing, section on histogram equalization.
    """
    n, height, width = images.shape
    flat = images.reshape(n, height * width).astype(np.int64)
    if n == 0 or flat.shape[1] == 0:
        return images.copy()
    counts = np.bincount((flat + 256 * np.arange(n)[:, None]).ravel(), minlength=256 * n).reshape(n, 256)
    darkest = counts[np.arange(n), flat.min(axis=1)][:, None]
    others = np.maximum(flat.shape[1] - darkest, 1)
    levels = (np.cumsum(counts, axis=1) - darkest).astype(np.float32) * (np.float32(255) / others.astype(np.float32))
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    equalized = np.take_along_axis(table, flat, axis=1).reshape(images.shape)
    constant = (darkest[:, 0] == flat.shape[1])[:, None, None]
    return np.where(constant, images, equalized)
