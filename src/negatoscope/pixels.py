"""The one place where pixels are decoded, made gray, resampled and equalized."""

import io
import math
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image, ImageOps

from negatoscope.errors import DataError, InputError, expect, shown

Interpolation = Literal["bilinear", "box", "bicubic", "nearest"]

WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
WINDOW_FUNCTIONS: tuple[WindowFunction, ...] = get_args(WindowFunction)
"""How a window makes levels of values, as DICOM calls it."""

MAX_PIXELS = 64_000_000
"""Larger images are refused: a file of a few kilobytes can claim any size."""

FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What is read. Pillow knows more, among them EPS, for which it starts another program."""

DECODING = 3
"""Counted up when the same bytes decode to other pixels than before; part of the name of prepared arrays."""

HALVED = "which only the upper 8 can be read; convert to 8 bits"
"""What an error says of 16 bits of color."""

_SPACE = rb"\s(?:\s|#[^\r\n]*[\r\n])*"
_PPM = re.compile(rb"P6%b([1-9]\d{0,4})%b([1-9]\d{0,4})%b255\s" % (_SPACE, _SPACE, _SPACE))

_TOGETHER = 256  # images that are equalized at a time: as many as a processor keeps at hand

_filters = threading.Lock()
_SELF_DECLARED = ("PPM", "JPEG2000")  # formats that say their largest value, to which Pillow scales


@dataclass(frozen=True)
class ResizeSpec:
    """The size and the channels that a classifier expects, and how an image gets there.

    Args:
        height: In pixels, at least 1.
        width: In pixels, at least 1.
        channels: "gray" for one, "rgb" for three.
        interpolation: The filter of the resizing, all but "nearest" with antialiasing.
        mode: "stretch": both sides are scaled on their own. "crop": one scale for both, then a center crop.
        crop_pct: For mode "crop": the share of the scaled sides that the crop keeps, in (0, 1]; 0.875 is ImageNet's 224
            of 256.

    Raises:
        InputError: A value is impossible.
    """

    height: int
    width: int
    channels: Literal["gray", "rgb"]
    interpolation: Interpolation = "bilinear"
    mode: Literal["stretch", "crop"] = "stretch"
    crop_pct: float = 1.0

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or self.height * self.width > MAX_PIXELS:
            raise InputError(
                f"expected height and width from 1 to {MAX_PIXELS} pixels together, got {self.height} and {self.width}"
            )
        choices = {"channels": ("gray", "rgb"), "interpolation": get_args(Interpolation), "mode": ("stretch", "crop")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"expected {name} to be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        if not 0 < self.crop_pct <= 1:
            raise InputError(f"expected crop_pct above 0 and up to 1, got {self.crop_pct}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return 1 if self.channels == "gray" else 3, self.height, self.width


@dataclass(frozen=True)
class DecodeSpec:
    """Which values of gray images are black and white, where a file does not say.

    Args:
        bits: From 8 to 16: in files of 16 bits, white is ``2**bits - 1``. None is 16.
        window: Center and width of the values that become 0 to 255, in the file's values, the same for every image;
            None is all values.

    Raises:
        InputError: A value is impossible, or both are given.
    """

    bits: int | None = None
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        expect(self.bits is None or 8 <= self.bits <= 16, "--bits from 8 to 16", shown(self.bits))
        if self.window is not None:
            center, width = self.window
            expect(self.bits is None, "--bits or --window", "both; a window says what is white")
            expect(math.isfinite(center) and 1 <= width < math.inf, "--window of width 1 or more", shown(self.window))

    @classmethod
    def of(cls, bits: int | None, window: Any) -> "DecodeSpec":
        """The same, of a window that may be a text such as "40,400"."""
        if window is None:
            return cls(bits)
        try:
            center, width = window.split(",") if isinstance(window, str) else window
            numbers = float(center), float(width)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"expected --window to be CENTER,WIDTH, such as 40,400, got {shown(window)}") from error
        return cls(bits, numbers)


AS_STORED = DecodeSpec()
"""All bits of a file count."""


def decode(
    content: bytes, *, name: str, decoding: DecodeSpec = AS_STORED
) -> UInt8[np.ndarray, "channels height width"]:
    """An image file's pixels, 0 to 255: one channel where it is gray, else RGB.

    The image stands upright, as its EXIF orientation says. A palette gives RGB, 1 bit gives 0 and 255, 12 or 16 bits of
    gray are scaled so that the largest value that they can hold is 255, and rounded, CMYK is converted as Pillow does,
    transparency is dropped, and of a moving picture the first frame counts.

    Args:
        content: The bytes of a file in one of `FORMATS`.
        name: How an error calls it.
        decoding: Which values are black and white, where the file does not say.

    Raises:
        DataError: The bytes are damaged, no image, of values without a known range or beyond it, or an image of absurd
            size.
    """
    return to_array(open_image(content, name=name, decoding=decoding))


def open_image(content: bytes, *, name: str, decoding: DecodeSpec = AS_STORED) -> Image.Image:
    """The same as a Pillow image, mode "L" or "RGB"."""
    plain = _open_plain_ppm(content) if decoding.window is None else None
    if plain is not None:
        return plain
    with _loading(content, name=name) as image:
        halved = _halved(image) and decoding.bits not in (None, 16)
        expect(not halved, f"gray in {name} for --bits", f"16 bits of color or transparency, of {HALVED}", DataError)
        image.load()
        with quiet():
            ImageOps.exif_transpose(image, in_place=True)
        return _plain(image, name=name, decoding=decoding)


class Peak(NamedTuple):
    """The largest value of an image of 16 bits; of color and transparency Pillow reads the upper byte alone."""

    value: int
    is_halved: bool


def peak_of_16_bits(content: bytes, *, name: str) -> Peak | None:
    """That of a file that does not say how many of its bits it uses; None for any other image.

    Raises:
        DataError: As `decode` says.
    """
    with _loading(content, name=name) as image:
        if _halved(image):
            values = np.asarray(image)
            return Peak(256 * int((values[..., :-1] if image.mode.endswith("A") else values).max()) + 255, True)
        deep = image.mode.startswith("I;16") and image.format not in _SELF_DECLARED and _bits_of(image) == 16
        return Peak(int(np.asarray(image).max()), False) if deep else None


def _halved(image: Image.Image) -> bool:
    """Whether an image that is not loaded yet has 16 bits of which Pillow reads 8: color, or gray with transparency."""
    return ";16" in str([tile.args for tile in getattr(image, "tile", ())]) and not image.mode.startswith("I")


@contextmanager
def _loading(content: bytes, *, name: str) -> Iterator[Image.Image]:
    """An image whose pixels are not read yet; within the block, whatever goes wrong is a `DataError`."""
    try:
        with quiet():
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise DataError(f"expected at most {MAX_PIXELS} pixels in {name}, got {image.width} x {image.height}")
        yield image
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"expected at most {MAX_PIXELS} pixels in {name}, got far more; leave it out") from error
    except Exception as error:  # a damaged file makes Pillow's readers raise almost anything
        raise DataError(f"expected an image in {name}, got bytes that do not decode; fetch the file again") from error


def _open_plain_ppm(content: bytes) -> Image.Image | None:
    """What Pillow makes of a binary PPM of 8 bits, at a fraction of its time; None where anything is out of line."""
    header = _PPM.match(content)
    if header is None:
        return None
    width, height = int(header[1]), int(header[2])
    if width * height > MAX_PIXELS or len(content) - header.end() != 3 * width * height:
        return None
    return Image.frombytes("RGB", (width, height), memoryview(content)[header.end() :])


@contextmanager
def quiet(module: str = r"PIL\.") -> Iterator[None]:
    """Without a library's warnings: an error tells what is wrong with an image. Filters are shared by all threads."""
    with _filters, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=module)
        yield


