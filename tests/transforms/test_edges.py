"""Edges are those of scikit-image, stretched."""

import kornia.filters
import numpy as np
import skimage.filters
import torch

from negatoscope.transforms.edges import edges


def test_edges_are_those_of_scikit_image_and_of_kornia_with_the_strongest_at_one() -> None:
    images = torch.rand((3, 2, 9, 7), generator=torch.Generator().manual_seed(5)).double() / 3
    expected = np.array([[skimage.filters.sobel(plane) for plane in image] for image in images.numpy()])
    expected /= expected.max(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(edges(images).numpy(), expected, atol=1e-9)
    other = kornia.filters.sobel(images, eps=0.0)
    torch.testing.assert_close(edges(images), other / other.amax(dim=(1, 2, 3), keepdim=True))


def test_what_changes_by_less_than_a_stored_level_is_no_edge() -> None:
    images = torch.full((1, 1, 6, 6), 0.3)
    assert edges(images).max().item() == 0
    images[..., 3:] += 1e-5
    assert edges(images).max().item() < 0.01
