"""Controls are random, and decided by the seed and the image alone."""

from collections.abc import Callable
from functools import partial

import foolbox
import numpy as np
import pytest
import torch
from scipy import stats

from negatoscope.errors import InputError
from negatoscope.transforms.controls import image_states, noise, pixel_flips, split_mix
from negatoscope.transforms.tone import negative
from negatoscope.types import Images

PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]
"""What SplitMix64 gives from 1234567 on, as published on Rosetta Code."""


def images(n: int = 20, channels: int = 3, size: int = 32) -> Images:
    """Of stored levels, every one another."""
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (n, channels, size, size), generator=generator) / 255


def test_the_random_bits_are_those_published() -> None:
    found = split_mix(torch.tensor([1234567, 0]), count=5)[0]
    assert [value % 2**64 for value in found.tolist()] == PUBLISHED


def test_bits_are_fair_and_independent_of_the_next_and_of_the_same_place_in_other_images() -> None:
    bits = split_mix(image_states(images(), seed=0), count=5000)
    for place in (0, 16, 39, 40, 63):
        ones = ((bits >> place) & 1).double()
        assert abs(ones.mean().item() - 0.5) < 5 * 0.5 / np.sqrt(ones.numel())
        for other in (ones.roll(1, 0), ones.roll(1, 1)):
            assert abs(((ones - 0.5) * (other - 0.5)).mean().item()) < 5 * 0.25 / np.sqrt(ones.numel())


def test_one_level_or_another_seed_makes_other_bits_and_a_rounding_error_does_not() -> None:
    base = images(n=1)
    changed = base.clone()
    changed[0, 0, 0, 0] = (changed[0, 0, 0, 0] + 1 / 255) % 1
    states = image_states(base, seed=0)
    bits = split_mix(states, count=1000)
    for other in (image_states(changed, seed=0), image_states(base, seed=1)):
        assert int((bits == split_mix(other, count=1000)).sum()) == 0
    for same in (base.double(), (base - 1e-4).clamp(min=0), base.to(memory_format=torch.channels_last)):
        assert torch.equal(image_states(same, seed=0), states)


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_share_of_flipped_pixels_is_the_probability_whole_and_exactly(probability: float) -> None:
    found = pixel_flips(images(), probability=probability)
    flipped = found != images()
    assert torch.equal(found[flipped], negative(images())[flipped])
    assert torch.equal(flipped[:, 0], flipped[:, 2])
    low, high = stats.binomtest(int(flipped[:, 0].sum()), flipped[:, 0].numel()).proportion_ci(0.9999)
    assert low <= probability <= high


def test_certain_flips_are_the_negative() -> None:
    assert torch.equal(pixel_flips(images(), probability=1.0), negative(images()))


def test_what_flips_at_one_probability_flips_at_every_larger_one() -> None:
    few, many = (pixel_flips(images(), probability=p) != images() for p in (0.2, 0.6))
    assert bool((many | ~few).all())


def test_noise_that_meets_no_end_has_exactly_its_size_and_is_gaussian() -> None:
    gray = (torch.full((4, 3, 32, 32), 126.0) + torch.arange(4).reshape(4, 1, 1, 1)) / 255
    values = (noise(gray, l2=4.0) - gray).flatten(1).double()
    torch.testing.assert_close(values.norm(dim=1), torch.full((4,), 4.0, dtype=torch.float64), rtol=1e-4, atol=0)
    assert stats.kstest((values * np.sqrt(3072) / 4).flatten().numpy(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(values.numpy()) - np.eye(4)).max() < 0.1


def test_clipped_noise_reaches_the_size_that_foolbox_reaches() -> None:
    pictures = images(n=200, channels=1, size=28).round()
    model = foolbox.PyTorchModel(torch.nn.Flatten().eval(), bounds=(0, 1))
    attack = foolbox.attacks.L2AdditiveGaussianNoiseAttack()
    labels = torch.zeros(200, dtype=torch.int64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, theirs, _ = attack(model, pictures, labels, epsilons=8.0)
    reached = [(changed - pictures).flatten(1).norm(dim=1) for changed in (noise(pictures, l2=8.0), theirs)]
    assert reached[0].max() < 8
    assert reached[0].mean().item() == pytest.approx(reached[1].mean().item(), rel=0.01)
    assert reached[0].std().item() == pytest.approx(reached[1].std().item(), rel=0.3)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_an_impossible_seed_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match=r"^expected a seed from 0 to 2\*\*63 - 1, got "):
        noise(images(n=1), l2=1.0, seed=seed)


@pytest.mark.parametrize("control", [partial(noise, l2=3.0), partial(pixel_flips, probability=0.4)])
def test_draws_for_other_images_seeds_and_layouts_change_nothing(control: Callable[..., Images]) -> None:
    base = images(n=6)
    by_pixel = base.to(memory_format=torch.channels_last)
    others = [(base, 1), (base.flip(0), 0), (by_pixel, 0), (base[:, :1], 0), (base[:, :, :8], 0)]
    alone = control(base, seed=0)
    for other, seed in others:
        control(other, seed=seed)
        assert torch.equal(control(base, seed=0), alone)
    assert torch.equal(control(base.flip(0), seed=0).flip(0), alone)
    assert torch.equal(control(by_pixel, seed=0), alone)


@pytest.mark.parametrize("size", ["l2", "probability"])
def test_controls_seen_in_inference_first_have_slopes_later(size: str) -> None:
    def changed(pictures: Images) -> Images:
        return noise(pictures, l2=torch.full((2,), 0.1)) if size == "l2" else pixel_flips(pictures, probability=0.0)

    pictures = images(n=2) * 0.5 + 0.25
    with torch.inference_mode():
        changed(pictures)
    (slope,) = torch.autograd.grad(changed(pictures.requires_grad_()).sum(), pictures)
    assert torch.equal(slope, torch.ones_like(slope))