def _plain(image: Image.Image, *, name: str, decoding: DecodeSpec) -> Image.Image:
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if decoding.window is not None:
        return _windowed(image, decoding.window, name=name)
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("1", "LA"):
        return image.convert("L")
    if deep:
        return _from_16_bits(image, decoding.bits or 16, name=name)
    if image.mode in ("I", "F"):
        raise DataError(
            f"expected 8 or 16 bits per value in {name}, got Pillow's mode {image.mode!r}, whose range is not known; "
            "give --window CENTER,WIDTH"
        )
    image.info.pop("transparency", None)  # dropped either way, but Pillow warns
    return image.convert("RGB")


def _from_16_bits(image: Image.Image, bits: int, *, name: str) -> Image.Image:
    stored = _bits_of(image)
    if stored not in (12, 16):
        raise DataError(f"expected 8, 12 or 16 bits per value in {name}, got {stored}; convert it")
    white = 2 ** (stored if stored < 16 or image.format in _SELF_DECLARED else bits) - 1
    values = np.asarray(image).astype(np.uint32)
    if values.max() > white:
        raise DataError(f"expected values up to {white} in {name}, as --bits says, got {values.max()}; give more bits")
    if _white_is_zero(image):
        values = white - values
    return Image.fromarray(((510 * values + white) // (2 * white)).astype(np.uint8))


def _windowed(image: Image.Image, window: tuple[float, float], *, name: str) -> Image.Image:
    if image.format in _SELF_DECLARED or len(image.getbands()) != 1 or image.mode in ("1", "P"):
        raise DataError(f"expected one channel of plain values in {name} for --window, got others; leave it out")
    levels = apply_window(np.asarray(image), center=window[0], width=window[1])
    return Image.fromarray(255 - levels if _white_is_zero(image) and image.mode != "L" else levels)


def apply_window(
    values: Num[np.ndarray, "..."], *, center: float, width: float, function: WindowFunction = "LINEAR"
) -> UInt8[np.ndarray, "..."]:
    """Values within a window of `width` around `center` as 0 to 255; what lies below is 0, what lies above 255.

    Args:
        values: Of any range.
        center: In the values' unit.
        width: In the values' unit, above 0; of "LINEAR" at least 1, the width of a window of one value.
        function: "LINEAR" for whole numbers, "LINEAR_EXACT", or "SIGMOID".

    Source: DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3.
    """
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    offsets = values.astype(np.float64) - center
    if width <= 0:
        shares = (offsets > 0).astype(np.float64)
    elif function == "SIGMOID":
        from scipy.special import expit

        shares = expit(4 * offsets / width)
    else:
        shares = offsets / width + 0.5
    return (255 * np.nan_to_num(shares).clip(0, 1) + 0.5).astype(np.uint8)


def _bits_of(image: Image.Image) -> int:
    """How many bits a file of 16-bit values says that it has of each."""
    return int(getattr(image, "tag_v2", {}).get(258, (16,))[0])


def _white_is_zero(image: Image.Image) -> bool:
    """A TIFF's photometric interpretation, which Pillow heeds at 8 bits only."""
    return bool(getattr(image, "tag_v2", {}).get(262, 1) == 0)


def to_array(image: Image.Image) -> UInt8[np.ndarray, "channels height width"]:
    """A Pillow image as an array, channels first."""
    values = np.asarray(image)
    return np.ascontiguousarray(values[None] if values.ndim == 2 else values.transpose(2, 0, 1))


def to_picture(pixels: UInt8[np.ndarray, "channels height width"]) -> Image.Image:
    """An array, channels first, as a Pillow image, mode "L" or "RGB"."""
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def resize_image(
    image: UInt8[np.ndarray, "channels height width"], resize: ResizeSpec
) -> UInt8[np.ndarray, "new_channels new_height new_width"]:
    """An image at the size and with the channels that a classifier expects; one that has them comes back untouched.

    RGB becomes gray (ITU-R 601 luma, as Pillow has it) before the resizing; gray becomes RGB by repetition, after it.
    Mode "crop" scales the image until it just covers both sides divided by `crop_pct` and cuts out the center.

    Raises:
        InputError: The image has neither one nor three channels, or no pixels.
        DataError: It is so long that it would have absurdly many pixels before it is cropped.
    """
    channels = resize.shape[0]
    if image.shape == resize.shape:
        return image
    if len(image) not in (1, 3) or image.size == 0:
        raise InputError(f"expected an image of one or three channels, got one of shape {image.shape}")
    picture = to_picture(image)
    if channels == 1:
        picture = picture.convert("L")
    size, resampling = (resize.width, resize.height), Image.Resampling[resize.interpolation.upper()]
    pixels = to_array(
        _center_crop(picture, resize, resampling) if resize.mode == "crop" else picture.resize(size, resampling)
    )
    return np.repeat(pixels, 3, axis=0) if channels > len(pixels) else pixels


def _center_crop(picture: Image.Image, resize: ResizeSpec, resampling: Image.Resampling) -> Image.Image:
    """The center of an image that covers the size; sides are rounded down, as timm does it, corners as torchvision."""
    tall, wide = (math.floor(side / resize.crop_pct + 1e-6) for side in (resize.height, resize.width))  # 224 of 249
    if tall * picture.width >= wide * picture.height:
        wide = tall * picture.width // picture.height
    else:
        tall = wide * picture.height // picture.width
    if tall * wide > MAX_PIXELS:
        raise DataError(f"expected an image to crop, got a strip of {picture.width} x {picture.height} pixels; cut it")
    left, top = round((wide - resize.width) / 2), round((tall - resize.height) / 2)
    return picture.resize((wide, tall), resampling).crop((left, top, left + resize.width, top + resize.height))


def equalize(images: UInt8[np.ndarray, "n height width"]) -> UInt8[np.ndarray, "n height width"]:
    """Histogram equalization of each 8-bit image on its own, so that its gray levels spread evenly over 0 to 255.

    An image of one gray level stays as it is. The result equals OpenCV's ``equalizeHist``.

    Source: Gonzalez and Woods, Digital Image Processing, section on histogram equalization.
    """
    if images.size == 0:
        return images.copy()
    parts = (images[first : first + _TOGETHER] for first in range(0, len(images), _TOGETHER))
    return np.concatenate([_equalize(part) for part in parts])


def _equalize(images: UInt8[np.ndarray, "n height width"]) -> UInt8[np.ndarray, "n height width"]:
    n, height, width = images.shape
    pixels = height * width
    codes = images.reshape(n, pixels) + 256 * np.arange(n)[:, None]  # an image's levels, apart from any other's
    counts = np.bincount(codes.ravel(), minlength=256 * n).reshape(n, 256)
    darkest = counts[np.arange(n), (counts > 0).argmax(axis=1)][:, None]
    others = np.maximum(pixels - darkest, 1)
    levels = (np.cumsum(counts, axis=1) - darkest).astype(np.float32) * (np.float32(255) / others.astype(np.float32))
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    constant = darkest[:, 0] == pixels
    table[constant] = np.arange(256, dtype=np.uint8)
    return np.take(table, codes).reshape(images.shape)
