"""What every attack with an epsilon promises; a new one is picked up from the registry."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.attacks import ATTACKS, AttackResult
from negatoscope.errors import InputError
from negatoscope.types import Images, Labels

Attack = Callable[..., AttackResult]

BOUNDED = [name for name in ATTACKS.names() if "epsilon" in ATTACKS.settings(name)]

pytestmark = pytest.mark.parametrize("attack", [ATTACKS.get(name) for name in BOUNDED], ids=BOUNDED)

SHAPES = {
    "no images": (0, 1, 4, 4),
    "one image": (1, 3, 5, 6),
    "one pixel": (2, 1, 1, 1),
    "one channel": (3, 1, 6, 5),
    "color": (4, 3, 8, 8),
}
CLASSES = 3


class CountingClassifier(nn.Module):
    """A small smooth classifier that counts how often it is called."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.weights = nn.Parameter(torch.randn(shape[1] * shape[2] * shape[3], CLASSES, generator=generator).to(dtype))
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        logits: Tensor = torch.tanh(2 * images.flatten(1) - 1) @ self.weights
        return logits


def _case(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> tuple[CountingClassifier, Images, Labels]:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(shape, generator=generator).to(dtype)
    labels = torch.randint(0, CLASSES, shape[:1], generator=generator)
    return CountingClassifier(shape, dtype), images, labels


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shape_dtype_device_and_range_are_kept(
    attack: Attack, shape: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format, device: str
) -> None:
    classifier, images, labels = _case(shape, dtype)
    images = images.to(device).contiguous(memory_format=layout)
    found = attack(classifier.to(device), images, labels.to(device), epsilon=0.1).images
    assert (found.shape, found.dtype, found.device) == (images.shape, images.dtype, images.device)
    assert bool(((found >= 0) & (found <= 1)).all())


@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.1, 0.5, 1.0, 1])
@pytest.mark.parametrize("level", [None, 0.0, 1.0])
def test_it_stays_inside_its_ball_and_in_range(attack: Attack, epsilon: float, level: float | None) -> None:
    classifier, images, labels = _case(SHAPES["color"])
    if level is not None:
        images.fill_(level)
    found = attack(classifier, images, labels, epsilon=epsilon).images
    assert float((found - images).abs().max()) <= epsilon + 1e-7
    assert bool(((found >= 0) & (found <= 1)).all())


def test_epsilon_0_changes_nothing(attack: Attack) -> None:
    classifier, images, labels = _case(SHAPES["color"])
    assert torch.equal(attack(classifier, images, labels, epsilon=0.0).images, images)


@pytest.mark.parametrize("epsilon", [0.05, 0.3])
def test_it_raises_the_loss_of_every_image(attack: Attack, epsilon: float) -> None:
    classifier, images, labels = _case((16, 3, 8, 8))
    found = attack(classifier, images, labels, epsilon=epsilon).images
    after, before = (functional.cross_entropy(classifier(x), labels, reduction="none") for x in (found, images))
    assert bool((after > before).all())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_counts_its_queries(attack: Attack, shape: tuple[int, ...]) -> None:
    classifier, images, labels = _case(shape)
    assert attack(classifier, images, labels, epsilon=0.1).queries.tolist() == len(images) * [classifier.calls]
    assert classifier.calls > 0


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_succeeds_where_the_classifier_misclassifies_what_it_found(attack: Attack, shape: tuple[int, ...]) -> None:
    classifier, images, labels = _case(shape)
    result = attack(classifier, images, labels, epsilon=0.1)
    assert torch.equal(result.success, classifier(result.images).argmax(dim=1) != labels)
    assert list(result.parameters) == len(images) * [""], "no transform made them"


def test_the_input_and_the_classifier_are_untouched(attack: Attack) -> None:
    classifier, images, labels = _case(SHAPES["color"])
    before, weights, truth = images.clone(), classifier.weights.detach().clone(), labels.clone()
    attack(classifier, images, labels, epsilon=0.1).images.zero_()
    assert torch.equal(images, before)
    assert torch.equal(labels, truth)
    assert torch.equal(classifier.weights, weights)
    assert classifier.weights.grad is None
    assert not images.requires_grad


@pytest.mark.parametrize("marked", [False, True])
def test_it_works_without_gradients_around_it_and_returns_none(attack: Attack, marked: bool) -> None:
    classifier, images, labels = _case(SHAPES["color"])
    expected = attack(classifier, images, labels, epsilon=0.1).images
    with torch.set_grad_enabled(marked):
        found = attack(classifier, images.clone().requires_grad_(marked), labels, epsilon=0.1).images
    assert torch.equal(found, expected)
    assert not found.requires_grad


def test_the_same_call_gives_the_same_bits_whatever_the_global_generator(attack: Attack) -> None:
    run = partial(attack, *_case(SHAPES["color"]), epsilon=0.1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = run().images
        torch.manual_seed(2)
        state = torch.get_rng_state()
        second = run().images
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, second)


def test_layout_in_memory_changes_nothing(attack: Attack) -> None:
    classifier, images, labels = _case(SHAPES["color"])
    found = [
        attack(classifier, images.contiguous(memory_format=layout), labels, epsilon=0.1).images
        for layout in (torch.contiguous_format, torch.channels_last)
    ]
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("epsilon", [2.0, 2, -0.1, -1, 1.0000001, float("nan"), float("inf")])
def test_an_impossible_epsilon_is_one_sentence(attack: Attack, epsilon: float) -> None:
    classifier, images, labels = _case(SHAPES["color"])
    with pytest.raises(InputError, match=r"^expected epsilon in \[0, 1\] \(pixels are in \[0, 1\]\), got "):
        attack(classifier, images, labels, epsilon=epsilon)
    assert classifier.calls == 0
