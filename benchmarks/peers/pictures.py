"""What kornia, Pillow, scikit-image and OpenCV offer for a transform, each in the data that it likes.

Every library has a function of a transform's arguments; it gives a function of one batch (kornia) or of one picture.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks import harness
from negatoscope.models.predict import to_images
from negatoscope.registry import Spec, parse_spec
from negatoscope.types import Images, PixelArray

Contestant = Callable[[], object]
BatchTransform = Callable[[Any], Any]


def peers_of(spec: str, pixels: PixelArray, images: Images) -> dict[str, Contestant]:
    """Each library that has the transform, with its own form of the batch at hand.

    Args:
        spec: A transform of ours.
        pixels: The batch as it was stored.
        images: The same, in [0, 1] and in the layout that is measured.
    """
    parsed = parse_spec(spec)
    arrays = [np.ascontiguousarray(picture.transpose(1, 2, 0)) for picture in pixels]
    floats = [array.astype(np.float32) / np.float32(255) for array in arrays]
    found: dict[str, Contestant] = {}
    if batch_transform := _of("kornia", _kornia, parsed):
        found["kornia"] = partial(batch_transform, images)
    if batch_transform := _of("PIL", _pillow, parsed):
        from PIL import Image

        pictures = [Image.fromarray(array.squeeze()) for array in arrays]
        found["Pillow"] = partial(_each, batch_transform, pictures)
        found["Pillow, tensors"] = partial(_through_pillow, batch_transform, images)
    if batch_transform := _of("skimage", _scikit_image, parsed):
        found["scikit-image"] = partial(_each, batch_transform, floats)
    if batch_transform := _of("cv2", _opencv, parsed):
        found["OpenCV"] = partial(_each, batch_transform, floats)
    return found


def _of(
    package: str, library: Callable[[Mapping[str, Any]], Mapping[str, BatchTransform]], spec: Spec
) -> BatchTransform | None:
    if not harness.available(package):
        return None
    return library({"right": 0.0, "down": 0.0, **spec.arguments}).get(spec.name)


def _each(batch_transform: BatchTransform, pictures: list[Any]) -> list[Any]:
    return [batch_transform(picture) for picture in pictures]


def _through_pillow(batch_transform: BatchTransform, images: Images) -> Images:
    """From floats to 8-bit pictures and back, as in front of a classifier."""
    from PIL import Image

    arrays = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    changed = np.stack([np.asarray(batch_transform(Image.fromarray(array.squeeze()))) for array in arrays])
    return to_images(torch.from_numpy(changed.reshape(arrays.shape)).permute(0, 3, 1, 2))


def _kornia(settings: Mapping[str, Any]) -> dict[str, BatchTransform]:
    import kornia

    enhance, color, geometry = kornia.enhance, kornia.color, kornia.geometry
    share = settings.get("share", 0.0)
    return {
        "negative": enhance.invert,
        "negative_path": lambda x: enhance.add_weighted(x, 1 - share, enhance.invert(x), share, 0.0),
        "gamma": lambda x: enhance.adjust_gamma(x, settings["exponent"]),
        "contrast": lambda x: enhance.adjust_contrast_with_mean_subtraction(x, settings["factor"]),
        "brightness": lambda x: enhance.adjust_brightness_accumulative(x, settings["factor"]),
        "solarize": lambda x: enhance.solarize(x, settings["threshold"]),
        "posterize": lambda x: enhance.posterize(x, settings["bits"]),
        "sigmoid_contrast": lambda x: enhance.adjust_sigmoid(x, gain=settings["steepness"]),
        "negative_sigmoid_contrast": lambda x: enhance.adjust_sigmoid(x, gain=settings["steepness"], inv=True),
        "hue_shift": lambda x: enhance.adjust_hue(x, math.radians(settings["degrees"])),
        "saturation": lambda x: enhance.adjust_saturation(x, settings["factor"]),
        "grayscale": lambda x: color.grayscale_to_rgb(color.rgb_to_grayscale(x)),
        "channel_permutation": color.rgb_to_bgr,
        "edges": kornia.filters.sobel,
        "flip": geometry.hflip,
        "rotation": lambda x: geometry.rotate(x, torch.tensor([settings["degrees"]]), padding_mode="border"),
        "translation": lambda x: geometry.translate(
            x, torch.tensor([_whole(settings, x.shape[3], x.shape[2])]), padding_mode="border"
        ),
        "noise": lambda x: kornia.augmentation.RandomGaussianNoise(std=_spread(settings, x[0].numel()), p=1.0)(x),
    }


def _pillow(settings: Mapping[str, Any]) -> dict[str, BatchTransform]:
    from PIL import Image, ImageEnhance, ImageOps

    tones = {
        "gamma": lambda x: x ** settings["exponent"],
        "sigmoid_contrast": lambda x: 1 / (1 + math.exp(settings["steepness"] * (0.5 - x))),
        "negative_sigmoid_contrast": lambda x: 1 / (1 + math.exp(settings["steepness"] * (x - 0.5))),
    }

    def hue(picture: Any) -> Any:
        turned, strength, value = picture.convert("HSV").split()
        turned = turned.point([(level + round(settings["degrees"] / 360 * 256)) % 256 for level in range(256)])
        return Image.merge("HSV", (turned, strength, value)).convert("RGB")

    def first_negative(picture: Any) -> Any:
        red, green, blue = picture.split()
        return Image.merge("RGB", (ImageOps.invert(red), green, blue))

    def moved(picture: Any) -> Any:
        across, down = _whole(settings, *picture.size)
        return picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, -across, 0, 1, -down))

    return {
        "negative": ImageOps.invert,
        "negative_path": lambda x: Image.blend(x, ImageOps.invert(x), settings["share"]),
        "contrast": lambda x: ImageEnhance.Contrast(x).enhance(settings["factor"]),
        "brightness": lambda x: ImageEnhance.Brightness(x).enhance(settings["factor"]),
        "solarize": lambda x: ImageOps.solarize(x, round(255 * settings["threshold"])),
        "posterize": lambda x: ImageOps.posterize(x, settings["bits"]),
        "hue_shift": hue,
        "grayscale": lambda x: x.convert("L").convert("RGB"),
        "channel_negative": first_negative,
        "channel_permutation": lambda x: Image.merge("RGB", x.split()[::-1]),
        "flip": lambda x: x.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "rotation": lambda x: x.rotate(settings["degrees"], resample=Image.Resampling.BILINEAR),
        "translation": moved,
        **{name: partial(_point, tone=tone) for name, tone in tones.items()},
    }


def _point(picture: Any, *, tone: Callable[[float], float]) -> Any:
    """Through a table of 256 levels, which is made for each picture, as Pillow's own operations do."""
    return picture.point([round(255 * tone(level / 255)) for level in range(256)] * len(picture.getbands()))


