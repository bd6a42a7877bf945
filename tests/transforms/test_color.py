"""Transforms of color do what colorsys, Pillow, scikit-image and kornia do."""

import colorsys
from collections.abc import Callable

import kornia.color
import kornia.enhance
import matplotlib.colors
import numpy as np
import pytest
import skimage.color
import torch
from PIL import Image

from negatoscope.errors import InputError
from negatoscope.models.predict import to_images
from negatoscope.transforms.color import (
    channel_negative,
    channel_permutation,
    grayscale,
    hue_shift,
    luma,
    luminance_negative,
    opposite_hue,
    saturation,
    saturation_shift,
)
from negatoscope.transforms.spaces import resolve_space
from negatoscope.transforms.tone import negative
from negatoscope.types import Images

CORNERS = torch.cartesian_prod(*[torch.tensor([0.0, 0.3, 1.0])] * 3).T.reshape(1, 3, 3, 9)
"""Black, white, grays, pure and mixed colors."""


def random(n: int = 2) -> Images:
    return torch.rand((n, 3, 6, 5), generator=torch.Generator().manual_seed(3))


def pale() -> Images:
    """Colors so near to gray that their opposites exist."""
    return 0.4 + 0.2 * random()


def by_pixel(images: Images, change: Callable[[float, float, float], tuple[float, float, float]]) -> np.ndarray:
    """What a function of three numbers makes of each pixel."""
    pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double().tolist()
    changed = np.array([change(*pixel) for pixel in pixels])
    return changed.reshape(len(images), *images.shape[2:], 3).transpose(0, 3, 1, 2)


def hue_and_saturation(images: Images) -> np.ndarray:
    return by_pixel(images, colorsys.rgb_to_hsv)[:, :2]


def luma_of_scikit_image(images: Images) -> np.ndarray:
    return skimage.color.rgb2yuv(images.double().numpy(), channel_axis=1)[:, :1]


@pytest.mark.parametrize("images", [random(), CORNERS], ids=["random", "corners"])
def test_luma_is_that_of_scikit_image_and_of_kornia(images: Images) -> None:
    np.testing.assert_allclose(luma(images), luma_of_scikit_image(images), atol=1e-6)
    torch.testing.assert_close(luma(images), kornia.color.rgb_to_grayscale(images), rtol=0, atol=1e-6)


def test_grayscale_is_that_of_pillow_in_every_channel() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(picture).convert("L")).astype(float)
    found = grayscale(to_images(torch.from_numpy(picture.transpose(2, 0, 1).copy()[None]))) * 255
    assert np.abs(found[0].numpy() - expected).max() <= 0.501  # Pillow rounds
    assert torch.equal(found[:, 0], found[:, 2])


def test_the_opposite_hue_of_pale_colors_changes_the_sign_of_both_color_differences_of_kornia() -> None:
    yuv = kornia.color.rgb_to_yuv(pale())
    expected = kornia.color.yuv_to_rgb(yuv * torch.tensor([1.0, -1.0, -1.0]).reshape(1, 3, 1, 1))
    torch.testing.assert_close(opposite_hue(pale()), expected, rtol=0, atol=2e-3)  # kornia's inverse has 3 digits


@pytest.mark.parametrize("images", [random(), CORNERS], ids=["random", "corners"])
def test_the_opposite_hue_keeps_luma_and_is_half_a_turn_away(images: Images) -> None:
    found = opposite_hue(images)
    np.testing.assert_allclose(luma_of_scikit_image(found), luma_of_scikit_image(images), atol=1e-6)
    before, after = hue_and_saturation(images), hue_and_saturation(found)
    colorful = (before[:, 1] > 0.01) & (after[:, 1] > 0.01)
    turned = (after[:, 0] - before[:, 0])[colorful] % 1
    assert len(turned) > 5
    np.testing.assert_allclose(turned, 0.5, atol=1e-3)


@pytest.mark.parametrize("images", [random(), CORNERS], ids=["random", "corners"])
def test_the_negative_of_luminance_keeps_the_hue(images: Images) -> None:
    found = luminance_negative(images)
    np.testing.assert_allclose(luma_of_scikit_image(found), 1 - luma_of_scikit_image(images), atol=1e-6)
    before, after = hue_and_saturation(images), hue_and_saturation(found)
    colorful = (before[:, 1] > 0.01) & (after[:, 1] > 0.01)
    turned = (after[:, 0] - before[:, 0] + 0.5)[colorful] % 1
    assert len(turned) > 5
    np.testing.assert_allclose(turned, 0.5, atol=1e-3)


def test_colors_are_as_strong_as_rgb_allows_on_the_other_side() -> None:
    found = opposite_hue(CORNERS)
    strong = CORNERS.amax(1) - CORNERS.amin(1) > 0
    at_the_end = (found.amin(1) < 1e-6) | (found.amax(1) > 1 - 1e-6)
    whole = ((found.amax(1) - found.amin(1)) - (CORNERS.amax(1) - CORNERS.amin(1))).abs() < 1e-5
    assert bool((at_the_end | whole)[strong].all())


@pytest.mark.parametrize("channels", ["R", "B", "RG", "GB"])
def test_the_negative_of_some_channels_is_that_of_numpy(channels: str) -> None:
    expected = random().numpy().copy()
    for channel in channels:
        expected[:, "RGB".index(channel)] = 1 - expected[:, "RGB".index(channel)]
    np.testing.assert_array_equal(channel_negative(random(), channels=channels).numpy(), expected)


