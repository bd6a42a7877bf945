"""An image as a page holds it."""

import base64
import io

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

GRAIN = 64
"""Pixels: smaller pictures are shown with their grain, not smoothed."""

_SIDE = 192  # pixels of a picture at most


def data_uri(image: Float[Tensor, "channels height width"]) -> str:
    """One image in [0, 1] as a data URI; nothing of it is larger than a page shows."""
    pixels = (image.clamp(0, 1) * 255).round().byte().cpu().numpy()
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    picture.thumbnail((_SIDE, _SIDE))
    file, small = io.BytesIO(), max(picture.size) < GRAIN
    picture.save(file, "PNG" if small else "JPEG", quality=90)
    return f"data:image/{'png' if small else 'jpeg'};base64,{base64.b64encode(file.getvalue()).decode()}"
