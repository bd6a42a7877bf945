"""What every group promises; a new one is picked up from the registry."""

import numpy as np
import pytest
import torch

from negatoscope.errors import InputError, SpecError
from negatoscope.transforms import describe_transform
from negatoscope.transforms.groups import GROUPS, Element, Group, identity, resolve_group

COLOR = ("channel_negative", "channel_permutation", "color_cube")
SIZES = {
    **{"negative": 2, "flip": 2, "quarter_turns": 4, "channel_permutation": 6, "channel_negative": 8, "color_cube": 48},
    **{"negative,flip": 4, "flip,quarter_turns": 8, "negative,quarter_turns": 8, "color_cube,flip": 96},
}
NAMES = sorted({*GROUPS.names(), *SIZES})
CASES = [
    (name, channels)
    for name in NAMES
    for channels in ((3,) if any(part in COLOR for part in name.split(",")) else (1, 3))
]
groups = pytest.mark.parametrize(
    "group", [resolve_group(n, channels=c) for n, c in CASES], ids=[f"{n}-{c}" for n, c in CASES]
)


def all_levels(channels: int) -> torch.Tensor:
    """Square images with every 8-bit value in every channel, in an order that no symmetry keeps."""
    random = np.random.default_rng(0)
    pixels = np.stack([random.permutation(256).reshape(16, 16) for _ in range(2 * channels)]).astype(np.uint8)
    return torch.from_numpy(pixels.reshape(2, channels, 16, 16)).float().div(255)


def with_numpy(element: Element, pixels: np.ndarray) -> np.ndarray:
    """The same of uint8 images, written out."""
    changed = pixels[:, list(element.order)].copy()
    for channel, negated in enumerate(element.negated):
        if negated:
            changed[:, channel] = 255 - changed[:, channel]
    changed = changed[..., ::-1] if element.flipped else changed
    return np.rot90(changed, element.turns, (2, 3))


@groups
def test_a_group_is_closed_and_every_element_has_an_inverse(group: Group) -> None:
    elements = set(group.elements)
    assert group.elements[0] == identity(group.channels)
    assert len(elements) == len(group)
    for first in elements:
        products = {second.after(first) for second in elements}
        assert products == elements  # closed, and the identity is among them
    assert all(first.after(group.elements[0]) == first for first in elements)


@groups
def test_a_product_of_elements_is_one_after_the_other(group: Group) -> None:
    images = all_levels(group.channels)
    for first in group.elements[:8]:
        for second in group.elements[-8:]:
            assert torch.equal(second.after(first)(images), second(first(images)))


@groups
def test_elements_do_with_8_bit_values_exactly_what_numpy_does(group: Group) -> None:
    images = all_levels(group.channels)
    pixels = (images * 255).round().byte().numpy()
    for element in group.elements:
        expected = torch.from_numpy(np.ascontiguousarray(with_numpy(element, pixels))).float().div(255)
        assert torch.equal(element(images), expected)


@groups
def test_elements_are_the_registered_transforms_that_they_are_named_after(group: Group) -> None:
    images = all_levels(group.channels)
    for element in group.elements[1:]:
        expected = images
        for spec in str(element).split(" | "):
            assert str(describe_transform(spec).spec) == spec
            expected = describe_transform(spec).function(expected)
        assert torch.allclose(element(images), expected, rtol=0, atol=1e-6)


@groups
def test_each_image_may_have_an_element_of_its_own(group: Group) -> None:
    images = torch.cat([all_levels(group.channels)[:1] * share for share in torch.rand(7)])
    places = torch.tensor([0, len(group) - 1, 1, 1, 0, len(group) // 2, 1])
    expected = torch.cat([group.elements[place](image[None]) for place, image in zip(places, images, strict=True)])
    before = images.clone()
    found = group.apply(images, places)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    exact = all_levels(group.channels)[:1].repeat(7, 1, 1, 1)
    for place, image in zip(places, group.apply(exact, places), strict=True):
        assert torch.equal(image, group.elements[place](exact[:1])[0])
    found.zero_()
    assert torch.equal(images, before)
    assert group.apply(images[:0], places[:0]).shape == (0, *images.shape[1:])


@groups
def test_names_of_elements_differ(group: Group) -> None:
    assert len({str(element) for element in group.elements}) == len(group)
    assert str(group.elements[0]) == "identity"


@pytest.mark.parametrize("name", SIZES)
def test_groups_have_as_many_elements_as_they_say(name: str) -> None:
    assert len(resolve_group(name, channels=3)) == SIZES[name]


@pytest.mark.parametrize("name", COLOR)
def test_a_group_of_colors_is_refused_for_gray_images(name: str) -> None:
    with pytest.raises(InputError, match=r"^expected color images for the group \w+, got gray ones; choose"):
        resolve_group(name, channels=1)


def test_an_unknown_group_suggests_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean 'negative'"):
        resolve_group("negatve", channels=1)
    with pytest.raises(InputError, match=r"^expected one or more of the groups channel_negative, .*, got ' , '$"):
        resolve_group(" , ", channels=1)
