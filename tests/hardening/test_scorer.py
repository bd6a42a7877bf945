"""A scorer learns from images alone which member of an orbit looks as it should."""

import numpy as np
import pytest
import torch

from negatoscope.data import Dataset
from negatoscope.errors import InputError
from negatoscope.hardening import FitData
from negatoscope.hardening.scorer import Scorer, fit_scorer
from negatoscope.models.predict import to_images
from negatoscope.transforms.groups import resolve_group

NEGATIVE = resolve_group("negative", channels=1)


def test_it_ranks_real_digits_above_their_negatives_on_images_that_it_never_saw(
    fit: FitData, digits: tuple[Dataset, Dataset]
) -> None:
    lines: list[str] = []
    scorer, right = fit_scorer(FitData(fit.images), NEGATIVE, epochs=4, seed=0, progress=lines.append)
    scores = scorer.over_orbit(to_images(torch.from_numpy(np.array(digits[1].images))), NEGATIVE)
    assert right == 1
    assert float((scores[:, 0] > scores[:, 1]).float().mean()) > 0.99
    assert lines[0].startswith("epoch 1 of 4: ")
    assert not any(parameter.requires_grad for parameter in scorer.parameters())


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(fit: FitData) -> None:
    before = torch.get_rng_state()
    scorers = [fit_scorer(fit, NEGATIVE, epochs=1, seed=seed, progress=print)[0] for seed in (3, 3, 4)]
    first, again, other = (scorer.output.weight for scorer in scorers)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_image_that_a_transform_leaves_alone_is_no_error() -> None:
    symmetric = np.tile(np.array([[9, 9], [200, 200]], np.uint8), (40, 1, 4, 4))
    _, right = fit_scorer(FitData(symmetric), resolve_group("flip", channels=1), epochs=1, seed=0, progress=print)
    assert right == 1


@pytest.mark.parametrize(("channels", "side"), [(1, 1), (1, 28), (3, 32), (3, 224)])
def test_it_has_about_6000_parameters_and_scores_any_size(channels: int, side: int) -> None:
    scorer = Scorer(channels, side=side)
    assert 5_900 < sum(parameter.numel() for parameter in scorer.parameters()) < 6_100
    assert scorer(torch.rand(2, channels, side, side + 1)).shape == (2,)


def test_a_large_group_is_sampled_and_learned(make_dataset) -> None:  # type: ignore[no-untyped-def]
    images = np.asarray(make_dataset(200, size=8, channels=3).images).copy()
    images[:, 0] //= 2
    images[:, 2] //= 4  # reddish, greenish and bluish differ, so that an order of channels can be seen
    group = resolve_group("color_cube", channels=3)
    _, right = fit_scorer(FitData(images), group, epochs=12, seed=0, progress=print)
    assert right > 0.8


def test_too_few_images_are_refused() -> None:
    with pytest.raises(InputError, match=r"^expected at least 20 images to fit on, got 19$"):
        fit_scorer(FitData(np.zeros((19, 1, 4, 4), np.uint8)), NEGATIVE, epochs=1, seed=0, progress=print)
