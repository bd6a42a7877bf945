"""An image as a page holds it."""

import base64
import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from negatoscope.levels import to_pixels
from negatoscope.pixels import to_picture

GRAIN = 64
"""Pixels: smaller pictures are shown with their grain, not smoothed."""

_SIDE = 192  # pixels of a picture at most


def thumbnail(pixels: UInt8[np.ndarray, "channels height width"]) -> Image.Image:
    """An image at the size of a page's pictures, if it is larger."""
    picture = to_picture(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    return picture


def data_uri(image: Float[Tensor, "channels height width"]) -> str:
    """One image in [0, 1] as a data URI; nothing of it is larger than a page shows."""
    picture = thumbnail(to_pixels(image))
    file, small = io.BytesIO(), max(picture.size) < GRAIN
    picture.save(file, "PNG" if small else "JPEG", quality=90)
    return f"data:image/{'png' if small else 'jpeg'};base64,{base64.b64encode(file.getvalue()).decode()}"
