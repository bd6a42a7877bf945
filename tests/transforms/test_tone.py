"""Transforms of brightness do what Pillow, scikit-image, kornia and foolbox do."""

import foolbox
import kornia.enhance
import numpy as np
import pytest
import skimage.exposure
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageEnhance, ImageOps

from negatoscope.errors import InputError
from negatoscope.models.predict import to_images
from negatoscope.transforms.tone import (
    brightness,
    contrast,
    gamma,
    negative,
    negative_sigmoid_contrast,
    posterize,
    sigmoid_contrast,
    solarize,
)
from negatoscope.types import Images, PixelArray

PICTURE = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)

some_images = arrays(np.float32, array_shapes(min_dims=4, max_dims=4, max_side=4), elements=st.floats(0, 1, width=32))


def stored(picture: np.ndarray = PICTURE) -> Images:
    """An array as Pillow has it, as one image."""
    pixels: PixelArray = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
    return to_images(torch.from_numpy(pixels))


def levels(images: Images) -> np.ndarray:
    """The one image as Pillow would have it, without rounding."""
    return (images[0].permute(1, 2, 0) * 255).numpy()


def random(n: int = 3, channels: int = 3) -> Images:
    return torch.rand((n, channels, 6, 5), generator=torch.Generator().manual_seed(2))


def test_the_negative_of_stored_pixels_is_that_of_pillow() -> None:
    expected = np.asarray(ImageOps.invert(Image.fromarray(PICTURE)))
    np.testing.assert_array_equal(levels(negative(stored())).round(), expected)
    np.testing.assert_allclose(levels(negative(stored())), expected, atol=1e-4)


def test_the_negative_is_the_inversion_of_foolbox_and_of_kornia() -> None:
    model = foolbox.PyTorchModel(torch.nn.Flatten().eval(), bounds=(0, 1))
    criterion = foolbox.criteria.Misclassification(torch.zeros(3, dtype=torch.int64))
    found, _, _ = foolbox.attacks.InversionAttack()(model, random(), criterion, epsilons=None)
    torch.testing.assert_close(negative(random()), found)
    torch.testing.assert_close(negative(random()), kornia.enhance.invert(random()))


@given(images=some_images)
def test_the_negative_of_the_negative_is_the_image(images: np.ndarray) -> None:
    twice = negative(negative(torch.from_numpy(images)))
    np.testing.assert_allclose(twice.numpy(), images, rtol=0, atol=6e-8)


def test_black_turns_white_and_middle_gray_stays() -> None:
    assert negative(torch.tensor([0.0, 0.5, 1.0]).reshape(1, 1, 1, 3)).flatten().tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("exponent", [0.25, 1.0, 2.2, 4.0])
def test_gamma_is_that_of_scikit_image_and_of_kornia(exponent: float) -> None:
    found = gamma(random(), exponent=exponent)
    np.testing.assert_allclose(found.numpy(), skimage.exposure.adjust_gamma(random().numpy(), exponent), rtol=1e-5)
    torch.testing.assert_close(found, kornia.enhance.adjust_gamma(random(), exponent))


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 3.0])
def test_contrast_is_that_of_kornia_and_of_pillow_but_for_its_rounding(factor: float) -> None:
    torch.testing.assert_close(
        contrast(random(), factor=factor), kornia.enhance.adjust_contrast_with_mean_subtraction(random(), factor)
    )
    expected = np.asarray(ImageEnhance.Contrast(Image.fromarray(PICTURE)).enhance(factor)).astype(float)
    # Pillow rounds the mean, which enters abs(1 - factor) times, and cuts the result to whole levels.
    assert np.abs(levels(contrast(stored(), factor=factor)) - expected).max() <= abs(1 - factor) / 2 + 1.1


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 3.0])
def test_brightness_is_that_of_kornia_and_of_pillow_but_for_its_rounding(factor: float) -> None:
    torch.testing.assert_close(
        brightness(random(), factor=factor), kornia.enhance.adjust_brightness_accumulative(random(), factor)
    )
    expected = np.asarray(ImageEnhance.Brightness(Image.fromarray(PICTURE)).enhance(factor)).astype(float)
    assert np.abs(levels(brightness(stored(), factor=factor)) - expected).max() < 1.001


@pytest.mark.parametrize("threshold", [0, 1, 100, 128, 255, 256])
def test_solarize_is_that_of_pillow(threshold: int) -> None:
    expected = np.asarray(ImageOps.solarize(Image.fromarray(PICTURE), threshold=threshold))
    found = solarize(stored(), threshold=(threshold - 0.5) / 255 if threshold else 0.0)
    np.testing.assert_array_equal(levels(found).round(), expected)


def test_solarize_is_that_of_kornia_and_from_zero_the_negative() -> None:
    torch.testing.assert_close(solarize(random(), threshold=0.4), kornia.enhance.solarize(random(), 0.4))
    assert torch.equal(solarize(random(), threshold=0.0), negative(random()))


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_is_that_of_pillow_and_of_kornia(bits: int) -> None:
    expected = np.asarray(ImageOps.posterize(Image.fromarray(PICTURE), bits))
    np.testing.assert_array_equal(levels(posterize(stored(), bits=bits)).round(), expected)
    torch.testing.assert_close(posterize(stored(), bits=bits), kornia.enhance.posterize(stored(), bits))


@pytest.mark.parametrize("middle", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("steepness", [0.01, 1.0, 20.0])
def test_the_tone_curves_are_the_sigmoid_of_scikit_image_stretched_to_its_ends(steepness: float, middle: float) -> None:
    def sigmoid(values: np.ndarray) -> np.ndarray:
        return np.asarray(skimage.exposure.adjust_sigmoid(values, cutoff=middle, gain=steepness))

    images = random().double()
    black, white = sigmoid(np.array([0.0, 1.0]))
    expected = (sigmoid(images.numpy()) - black) / (white - black)
    np.testing.assert_allclose(sigmoid_contrast(images, steepness=steepness, middle=middle), expected, atol=1e-9)
    np.testing.assert_allclose(
        negative_sigmoid_contrast(images, steepness=steepness, middle=middle), 1 - expected, atol=1e-9
    )


@pytest.mark.parametrize("steepness", [0.0, 9e-4, 1.1e-3, 5.0, 1000.0])
def test_one_curve_rises_and_the_other_falls_between_black_and_white(steepness: float) -> None:
    ramp = torch.linspace(0, 1, 101).reshape(1, 1, 1, 101)
    rising = sigmoid_contrast(ramp, steepness=steepness).flatten()
    assert (rising[0].item(), rising[-1].item()) == (0.0, 1.0)
    assert bool((rising.diff() >= 0).all())
    torch.testing.assert_close(negative_sigmoid_contrast(ramp, steepness=steepness).flatten(), 1 - rising)
    if steepness < 0.01:
        torch.testing.assert_close(rising, ramp.flatten(), rtol=0, atol=1e-4)


def test_a_curve_steeper_than_any_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected middle of a tone curve from 0 to 1, got 1\.5; "):
        sigmoid_contrast(random(), steepness=2.0, middle=1.5)
