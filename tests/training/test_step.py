"""One step of training does what three separate passes do, and its pieces do what numpy does."""

import hashlib
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from negatoscope.attacks.gradient import fgsm
from negatoscope.hardware import Hardware
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.training.augmentation import shifted, shifts
from negatoscope.training.recipe import Recipe, Schedule
from negatoscope.training.step import (
    accumulate_gradients,
    batches,
    derive_seed,
    learning_rate,
    make_optimizer,
)
from negatoscope.types import Images, Labels

CPU = torch.device("cpu")
FLOAT32, BF16 = Hardware(CPU, "float32"), Hardware(CPU, "bf16")
EPSILON = 0.1


def _case(**settings: Any) -> tuple[PaperNetwork, Images, Labels]:
    network = PaperNetwork(channels=1, size=10, classes=4, settings=NetworkSettings(**settings), seed=1)
    generator = torch.Generator().manual_seed(2)
    return network, torch.rand((24, 1, 10, 10), generator=generator), torch.randint(0, 4, (24,), generator=generator)


def _gradients(network: PaperNetwork) -> dict[str, Tensor]:
    found = {name: parameter.grad for name, parameter in network.named_parameters()}
    network.zero_grad()
    return {name: gradient for name, gradient in found.items() if gradient is not None}


def _by_one_step(
    network: PaperNetwork, images: Images, labels: Labels, recipe: Recipe, epsilon: float
) -> tuple[dict[str, Tensor], Tensor, list[Images]]:
    """The gradients, the loss, and the images of each forward pass."""
    seen: list[Images] = []
    handle = network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))
    loss = accumulate_gradients(network, images, labels, recipe=recipe, epsilon=epsilon, hardware=FLOAT32)
    handle.remove()
    return _gradients(network), loss, seen


def _by_three_passes(
    network: PaperNetwork, images: Images, labels: Labels, recipe: Recipe, epsilon: float
) -> tuple[dict[str, Tensor], Images]:
    """The textbook's way: attack the network, then differentiate the weighted sum of both losses."""
    followed = labels if recipe.fgsm_label == "true" else network(images).argmax(dim=1)
    variable = images.clone().requires_grad_()
    torch.autograd.backward(functional.cross_entropy(network(variable), followed))
    assert variable.grad is not None
    adversarial = (images + epsilon * variable.grad.sign()).clamp(0, 1)
    network.zero_grad()
    losses = [
        functional.cross_entropy(network(batch), labels, label_smoothing=recipe.label_smoothing)
        for batch in (images, adversarial)
    ]
    torch.autograd.backward(recipe.clean_weight * losses[0] + (1 - recipe.clean_weight) * losses[1])
    return _gradients(network), adversarial


@pytest.mark.parametrize(
    ("fgsm_label", "clean_weight"),
    [
        ("true", 0.5),
        ("true", 0.3),
        ("true", 1.0),
        ("predicted", 0.5),
        ("predicted", 0.7),
        ("predicted", 0.0),
        ("true", 0.0),
    ],
)
def test_the_shared_backward_pass_gives_what_three_passes_give(fgsm_label: Any, clean_weight: float) -> None:
    network, images, labels = _case()
    recipe = Recipe("a", fgsm_label=fgsm_label, clean_weight=clean_weight)
    expected, adversarial = _by_three_passes(network, images, labels, recipe, EPSILON)
    found, _, seen = _by_one_step(network, images, labels, recipe, EPSILON)
    assert len(seen) == 2
    assert torch.equal(seen[0], images)
    torch.testing.assert_close(seen[1], adversarial, rtol=0, atol=1e-7)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-7)


def test_the_adversarial_batch_is_that_of_the_attack_bit_for_bit() -> None:
    network, images, labels = _case()
    _, _, seen = _by_one_step(network, images, labels, Recipe("a"), EPSILON)
    assert torch.equal(seen[1], fgsm(network, images, labels, epsilon=EPSILON).images)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_epsilon_0_is_plain_training(label_smoothing: float) -> None:
    network, images, labels = _case()
    expected = functional.cross_entropy(network(images), labels, label_smoothing=label_smoothing)
    torch.autograd.backward(expected)
    gradients = _gradients(network)
    found, loss, seen = _by_one_step(network, images, labels, Recipe("a", label_smoothing=label_smoothing), 0.0)
    assert len(seen) == 1
    assert torch.equal(loss, expected.detach())
    for name, gradient in gradients.items():
        assert torch.equal(found[name], gradient)