def test_the_negatives_of_three_channels_are_the_negative() -> None:
    found = channel_negative(channel_negative(random(), channels="RG"), channels="B")
    assert torch.equal(found, negative(random()))


@pytest.mark.parametrize("order", ["RBG", "GRB", "GBR", "BRG", "BGR"])
def test_channels_in_another_order_are_what_pillow_merges(order: str) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    bands = dict(zip("RGB", Image.fromarray(picture).split(), strict=True))
    expected = np.asarray(Image.merge("RGB", [bands[channel] for channel in order]))
    found = channel_permutation(to_images(torch.from_numpy(picture.transpose(2, 0, 1).copy()[None])), order=order)
    np.testing.assert_array_equal((found[0].permute(1, 2, 0) * 255).round().numpy(), expected)


@pytest.mark.parametrize("images", [random(), CORNERS], ids=["random", "corners"])
@pytest.mark.parametrize("degrees", [-180.0, -30.0, 60.0, 90.0, 180.0])
def test_a_shift_of_hue_is_that_of_colorsys_and_of_kornia(images: Images, degrees: float) -> None:
    def shifted(red: float, green: float, blue: float) -> tuple[float, float, float]:
        hue, strength, value = colorsys.rgb_to_hsv(red, green, blue)
        return colorsys.hsv_to_rgb((hue + degrees / 360) % 1, strength, value)

    found = hue_shift(images, degrees=degrees)
    np.testing.assert_allclose(found, by_pixel(images, shifted), atol=1e-5)
    torch.testing.assert_close(found, kornia.enhance.adjust_hue(images, float(np.radians(degrees))), rtol=0, atol=1e-4)


def test_a_third_of_a_turn_permutes_the_channels() -> None:
    found = hue_shift(random(), degrees=120.0)
    torch.testing.assert_close(found, channel_permutation(random(), order="BRG"), rtol=0, atol=1e-6)


def shifted_by_matplotlib(images: Images, *, turn: float, amount: float) -> np.ndarray:
    """Both shifts at once in the HSV of matplotlib, which the authors use; the turn from 0 to 1."""
    hsv = matplotlib.colors.rgb_to_hsv(images.double().permute(0, 2, 3, 1).numpy())
    hsv[..., 0] = (hsv[..., 0] + turn) % 1
    hsv[..., 1] = np.clip(hsv[..., 1] + amount, 0, 1)
    return matplotlib.colors.hsv_to_rgb(hsv).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("images", [random(), pale(), CORNERS], ids=["random", "pale", "corners"])
@pytest.mark.parametrize("amount", [-1.0, -0.3, 0.004, 0.6, 1.0])
def test_a_shift_of_saturation_is_that_of_matplotlib_of_grays_too(images: Images, amount: float) -> None:
    found = saturation_shift(images, amount=amount)
    np.testing.assert_allclose(found, shifted_by_matplotlib(images, turn=0.0, amount=amount), atol=1e-6)


@pytest.mark.parametrize("images", [random(), pale(), CORNERS], ids=["random", "pale", "corners"])
@pytest.mark.parametrize(("turn", "amount"), [(0.3, 0.2), (0.9, -0.4), (0.61, 1.0), (0.5, 0.0)])
def test_the_space_of_color_shifts_moves_hue_and_saturation_at_once_as_the_authors_do(
    images: Images, turn: float, amount: float
) -> None:
    space = resolve_space("color_shift", channels=3)
    points = torch.tensor([[(amount + 1) / 2, (turn + 0.5) % 1]], dtype=torch.float64).expand(len(images), -1)
    found = space.apply(images, points)
    np.testing.assert_allclose(found, shifted_by_matplotlib(images, turn=turn, amount=amount), atol=1e-5)


def test_a_gray_image_has_no_saturation_to_shift() -> None:
    with pytest.raises(InputError, match=r"^expected RGB images for saturation_shift, got gray images; use saturation"):
        saturation_shift(torch.rand(1, 1, 4, 4), amount=0.5)


@pytest.mark.parametrize("images", [random(), CORNERS], ids=["random", "corners"])
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.7])
def test_saturation_is_that_of_colorsys_and_of_kornia(images: Images, factor: float) -> None:
    def stronger(red: float, green: float, blue: float) -> tuple[float, float, float]:
        hue, strength, value = colorsys.rgb_to_hsv(red, green, blue)
        return colorsys.hsv_to_rgb(hue, min(1.0, strength * factor), value)

    found = saturation(images, factor=factor)
    np.testing.assert_allclose(found, by_pixel(images, stronger), atol=1e-6)
    torch.testing.assert_close(found, kornia.enhance.adjust_saturation(images, factor), rtol=0, atol=1e-4)


def test_a_channel_of_a_gray_image_cannot_be_chosen() -> None:
    with pytest.raises(InputError, match=r"^expected RGB images for channel_negative, got gray ones; use negative"):
        channel_negative(torch.zeros(1, 1, 2, 2), channels="R")


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected channels of channel_negative to be one of 'R', .*, got 'X'$"):
        channel_negative(random(), channels="X")
    with pytest.raises(InputError, match=r"^expected order of channel_permutation to be one of 'RBG', .*, got 'RRR'$"):
        channel_permutation(random(), order="RRR")
