"""An attack is named by a spec, and whatever is wrong with it is one sentence before anything is attacked."""

import pytest
import torch

from negatoscope.attacks import resolve_attack
from negatoscope.attacks.gradient import fgsm, pgd
from negatoscope.errors import InputError
from negatoscope.models.networks import NetworkSettings, PaperNetwork

IMAGES = torch.rand((6, 1, 12, 12), generator=torch.Generator().manual_seed(4))
LABELS = torch.arange(6) % 4


@pytest.fixture(scope="module")
def network() -> PaperNetwork:
    return PaperNetwork(channels=1, size=12, classes=4, settings=NetworkSettings(), seed=3).eval()


def test_a_spec_gives_what_the_function_gives(network: PaperNetwork) -> None:
    attack = resolve_attack("pgd(epsilon=0.1, steps=3, seed=5)")
    expected = pgd(network, IMAGES, LABELS, epsilon=0.1, steps=3, seed=5)
    result = attack(network, IMAGES, LABELS)
    assert torch.equal(result.images, expected.images)
    assert result.queries.tolist() == 6 * [4], "three steps, and the pass that judges"
    assert str(attack.spec) == "pgd(epsilon=0.1, steps=3, seed=5)"


def test_bound_to_a_classifier_it_is_a_batch_transform(network: PaperNetwork) -> None:
    attacked = resolve_attack("fgsm(epsilon=0.1)").against(network)(IMAGES, LABELS)
    assert torch.equal(attacked, fgsm(network, IMAGES, LABELS, epsilon=0.1).images)


def test_a_run_s_seed_counts_where_the_spec_has_none(network: PaperNetwork) -> None:
    results = [
        resolve_attack("pgd(epsilon=0.1, steps=1)", seed=seed)(network, IMAGES, LABELS).images for seed in (1, 2)
    ]
    for seed, images in enumerate(results, 1):
        assert torch.equal(images, pgd(network, IMAGES, LABELS, epsilon=0.1, steps=1, seed=seed).images)
    assert not torch.equal(*results)
    assert str(resolve_attack("pgd(epsilon=0.1, steps=1)", seed=1).spec) == "pgd(epsilon=0.1, steps=1)"
    own = resolve_attack("pgd(epsilon=0.1, steps=1, seed=1)", seed=2)(network, IMAGES, LABELS).images
    assert torch.equal(own, results[0])
    zero = resolve_attack("pgd(epsilon=0.1, steps=1, seed=0)", seed=2)(network, IMAGES, LABELS).images
    assert torch.equal(zero, pgd(network, IMAGES, LABELS, epsilon=0.1, steps=1, seed=0).images)
    assert str(resolve_attack("fgsm(epsilon=0.1)", seed=1).spec) == "fgsm(epsilon=0.1)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pdg(epsilon=0.1)", r"^expected the name of an attack, got 'pdg'; did you mean 'pgd'\?$"),
        ("fgsm", r"^expected epsilon in 'fgsm'; write fgsm\(epsilon=\.\.\.\)$"),
        ("fgsm(epsilon=2)", r"^expected epsilon in \[0, 1\] \(pixels are in \[0, 1\]\), got 2\.0$"),
        ("pgd(epsilon=0.1, steps=0)", r"^expected step_size in \[0, 1\] and at least one step, got 0\.0 and 0$"),
        ("pgd(epsilon=0.1, seed=9223372036854775808)", r"^expected a seed from -2\*\*63 to 2\*\*63 - 1, got "),
    ],
)
def test_an_impossible_attack_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        resolve_attack(text)
