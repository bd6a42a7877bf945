"""Transforms of place do what Pillow, scikit-image, SciPy and kornia do."""

import kornia.geometry.transform
import numpy as np
import pytest
import skimage.transform
import torch
from PIL import Image
from scipy import ndimage

from negatoscope.errors import InputError
from negatoscope.transforms.geometry import flip, rotation, translation
from negatoscope.types import Images

FLIPS = {"left_right": Image.Transpose.FLIP_LEFT_RIGHT, "top_bottom": Image.Transpose.FLIP_TOP_BOTTOM}


def images(height: int = 9, width: int = 7) -> Images:
    return torch.rand((2, 3, height, width), generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("axis", FLIPS)
def test_a_mirror_image_is_that_of_pillow(axis: str) -> None:
    picture = np.random.default_rng(3).integers(0, 256, (4, 5), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(picture).transpose(FLIPS[axis]))
    found = flip(torch.from_numpy(picture / 255)[None, None], axis=axis)
    np.testing.assert_array_equal((found[0, 0] * 255).round().numpy(), expected)


@pytest.mark.parametrize("size", [(9, 7), (8, 8), (1, 1), (1, 6)], ids=str)
@pytest.mark.parametrize("degrees", [-180.0, -45.0, 10.0, 90.0, 133.0])
def test_a_rotation_is_that_of_scikit_image_with_its_border_repeated(degrees: float, size: tuple[int, int]) -> None:
    exact = images(*size).double()
    found = rotation(exact, degrees=degrees)
    expected = [
        [skimage.transform.rotate(plane, degrees, order=1, mode="edge") for plane in image] for image in exact.numpy()
    ]
    np.testing.assert_allclose(found.numpy(), np.array(expected), atol=1e-9)


def test_a_rotation_is_that_of_kornia_with_its_border_repeated() -> None:
    expected = kornia.geometry.transform.rotate(
        images(8, 8), torch.tensor([25.0, 25.0]), padding_mode="border", align_corners=True
    )
    torch.testing.assert_close(rotation(images(8, 8), degrees=25.0), expected, rtol=0, atol=1e-4)


def test_a_quarter_turn_of_a_square_goes_counterclockwise() -> None:
    torch.testing.assert_close(
        rotation(images(8, 8), degrees=90.0), images(8, 8).rot90(1, dims=(2, 3)), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.25), (0.3, -0.2), (-1.0, 0.0), (0.05, 0.05), (-0.15, 1.0)])
def test_a_translation_is_that_of_scipy_with_its_border_repeated(right: float, down: float) -> None:
    found = translation(images(), right=right, down=down)
    shift = (0, 0, round(down * 9), round(right * 7))
    np.testing.assert_allclose(found, ndimage.shift(images().numpy(), shift, order=0, mode="nearest"), atol=1e-7)


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected axis of flip to be 'left_right' or 'top_bottom', got 'x'$"):
        flip(images(), axis="x")


def test_a_share_of_more_than_the_image_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected down of translation from -1 to 1, got 3\.0; it is a share"):
        translation(images(), down=3.0)
