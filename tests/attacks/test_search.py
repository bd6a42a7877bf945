"""The search for each image's worst setting: what it finds, what it refuses, and the attack that an audit runs."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from negatoscope.attacks import resolve_attack
from negatoscope.attacks.search import Search, search_images
from negatoscope.attacks.strategies import KEPT, History, Proposed, Strategy, resolve_strategy
from negatoscope.errors import InputError, SpecError
from negatoscope.registry import Spec
from negatoscope.transforms import CLEAN, describe_transform
from negatoscope.transforms.spaces import resolve_space
from negatoscope.types import Images

BRIGHTNESS = resolve_space("brightness(factor=0.5..1.5)", channels=1)
GRAY = torch.full((3, 1, 2, 2), 0.4)
FIRST = torch.zeros(3, dtype=torch.int64)


def dimmed_is_second(images: Images) -> Tensor:
    """The first of two classes until the image is darker than 0.3, with the more doubt the darker it is."""
    brightness = images.mean(dim=(1, 2, 3))
    return torch.stack([brightness - 0.3, torch.zeros_like(brightness)], dim=1)


def at(*points: float) -> Strategy:
    """A strategy that tries all images at these points, one after the other."""

    def fixed(history: History) -> Proposed | None:
        if history.queries == len(points):
            return None
        return torch.full((len(history.keys), 1), points[history.queries], dtype=torch.float64)

    return Strategy(Spec("fixed"), fixed)


def test_an_image_leaves_at_its_first_error() -> None:
    images = torch.stack([GRAY[0], 2 * GRAY[0], 0.5 * GRAY[0]])
    found = search_images(dimmed_is_second, images, FIRST, search=Search(BRIGHTNESS, at(0.8, 0.1, 0.0)))
    assert found.first_errors.tolist() == [3, 0, 1]
    assert found.queries.tolist() == [3, 4, 1]
    assert found.parameters == ["brightness(factor=0.6)", "brightness(factor=0.5)", CLEAN]
    torch.testing.assert_close(found.margins, torch.tensor([0.24 - 0.3, 0.4 - 0.3, 0.2 - 0.3]))
    torch.testing.assert_close(found.logits[:, 0], found.margins)
    torch.testing.assert_close(found.points[:, 0], torch.tensor([0.1, 0.0, 0.5], dtype=torch.float64))


def test_what_is_found_is_the_least_confident_and_of_equals_the_first() -> None:
    found = search_images(dimmed_is_second, GRAY, FIRST, search=Search(BRIGHTNESS, at(0.9, 0.4, 0.45, 0.4, 0.6)))
    assert found.first_errors.tolist() == [0, 0, 0]
    assert found.parameters == 3 * ["brightness(factor=0.9)"]
    nothing_worse = search_images(dimmed_is_second, GRAY, FIRST, search=Search(BRIGHTNESS, at(0.9, 0.5)))
    assert nothing_worse.parameters == 3 * [CLEAN]
    assert torch.equal(nothing_worse.changed(GRAY, BRIGHTNESS), GRAY)


def test_the_images_found_are_those_of_the_transforms_that_it_names() -> None:
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(192, 4, generator=torch.Generator().manual_seed(1))
    space = resolve_space("all", channels=3)
    search = Search(space, resolve_strategy("random"), budget=9)
    labels = (images.flatten(1) @ weights).argmax(dim=1)
    found = search_images(lambda x: x.flatten(1) @ weights, images, labels, search=search)
    assert set(found.parameters) != {CLEAN}
    for image, text, changed in zip(images, found.parameters, found.changed(images, space), strict=True):
        expected = image[None] if text == CLEAN else describe_transform(text).function(image[None])
        torch.testing.assert_close(changed[None], expected, rtol=0, atol=1e-5)


def test_points_beyond_those_that_are_remembered_are_the_most_confident() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(KEPT + 20, 2, 1, generator=generator, dtype=torch.float64)
    none = torch.zeros(2, 0, 1, dtype=torch.float64)
    history = History(BRIGHTNESS, 0, 1000, 0, torch.arange(2), none, none[:, :, 0], none)
    for each in points:
        history = history.after(each, each[:, 0], 2 * each)
    expected = points[:, :, 0].T.sort(dim=1).values[:, :KEPT]
    assert torch.equal(history.margins, expected)
    assert torch.equal(history.points[:, :, 0], expected)
    assert torch.equal(history.slopes[:, :, 0], 2 * expected)
    assert history.queries == KEPT + 20


def test_progress_is_the_query_and_the_images_left() -> None:
    reports: list[tuple[int, int]] = []
    images = torch.stack([GRAY[0], 2 * GRAY[0], 0.5 * GRAY[0]])
    search_images(
        dimmed_is_second,
        images,
        FIRST,
        search=Search(BRIGHTNESS, at(0.8, 0.1, 0.0)),
        progress=lambda query, left: reports.append((query, left)),
    )
    assert reports == [(2, 2), (3, 1), (4, 1)]


def test_infinite_logits_are_as_good_as_large_ones() -> None:
    def certain(images: Images) -> Tensor:
        logits = dimmed_is_second(images)
        return torch.where(logits > 0, torch.inf, logits)

    for strategy in ("local", "random"):
        found = search_images(certain, GRAY, FIRST, search=Search(BRIGHTNESS, resolve_strategy(strategy), budget=9))
        assert bool((found.first_errors > 0).any() | found.margins.isfinite().all())


@pytest.mark.parametrize("images", [GRAY, GRAY.double()], ids=["float32", "float64"])
def test_no_images_are_no_fault(images: Images) -> None:
    search = Search(BRIGHTNESS, resolve_strategy("local"))
    found = search_images(dimmed_is_second, images[:0], FIRST[:0], search=search)
    assert (found.logits.shape, found.points.shape, found.parameters) == ((0, 2), (0, 1), [])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"budget": 0}, r"^expected a budget of at least 1 query, that of the clean image, got 0$"),
        ({"budget": 2_000_000_000}, r"^expected a budget of at most 1,000,000 queries, got 2000000000$"),
        ({"seed": 2**63}, r"^expected a seed from -2\*\*63 to 2\*\*63 - 1, got 9223372036854775808$"),
        ({"strategy": "gradient", "feedback": "labels"}, r"^expected scores as feedback of gradient, which follows th"),
        ({"strategy": "lokal"}, r"^expected the name of a strategy, got 'lokal'; did you mean 'local'\?$"),
        ({"strategy": "local(start=0)"}, r"^expected start and candidates of local of at least 1, got 0 and 32$"),
        ({"strategy": "local(candidates=0)"}, r"^expected start and candidates of local of at least 1, got 5 and 0$"),
        ({"strategy": "gradient(start=0)"}, r"^expected start of gradient of at least 1, got 0$"),
        ({"strategy": "local(start='a')"}, r"^expected start of local to be int, got 'a'$"),
    ],
    ids=str,
)
def test_an_impossible_search_is_one_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Search(BRIGHTNESS, resolve_strategy(str(settings.pop("strategy", "local"))), **settings)  # type: ignore[arg-type]


def test_a_batch_of_nothing_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^expected batch_size of at least 1, got 0$"):
        search_images(dimmed_is_second, GRAY, FIRST, search=Search(BRIGHTNESS, at(0.5)), batch_size=0)


def test_slopes_of_a_classifier_without_them_are_one_sentence() -> None:
    search = Search(BRIGHTNESS, resolve_strategy("gradient"))
    with pytest.raises(InputError, match=r"^expected a classifier that gradients flow through, got outputs without"):
        search_images(lambda images: dimmed_is_second(images).detach(), GRAY, FIRST, search=search)


def test_the_classifier_gets_no_gradients_of_its_own() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    images = GRAY.clone()
    search_images(network, images, FIRST, search=Search(BRIGHTNESS, resolve_strategy("gradient"), budget=8))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(images, GRAY)


def test_as_an_attack_it_names_each_image_s_transform_and_what_it_cost() -> None:
    images = torch.stack([GRAY[0], 2 * GRAY[0], 0.5 * GRAY[0]])
    attack = resolve_attack("search(space='brightness(factor=0.5..1.5)', strategy='grid', budget=31)", seed=3)
    result = attack(dimmed_is_second, images, FIRST, torch.tensor([5, 6, 7]))
    assert result.success.tolist() == [True, False, True]
    assert result.parameters[1:] == ["brightness(factor=0.5)", CLEAN]
    assert result.queries[1:].tolist() == [31, 1]
    assert torch.equal(result.images[2], images[2])
    torch.testing.assert_close(result.images[1], images[1] * 0.5)
    factor = float(describe_transform(result.parameters[0]).spec.arguments["factor"])  # type: ignore[arg-type]
    torch.testing.assert_close(result.images[0], images[0] * factor)
    assert factor * 0.4 < 0.3


def test_its_draws_are_those_of_its_keys(network: Callable[[Images], Tensor]) -> None:
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels, keys = network(images).argmax(dim=1), torch.tensor([9, 8, 7, 6, 5, 4])
    attack = resolve_attack("search(space='geometry', strategy='random', budget=6)")
    whole = attack(network, images, labels, keys)
    half = attack(network, images[3:], labels[3:], keys[3:])
    assert half.parameters == whole.parameters[3:]
    assert attack(network, images, labels).parameters != whole.parameters


@pytest.fixture
def network() -> Callable[[Images], Tensor]:
    weights = torch.randn(64, 4, generator=torch.Generator().manual_seed(2))
    return lambda images: images.flatten(1) @ weights


def test_a_space_of_color_has_no_use_for_gray_images(network: Callable[[Images], Tensor]) -> None:
    attack = resolve_attack("search(space='hue_shift(degrees=-9.0..9.0)')")
    with pytest.raises(SpecError, match=r"gray"):
        attack(network, torch.rand(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64))
