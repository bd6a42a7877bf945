"""What every space promises: each named one, and one of every transform and of every group."""

from contextlib import nullcontext, suppress
from itertools import product

import pytest
import torch

from negatoscope.descriptions import ranges_of
from negatoscope.errors import InputError, SpecError
from negatoscope.models.predict import to_images
from negatoscope.transforms import CLEAN, TRANSFORMS, describe_transform
from negatoscope.transforms.groups import GROUPS
from negatoscope.transforms.spaces import Points, Space, describe_spaces, resolve_space
from negatoscope.types import Images


def _of_transform(name: str) -> str:
    """The space of all ranges of a transform, or of all its choices."""
    settings, ranges = TRANSFORMS.settings(name), ranges_of(TRANSFORMS.get(name))
    searched = [f"{key}={range.low}..{range.high}" for key, range in ranges.items()]
    choices = [f"{key}=.." for key in settings if key not in ranges and key != "seed"]
    return f"{name}({', '.join([*searched, *choices])})"


NAMED = [entry.name for entry in describe_spaces()]
TEXTS = [
    *NAMED,
    *(_of_transform(name) for name in TRANSFORMS.names() if TRANSFORMS.settings(name)),
    *(f"{name}(element=..)" for name in GROUPS.names()),
    "negative(element=..) | posterize(bits=2..8) | flip(axis=..) | translation(down=-0.2..0.2, right=0.1)",
    "noise(l2=0..4, seed=0..3) | edges",
]


def _resolved(channels: int) -> dict[str, Space]:
    """The spaces that images with so many channels have; those in color have all of them."""
    spaces = {}
    for text in TEXTS:
        with suppress(InputError) if channels == 1 else nullcontext():
            spaces[text] = resolve_space(text, channels=channels)
    return spaces


SPACES = {f"{text}, {n}": (space, n) for n in (3, 1) for text, space in _resolved(n).items()}

over_spaces = pytest.mark.parametrize(("space", "channels"), SPACES.values(), ids=SPACES)


