"""Transforms of brightness do what Pillow does to stored pixels."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageOps

from negatoscope.models.predict import to_images
from negatoscope.transforms.tone import negative


def test_the_negative_of_stored_pixels_is_that_of_pillow() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    expected = np.asarray(ImageOps.invert(Image.fromarray(pixels)))
    found = negative(to_images(torch.from_numpy(pixels)[None, None])) * 255
    np.testing.assert_array_equal(found[0, 0].round().numpy(), expected)
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-4)


@given(images=arrays(np.float32, array_shapes(min_dims=4, max_dims=4, max_side=4), elements=st.floats(0, 1, width=32)))
def test_the_negative_of_the_negative_is_the_image(images: np.ndarray) -> None:
    twice = negative(negative(torch.from_numpy(images)))
    np.testing.assert_allclose(twice.numpy(), images, rtol=0, atol=6e-8)


def test_black_turns_white_and_middle_grey_stays() -> None:
    assert negative(torch.tensor([0.0, 0.5, 1.0]).reshape(1, 1, 1, 3)).flatten().tolist() == [1.0, 0.5, 0.0]