def _scikit_image(settings: Mapping[str, Any]) -> dict[str, BatchTransform]:
    from skimage import color, exposure, filters, transform
    from skimage.util import invert, random_noise

    def in_hsv(x: Any, batch_transform: Callable[[Any], None]) -> Any:
        hsv = color.rgb2hsv(x)
        batch_transform(hsv)
        return color.hsv2rgb(hsv)

    def turn(hsv: Any) -> None:
        hsv[..., 0] = (hsv[..., 0] + settings["degrees"] / 360) % 1

    def strengthen(hsv: Any) -> None:
        hsv[..., 1] = np.minimum(hsv[..., 1] * settings["factor"], 1)

    def moved(x: Any) -> Any:
        across, down = _whole(settings, x.shape[1], x.shape[0])
        return transform.warp(x, transform.AffineTransform(translation=(-across, -down)), mode="edge")

    return {
        "negative": invert,
        "gamma": lambda x: exposure.adjust_gamma(x, settings["exponent"]),
        "sigmoid_contrast": lambda x: exposure.adjust_sigmoid(x, gain=settings["steepness"]),
        "negative_sigmoid_contrast": lambda x: exposure.adjust_sigmoid(x, gain=settings["steepness"], inv=True),
        "hue_shift": lambda x: in_hsv(x, turn),
        "saturation": lambda x: in_hsv(x, strengthen),
        "grayscale": lambda x: color.gray2rgb(color.rgb2gray(x)),
        "edges": lambda x: filters.sobel(x, axis=(0, 1)),
        "rotation": lambda x: transform.rotate(x, settings["degrees"], mode="edge"),
        "translation": moved,
        "noise": lambda x: random_noise(x, var=_spread(settings, x.size) ** 2),
    }


def _opencv(settings: Mapping[str, Any]) -> dict[str, BatchTransform]:
    import cv2

    white = (1.0, 1.0, 1.0, 1.0)

    def in_hsv(x: Any, batch_transform: Callable[[Any], None]) -> Any:
        hsv = cv2.cvtColor(x, cv2.COLOR_RGB2HSV)
        batch_transform(hsv)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)

    def turn(hsv: Any) -> None:
        hsv[..., 0] += settings["degrees"]
        hsv[..., 0][hsv[..., 0] >= 360] -= 360

    def strengthen(hsv: Any) -> None:
        hsv[..., 1] = np.minimum(hsv[..., 1] * settings["factor"], 1)

    def sobel(x: Any) -> Any:
        slopes = [cv2.Sobel(x, cv2.CV_32F, *way, borderType=cv2.BORDER_REPLICATE) for way in ((1, 0), (0, 1))]
        return np.sqrt(slopes[0] ** 2 + slopes[1] ** 2)

    def warped(x: Any, matrix: Any) -> Any:
        return cv2.warpAffine(x, matrix, x.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def turned(x: Any) -> Any:
        center = ((x.shape[1] - 1) / 2, (x.shape[0] - 1) / 2)
        return warped(x, cv2.getRotationMatrix2D(center, settings["degrees"], 1.0))

    def moved(x: Any) -> Any:
        across, down = _whole(settings, x.shape[1], x.shape[0])
        return warped(x, np.array([[1, 0, across], [0, 1, down]], dtype=np.float64))

    return {
        "negative": lambda x: cv2.subtract(white, x),
        "negative_path": lambda x: cv2.addWeighted(
            x, 1 - settings["share"], cv2.subtract(white, x), settings["share"], 0.0
        ),
        "gamma": lambda x: cv2.pow(x, settings["exponent"]),
        "brightness": lambda x: cv2.min(cv2.multiply(x, settings["factor"]), white),
        "hue_shift": lambda x: in_hsv(x, turn),
        "saturation": lambda x: in_hsv(x, strengthen),
        "grayscale": lambda x: cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
        "channel_permutation": lambda x: cv2.cvtColor(x, cv2.COLOR_RGB2BGR),
        "edges": sobel,
        "flip": lambda x: cv2.flip(x, 1),
        "rotation": turned,
        "translation": moved,
    }


def _whole(settings: Mapping[str, Any], width: int, height: int) -> tuple[float, float]:
    """How many pixels to the right and down."""
    return float(round(settings["right"] * width)), float(round(settings["down"] * height))


def _spread(settings: Mapping[str, Any], values: int) -> float:
    """Of noise, what each value gets of its L2 size."""
    return float(settings["l2"] / math.sqrt(values))
