"""The path to the negative is a straight line with a gray middle."""

import numpy as np
import pytest
import torch

from negatoscope.transforms.tone import negative, negative_path

IMAGES = torch.rand((2, 3, 5, 4), generator=torch.Generator().manual_seed(6))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_point_on_the_path_is_what_numpy_interpolates(share: float) -> None:
    values = IMAGES.double().flatten().tolist()
    expected = [np.interp(share, [0.0, 1.0], [value, 1 - value]) for value in values]
    np.testing.assert_allclose(negative_path(IMAGES, share=share).flatten(), expected, atol=1e-6)


def test_the_ends_are_the_image_and_the_negative_and_the_middle_is_gray() -> None:
    assert torch.equal(negative_path(IMAGES, share=0.0), IMAGES)
    assert torch.equal(negative_path(IMAGES, share=1.0), negative(IMAGES))
    torch.testing.assert_close(negative_path(IMAGES, share=0.5), torch.full_like(IMAGES, 0.5))
