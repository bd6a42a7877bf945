"""Images are brought to a classifier's size and channels as Pillow, PyTorch and OpenCV would do it."""

from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from negatoscope.errors import DataError, InputError
from negatoscope.pixels import ResizeSpec, resize_image


def noise(channels: int, height: int, width: int, *, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, (channels, height, width), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["stretch", "crop"])
def test_an_image_that_fits_comes_back_untouched(channels: int, mode: Literal["stretch", "crop"]) -> None:
    image = noise(channels, 8, 6)
    assert resize_image(image, ResizeSpec(8, 6, "gray" if channels == 1 else "rgb", mode=mode, crop_pct=0.5)) is image


def test_gray_becomes_rgb_by_repetition() -> None:
    image = noise(1, 8, 6)
    np.testing.assert_array_equal(resize_image(image, ResizeSpec(8, 6, "rgb")), image.repeat(3, axis=0))
    gray, rgb = (resize_image(image, ResizeSpec(5, 9, channels)) for channels in ("gray", "rgb"))
    np.testing.assert_array_equal(rgb, gray.repeat(3, axis=0))


def test_rgb_becomes_the_luma_of_itu_r_601() -> None:
    image = noise(3, 8, 6)
    gray = resize_image(image, ResizeSpec(8, 6, "gray"))
    np.testing.assert_array_equal(gray[0], np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L")))
    opencv = cv2.cvtColor(image.transpose(1, 2, 0), cv2.COLOR_RGB2GRAY)
    np.testing.assert_allclose(gray[0].astype(int), opencv, atol=1)


@pytest.mark.parametrize(("height", "width"), [(20, 31), (31, 20), (7, 5)])
def test_stretching_scales_each_side_as_pytorch_does(height: int, width: int) -> None:
    image = noise(3, height, width, low=64, high=192)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None].float(), (12, 16), mode="bilinear", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(resize_image(image, ResizeSpec(12, 16, "rgb")), expected[0].numpy(), atol=1.01)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "box", "nearest"])
@pytest.mark.parametrize(("height", "width"), [(40, 60), (61, 40), (33, 32), (9, 24), (32, 32)])
def test_cropping_is_resizing_the_short_side_and_cutting_out_the_center(
    height: int, width: int, interpolation: Literal["bilinear", "bicubic", "box", "nearest"]
) -> None:
    image = noise(3, height, width)
    fitted = resize_image(image, ResizeSpec(28, 28, "rgb", interpolation=interpolation, mode="crop", crop_pct=0.875))
    # In two steps, as ImageNet's evaluation does: 32 of the short side, then 28 of it.
    long = 32 * max(height, width) // min(height, width)
    size = (32, long) if height > width else (long, 32)
    whole = Image.fromarray(image.transpose(1, 2, 0)).resize(size, Image.Resampling[interpolation.upper()])
    left, top = round((size[0] - 28) / 2), round((size[1] - 28) / 2)
    expected = np.asarray(whole.crop((left, top, left + 28, top + 28))).transpose(2, 0, 1)
    np.testing.assert_array_equal(fitted, expected)


def test_a_crop_for_a_flat_size_covers_both_sides() -> None:
    rows = np.arange(0, 200, 2, dtype=np.uint8)[:, None].repeat(100, axis=1)[None]  # grows downwards
    fitted = resize_image(rows, ResizeSpec(10, 50, "gray", mode="crop"))
    # 100 x 100 becomes 50 x 50, of which the ten rows in the middle stay.
    np.testing.assert_allclose(fitted[0, :, 0], 2 * (2 * np.arange(20, 30) + 0.5), atol=1)


@given(
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    tall=st.integers(1, 20),
    wide=st.integers(1, 20),
    share=st.floats(0.1, 1.0),
)
def test_any_image_fits_any_size(height: int, width: int, tall: int, wide: int, share: float) -> None:
    image = np.full((1, height, width), 77, dtype=np.uint8)
    fitted = resize_image(image, ResizeSpec(tall, wide, "rgb", mode="crop", crop_pct=share))
    np.testing.assert_array_equal(fitted, np.full((3, tall, wide), 77))


def test_a_strip_that_would_be_absurdly_long_before_it_is_cut_is_refused() -> None:
    fit = ResizeSpec(224, 224, "gray", mode="crop")
    assert resize_image(np.zeros((1, 1, 1000), dtype=np.uint8), fit).shape == (1, 224, 224)
    with pytest.raises(DataError, match=r"^expected an image to crop, got a strip of 2000000 x 1 pixels; cut it$"):
        resize_image(np.zeros((1, 1, 2_000_000), dtype=np.uint8), fit)


@pytest.mark.parametrize("shape", [(2, 5, 5), (4, 5, 5), (1, 0, 5), (3, 5, 0)])
def test_an_image_of_other_channels_or_without_pixels_is_one_sentence(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match=r"^expected an image of one or three channels, got one of shape \("):
        resize_image(np.zeros(shape, dtype=np.uint8), ResizeSpec(4, 4, "gray"))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"height": 0}, "expected height and width from 1 to 64000000 pixels together, got 0 and 8"),
        ({"width": 10**9}, "expected height and width from 1 to 64000000 pixels together, got 8 and 1000000000"),
        ({"channels": "bgr"}, "expected channels to be one of gray, rgb, got 'bgr'"),
        (
            {"interpolation": "lanczos"},
            "expected interpolation to be one of bilinear, box, bicubic, nearest, got 'lanczos'",
        ),
        ({"mode": "pad"}, "expected mode to be one of stretch, crop, got 'pad'"),
        ({"crop_pct": 0.0}, "expected crop_pct above 0 and up to 1, got 0.0"),
        ({"crop_pct": float("nan")}, "expected crop_pct above 0 and up to 1, got nan"),
    ],
)
def test_an_impossible_resize_spec_is_one_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        ResizeSpec(**{"height": 8, "width": 8, "channels": "rgb", **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "share", "whole"), [(224, 0.875, 256), (224, 0.9, 248), (224, 0.95, 235), (224, 224 / 249, 249)]
)
def test_the_side_before_a_crop_is_rounded_down_as_timm_and_transformers_do(
    side: int, share: float, whole: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 300, 300), dtype=np.uint8)
    fitted = resize_image(image, ResizeSpec(side, side, "gray", mode="crop", crop_pct=share))
    resized = Image.fromarray(image[0]).resize((whole, whole), Image.Resampling.BILINEAR)
    edge = round((whole - side) / 2)
    expected = np.asarray(resized.crop((edge, edge, edge + side, edge + side)))
    np.testing.assert_array_equal(fitted[0], expected)
