"""What every method promises, on a real network and real digits; a new one is picked up from the registry."""

from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch

from negatoscope.data import Dataset
from negatoscope.errors import InputError
from negatoscope.hardening import METHODS, FitData
from negatoscope.hardening.guarantee import guarantee
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import to_images
from negatoscope.models.torch_module import digest_of
from negatoscope.transforms.groups import Group, resolve_group
from negatoscope.types import Images

INVARIANT = {"average", "canonicalize", "invariant_stem", "most_confident"}
"""By construction; the others promise nothing."""

NEGATIVE, ALL = (resolve_group(name, channels=1) for name in ("negative", "negative,flip,quarter_turns"))
methods = pytest.mark.parametrize("method", METHODS.names())


def images_of(dataset: Dataset) -> Images:
    return to_images(torch.from_numpy(np.array(dataset.images)))


def harden(
    method: str,
    classifier: ClassifierAdapter,
    fit: FitData,
    *,
    group: Group = NEGATIVE,
    seed: int = 0,
    epochs: int = 1,
) -> Any:
    function = METHODS.get(method)
    settings = {"epochs": epochs} if "epochs" in signature(function).parameters else {}
    return function(classifier, fit, group, seed, lambda line: None, **settings)


@methods
def test_it_gives_a_classifier_that_reads_digits_and_leaves_the_given_one_alone(
    method: str, classifier: ClassifierAdapter, fit: FitData, digits: tuple[Dataset, Dataset]
) -> None:
    """Also where the caller has turned gradients off."""
    assert classifier.module is not None
    images, labels = images_of(digits[1]), torch.from_numpy(digits[1].labels)
    with torch.no_grad():
        before, random = classifier(images), torch.get_rng_state()
        made = harden(method, classifier, fit, epochs=6)
        logits = made(images)
        assert torch.equal(classifier(images), before)
    assert digest_of(classifier.module) == classifier.sha256 != made.sha256
    assert torch.equal(torch.get_rng_state(), random), "the global generator is the user's"
    assert isinstance(made, ClassifierAdapter)
    assert (made.name, made.input_spec) == (f"reader ({method})", classifier.input_spec)
    assert logits.shape == (300, 10)
    assert float((logits.argmax(dim=1) == labels).float().mean()) > 0.7


@methods
def test_the_seed_decides_every_bit(
    method: str, classifier: ClassifierAdapter, fit: FitData, digits: tuple[Dataset, Dataset]
) -> None:
    first, again = (harden(method, classifier, fit, seed=3) for _ in range(2))
    assert first.sha256 == again.sha256
    with torch.no_grad():
        assert torch.equal(first(images_of(digits[1])), again(images_of(digits[1])))


@methods
def test_what_is_invariant_by_construction_gives_equal_bits_over_the_orbit(
    method: str, classifier: ClassifierAdapter, fit: FitData, digits: tuple[Dataset, Dataset]
) -> None:
    """Whatever the images: digits, noise, and those of one value."""
    noise = torch.randint(0, 256, (16, 1, 8, 8), generator=torch.Generator().manual_seed(0)).float() / 255
    flat = torch.arange(0, 256, 15).float()[:, None, None, None].expand(18, 1, 8, 8) / 255
    images = torch.cat([images_of(digits[1])[:30], noise, flat])
    claimed = []
    for group in (NEGATIVE, ALL):
        try:
            made = harden(method, classifier, fit, group=group)
        except InputError:
            assert (method, group) == ("invariant_stem", ALL), "it is for the negative alone"
            continue
        claimed.append(guarantee(made, group)[0])
        with torch.no_grad():
            equal = [torch.equal(made(element(images)), made(images)) for element in group.elements]
        assert all(equal) or not claimed[-1]
    assert set(claimed) == {method in INVARIANT}