def points_of(space: Space, *, n: int = 40) -> Points:
    """Corners of the unit cube, at most 32 of them, and points inside."""
    width = len(space.dimensions)
    corners = list(product((0.0, 1.0), repeat=min(width, 5)))
    corner = torch.tensor(corners, dtype=torch.float64)
    inside = torch.rand(n, width, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return torch.cat([corner.repeat(1, -(-width // 5))[:, :width], inside])


def some_images(n: int, channels: int) -> Images:
    pixels = torch.randint(0, 256, (n, channels, 8, 8), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return to_images(pixels)


@over_spaces
def test_the_parameters_of_a_point_are_the_transform_that_is_applied(space: Space, channels: int) -> None:
    points = points_of(space)
    images = some_images(len(points), channels)
    found = space.apply(images, points)
    for place, text in enumerate(space.parameters(points)):
        facts = describe_transform(text)
        assert str(facts.spec) == text
        torch.testing.assert_close(found[place], facts.function(images[place, None])[0], rtol=0, atol=1e-6)


@over_spaces
def test_every_value_lies_in_its_range(space: Space, channels: int) -> None:
    points = points_of(space)
    for place, dimension in enumerate(space.dimensions):
        values = dimension.values(points[:, place])
        assert values.min() == dimension.low
        assert values.max() == dimension.high


@over_spaces
def test_images_stay_in_their_range_and_are_untouched(space: Space, channels: int) -> None:
    points = points_of(space)
    for dtype in (torch.float16, torch.float32, torch.float64):
        images = some_images(len(points), channels).to(dtype)
        before, given = images.clone(), points.clone()
        found = space.apply(images, points)
        assert (found.shape, found.dtype, found.device) == (images.shape, images.dtype, images.device)
        assert bool(((found >= 0) & (found <= 1)).all())
        found.zero_()
        assert torch.equal(images, before)
        assert torch.equal(points, given)


@over_spaces
def test_at_the_identity_nothing_changes(space: Space, channels: int) -> None:
    if space.identity is None:
        with pytest.raises(InputError, match=r"^expected a space in which some point changes nothing, got "):
            space.distance(points_of(space))
        return
    points = space.identity.repeat(5, 1)
    images = torch.rand(5, channels, 8, 8, generator=torch.Generator().manual_seed(2))
    assert torch.equal(space.apply(images, points), images)
    assert space.parameters(points) == [CLEAN] * 5
    others = torch.cat([points[:2], 1 - points[2:]])
    assert torch.equal(space.apply(images, others)[:2], images[:2])
    assert space.distance(points).tolist() == [0.0] * 5
    assert space.distance(points_of(space)).max() > 0


@over_spaces
def test_the_text_is_canonical(space: Space, channels: int) -> None:
    again = resolve_space(space.text, channels=channels)
    assert (again.text, again.dimensions) == (space.text, space.dimensions)
    points = points_of(space)
    assert again.parameters(points) == space.parameters(points)


@over_spaces
def test_an_image_depends_neither_on_its_batch_nor_on_its_place_in_it(space: Space, channels: int) -> None:
    points = points_of(space)
    images = some_images(len(points), channels)
    together = space.apply(images, points)
    torch.testing.assert_close(together.flip(0), space.apply(images.flip(0), points.flip(0)), rtol=0, atol=1e-6)
    few = space.apply(images[5:9], points[5:9])
    torch.testing.assert_close(together[5:9], few, rtol=0, atol=1e-6)
    assert space.apply(images[:0], points[:0]).shape == (0, *images.shape[1:])


@over_spaces
def test_points_may_be_of_float32(space: Space, channels: int) -> None:
    points = points_of(space).float()
    images = some_images(len(points), channels)
    torch.testing.assert_close(space.apply(images, points), space.apply(images, points.double()), rtol=0, atol=0)


SMOOTH = {key: entry for key, entry in SPACES.items() if key.partition(",")[0] in ("tone", "color")}


@pytest.mark.parametrize(("space", "channels"), SMOOTH.values(), ids=SMOOTH)
def test_gradients_flow_to_the_points(space: Space, channels: int) -> None:
    points = points_of(space, n=6)[-6:].requires_grad_()
    images = torch.rand(6, channels, 8, 8, generator=torch.Generator().manual_seed(2)) * 0.9 + 0.05
    weights = torch.rand(images.shape, generator=torch.Generator().manual_seed(8))
    (slope,) = torch.autograd.grad((space.apply(images, points) * weights).sum(), points)
    assert bool(slope.isfinite().all())
    assert bool(slope.ne(0).all())
    assert space.identity is not None
    there = space.identity.repeat(6, 1).requires_grad_()
    beside = (space.identity.repeat(6, 1) + 1e-5).requires_grad_()
    (slope,) = torch.autograd.grad((space.apply(images, there) * weights).sum(), there)
    (expected,) = torch.autograd.grad((space.apply(images, beside) * weights).sum(), beside)
    assert bool(slope.ne(0).all())
    torch.testing.assert_close(slope, expected, rtol=0.1, atol=0.1)


@pytest.mark.usefixtures("unchecked")
@over_spaces
def test_points_that_are_none_are_refused_in_one_sentence(space: Space, channels: int) -> None:
    images, width = some_images(4, channels), len(space.dimensions)
    for points, sentence in (
        (torch.full((4, width), 1.5), r"^expected points from 0 to 1, got one outside$"),
        (torch.full((4, width), float("nan")), r"^expected points from 0 to 1, got one that is no number$"),
        (torch.rand(3, width), r"^expected one point for each of 4 images, got 3$"),
        (torch.rand(4, width + 1), rf"^expected points of {width} dimensions, got {width + 1}$"),
    ):
        with pytest.raises(InputError, match=sentence):
            space.apply(images, points)


def test_gray_spaces_are_those_that_gray_images_have() -> None:
    refused = [text for text in TEXTS if f"{text}, 1" not in SPACES]
    colored = [name for name in TRANSFORMS.names() if TRANSFORMS.settings(name) and _is_of_color(name)]
    assert {text.partition("(")[0] for text in refused} == {"color", "color_cube", "color_shift", *colored}
    for text in refused:
        with pytest.raises((InputError, SpecError), match=r"^expected .*, got gray "):
            resolve_space(text, channels=1)


def _is_of_color(name: str) -> bool:
    return resolve_space(_of_transform(name), channels=3).stages[0].color


def test_clean_images_have_a_text_of_their_own() -> None:
    space = resolve_space("negative(element=..) | flip(element=..)", channels=1)
    assert space.parameters(torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]])) == [
        *(CLEAN, "negative", "flip", "negative | flip")
    ]
