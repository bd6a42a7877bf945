"""All members of an image's orbit under a group, counted from one that is the same whichever of them is given."""

import torch
from jaxtyping import Float
from torch import Tensor

from negatoscope.errors import expect
from negatoscope.levels import on_levels
from negatoscope.transforms.groups import Group
from negatoscope.types import Images


def orbit(images: Images, group: Group) -> Float[Tensor, "batch elements channels height width"]:
    """Each image under each element of `group`, in the group's order.

    Args:
        images: Images in [0, 1].
        group: The group.

    Raises:
        InputError: It has quarter turns, and the images are not square.
    """
    expect_square(group, height=images.shape[2], width=images.shape[3])
    return torch.stack([element(images) for element in group.elements], dim=1)


def smallest(images: Images, group: Group) -> Images:
    """The lexicographically smallest transform of each image: of an image and its negative the one that begins darker.

    All members of the orbit of an 8-bit image give the same bits, so that whatever is computed from them is the same
    too, rounding and ties included.
    """
    members = orbit(on_levels(images), group)
    while members.shape[1] > 1:
        odd, members = members[:, len(members[0]) // 2 * 2 :], members[:, : len(members[0]) // 2 * 2]
        first, second = members[:, 0::2], members[:, 1::2]
        members = torch.cat([torch.where(_precedes(second, first), second, first), odd], dim=1)
    return members[:, 0]


def expect_square(group: Group, *, height: int, width: int) -> None:
    """Refuse images that are not square, for a group with quarter turns.

    Raises:
        InputError: They are.
    """
    expect(
        height == width or not group.turns,
        f"square images for the group {group.name}",
        f"{height}x{width}; leave the turns out",
    )


def _precedes(
    first: Float[Tensor, "batch pairs channels height width"],
    second: Float[Tensor, "batch pairs channels height width"],
) -> Tensor:
    """Whether `first` is darker where the two first differ, of shape (batch, pairs, 1, 1, 1)."""
    difference = (first - second).flatten(2)
    place = (difference != 0).byte().argmax(dim=2, keepdim=True)  # the first of equal ones
    return (difference.gather(2, place) < 0)[..., None, None]