@pytest.mark.parametrize("epsilon", [0.0, EPSILON])
def test_the_clean_loss_comes_back_detached_and_the_images_stay_untouched(epsilon: float) -> None:
    network, images, labels = _case()
    before = images.clone()
    _, loss, _ = _by_one_step(network, images, labels, Recipe("a", clean_weight=0.3), epsilon)
    torch.testing.assert_close(loss, functional.cross_entropy(network(images), labels).detach())
    assert not loss.requires_grad
    assert torch.equal(images, before)
    assert images.grad is None


def test_gradients_add_to_those_that_are_there() -> None:
    network, images, labels = _case()
    once, _, _ = _by_one_step(network, images, labels, Recipe("a"), EPSILON)
    for _ in range(2):
        accumulate_gradients(network, images, labels, recipe=Recipe("a"), epsilon=EPSILON, hardware=FLOAT32)
    for name, gradient in _gradients(network).items():
        torch.testing.assert_close(gradient, 2 * once[name])


@pytest.mark.parametrize("epsilon", [0.0, EPSILON])
def test_bf16_follows_float32(epsilon: float) -> None:
    network, images, labels = _case()
    exact, _, _ = _by_one_step(network, images, labels, Recipe("a"), epsilon)
    accumulate_gradients(network, images, labels, recipe=Recipe("a"), epsilon=epsilon, hardware=BF16)
    for name, gradient in _gradients(network).items():
        assert gradient.dtype == torch.float32
        assert functional.cosine_similarity(gradient.flatten(), exact[name].flatten(), dim=0) > 0.98


@pytest.mark.parametrize("steps", [1, 7, 1000])
@pytest.mark.parametrize("warmup", [0.0, 0.2, 0.9])
def test_one_cycle_is_that_of_numpy(steps: int, warmup: float) -> None:
    recipe = Recipe("a", schedule="one_cycle", learning_rate=0.4, warmup=warmup)
    found = [learning_rate(recipe, step=step, steps=steps) for step in range(steps)]
    corners = ([0, warmup, 1], [0, 0.4, 0]) if warmup else ([0, 1], [0.4, 0])
    np.testing.assert_allclose(found, np.interp((np.arange(steps) + 0.5) / steps, *corners), rtol=1e-9)


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_cosine_goes_down_along_a_cosine_and_constant_stays(steps: int) -> None:
    cosine = Recipe("a", schedule="cosine", learning_rate=0.4)
    for step in range(steps):
        expected = 0.2 * (1 + math.cos(math.pi * (step + 0.5) / steps))
        assert learning_rate(cosine, step=step, steps=steps) == pytest.approx(expected, abs=1e-7)
        assert learning_rate(replace(cosine, schedule="constant"), step=step, steps=steps) == 0.4


@given(
    schedule=st.sampled_from(["constant", "cosine", "one_cycle"]),
    warmup=st.floats(0, 1, exclude_max=True),
    steps=st.integers(1, 50),
)
def test_the_learning_rate_is_never_above_the_recipe_s_nor_at_0(schedule: Schedule, warmup: float, steps: int) -> None:
    recipe = Recipe("a", schedule=schedule, warmup=warmup, learning_rate=0.1)
    for step in range(steps):
        assert 0 < learning_rate(recipe, step=step, steps=steps) <= 0.1


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        ({"optimizer": "sgd"}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ({"optimizer": "sgd", "momentum": 0.0}, torch.optim.SGD, {"momentum": 0.0, "nesterov": False}),
        ({"optimizer": "sgd", "nesterov": False}, torch.optim.SGD, {"momentum": 0.9, "nesterov": False}),
        ({"optimizer": "adam"}, torch.optim.Adam, {}),
        ({"optimizer": "adamw"}, torch.optim.AdamW, {}),
        ({"optimizer": "adadelta"}, torch.optim.Adadelta, {}),
    ],
    ids=str,
)
def test_the_optimizer_has_the_recipe_s_settings(settings: Any, kind: type, expected: dict[str, Any]) -> None:
    network, _, _ = _case()
    optimizer = make_optimizer(network, Recipe("a", learning_rate=0.07, weight_decay=0.01, **settings), device=CPU)
    assert type(optimizer) is kind
    assert optimizer.defaults | expected | {"lr": 0.07, "weight_decay": 0.01} == optimizer.defaults
    assert [id(p) for p in optimizer.param_groups[0]["params"]] == [id(p) for p in network.parameters()]


