"""Counted from the smallest member, an orbit is the same bits whichever of its members comes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from negatoscope.errors import InputError
from negatoscope.hardening.orbit import orbit, smallest
from negatoscope.transforms.groups import Group, resolve_group

NAMES = ("negative", "flip", "quarter_turns", "color_cube", "negative,flip", "channel_negative,quarter_turns")
GROUPS = [resolve_group(name, channels=3) for name in NAMES]
groups = pytest.mark.parametrize("group", GROUPS, ids=NAMES)


def images_of(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).float().div(255)


def smallest_with_python(image: torch.Tensor, group: Group) -> torch.Tensor:
    """Of the members, as lists of 8-bit values, the first in the order of lists."""
    members = [element(image[None])[0] for element in group.elements]
    return min(members, key=lambda member: (member * 255).round().flatten().tolist())


@groups
@settings(max_examples=10)
@given(pixels=arrays.arrays(np.uint8, (2, 3, 4, 4), elements=st.sampled_from([0, 1, 127, 128, 254, 255])))
def test_every_member_of_an_orbit_of_8_bits_gives_the_same_bits(group: Group, pixels: np.ndarray) -> None:
    images = images_of(pixels)
    members = orbit(images, group).flatten(0, 1)
    assert torch.equal(smallest(members, group), smallest(images, group).repeat_interleave(len(group), 0))


@groups
@settings(max_examples=10)
@given(pixels=arrays.arrays(np.uint8, (1, 3, 3, 3)))
def test_it_is_the_first_member_in_the_order_of_lists(group: Group, pixels: np.ndarray) -> None:
    images = images_of(pixels)
    assert torch.equal(smallest(images, group)[0], smallest_with_python(images[0], group))


def test_of_an_image_and_its_negative_it_begins_darker() -> None:
    group = resolve_group("negative", channels=1)
    images = images_of(np.array([[[[0, 9]]], [[[255, 0]]], [[[127, 200]]], [[[128, 128]]]], np.uint8))
    expected = images_of(np.array([[[[0, 9]]], [[[0, 255]]], [[[127, 200]]], [[[127, 127]]]], np.uint8))
    assert torch.equal(smallest(images, group), expected)


@groups
def test_images_that_no_element_changes_stay_as_they_are(group: Group) -> None:
    constant = torch.zeros(1, 3, 4, 4)
    members = orbit(smallest(constant, group), group)
    assert torch.equal(members[:, 0], constant)
    assert members.shape == (1, len(group), 3, 4, 4)


@groups
def test_other_values_agree_to_a_millionth(group: Group) -> None:
    images = torch.rand(8, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    members = orbit(images, group).flatten(0, 1)
    expected = smallest(images, group).repeat_interleave(len(group), 0)
    assert torch.allclose(smallest(members, group), expected, rtol=0, atol=1e-6)


def test_turns_of_images_that_are_not_square_are_refused() -> None:
    with pytest.raises(InputError, match=r"^expected square images for the group quarter_turns, got 2x3; leave the"):
        orbit(torch.zeros(1, 1, 2, 3), resolve_group("quarter_turns", channels=1))


def test_each_image_is_counted_alone() -> None:
    group = resolve_group("color_cube", channels=3)
    images = images_of(np.random.default_rng(1).integers(0, 256, (16, 3, 4, 4), dtype=np.uint8))
    one_by_one = torch.cat([smallest(image[None], group) for image in images])
    assert torch.equal(smallest(images, group), one_by_one)