@given(count=st.integers(1, 200), batch_size=st.integers(1, 64), seed=st.integers(0, 2**63 - 1))
def test_batches_have_every_index_once_in_an_order_that_the_seed_decides(
    count: int, batch_size: int, seed: int
) -> None:
    found = list(batches(count, batch_size, seed=seed))
    assert [len(batch) for batch in found[:-1]] == [batch_size] * (len(found) - 1)
    assert 1 <= len(found[-1]) <= batch_size
    assert sorted(torch.cat(found).tolist()) == list(range(count))
    assert torch.equal(torch.cat(list(batches(count, batch_size, seed=seed))), torch.cat(found))


def test_another_seed_is_another_order() -> None:
    assert len({tuple(torch.cat(list(batches(50, 8, seed=seed))).tolist()) for seed in range(20)}) == 20


@pytest.mark.parametrize("pixels", [1, 2, 8])
@pytest.mark.parametrize("shape", [(64, 1, 6, 6), (64, 3, 5, 7), (1, 1, 1, 1), (0, 1, 4, 4)], ids=str)
def test_each_shifted_image_is_a_slice_of_numpy_s_padded_one(pixels: int, shape: tuple[int, ...]) -> None:
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    found = shifted(images, shifts(len(images), pixels=pixels, seed=1), pixels=pixels)
    assert found.shape == images.shape
    for image, moved in zip(images.numpy(), found.numpy(), strict=True):
        assert any(np.array_equal(moved, slice_) for slice_ in _slices(image, pixels).values())


def test_every_shift_is_drawn_equally_often() -> None:
    images = torch.rand((1, 1, 6, 6), generator=torch.Generator().manual_seed(0)).repeat(9 * 400, 1, 1, 1)
    found = shifted(images, shifts(len(images), pixels=1, seed=1), pixels=1).numpy()
    names = {slice_.tobytes(): offset for offset, slice_ in _slices(images[0].numpy(), 1).items()}
    counts = Counter(names[np.ascontiguousarray(moved).tobytes()] for moved in found)
    # Each of nine shifts 400 times of 3600, give or take five deviations of 18.9.
    assert len(counts) == 9
    assert all(abs(count - 400) < 95 for count in counts.values())


def _slices(image: np.ndarray, pixels: int) -> dict[tuple[int, int], np.ndarray]:
    """The image moved each possible way, by its offset."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (pixels, pixels), (pixels, pixels)), mode="edge")
    offsets = range(2 * pixels + 1)
    return {(y, x): padded[:, y : y + height, x : x + width].copy() for y in offsets for x in offsets}


def test_shifting_leaves_its_input_and_works_in_any_layout() -> None:
    images = torch.rand((8, 3, 6, 6), generator=torch.Generator().manual_seed(0))
    before = images.clone()
    found = [
        shifted(batch, shifts(len(batch), pixels=2, seed=1), pixels=2)
        for batch in (images, images.contiguous(memory_format=torch.channels_last))
    ]
    assert torch.equal(found[0], found[1])
    assert torch.equal(images, before)


@given(seed=st.integers(), purpose=st.sampled_from(["weights", "order"]), epoch=st.integers(0, 1000))
def test_a_derived_seed_fits_every_generator(seed: int, purpose: str, epoch: int) -> None:
    derived = derive_seed(seed, purpose, epoch)
    assert 0 <= derived < 2**63
    torch.Generator().manual_seed(derived)
    np.random.default_rng(derived)
    digest = hashlib.sha256(f"({seed}, '{purpose}', {epoch})".encode()).hexdigest()
    assert derived == int(digest[:16], 16) // 2


def test_every_purpose_has_its_own_seed() -> None:
    purposes: list[tuple[object, ...]] = [("weights",), *((name, i) for name in ("order", "shift") for i in range(50))]
    assert len({derive_seed(seed, *purpose) for seed in range(-20, 20) for purpose in purposes}) == 40 * 101
