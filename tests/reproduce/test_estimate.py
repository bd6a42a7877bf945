"""An estimate counts the images that there are."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from negatoscope.data import Dataset
from negatoscope.hardware import pick_hardware
from negatoscope.models.predict import Predictions
from negatoscope.models.predict import predict as really_predict
from negatoscope.reproduce import estimate
from negatoscope.reproduce.estimate import Pace, PassCounts, count_passes, measure_pace
from negatoscope.reproduce.run_data import RunData
from negatoscope.reproduce.runs import RunSpec
from negatoscope.reproduce.table1_run import ATTACKED
from negatoscope.training.loop import MONITORED
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import accumulate_gradients as really_step


@pytest.mark.parametrize("n", [50, 5000])
def test_no_more_images_are_counted_than_there_are(make_dataset: Callable[..., Dataset], n: int) -> None:
    data = RunData(make_dataset(n), make_dataset(n, split="test"))
    spec = RunSpec("bars", 0.1, 0, Recipe("a", epochs=3, validation_size=10))
    none = Pace(0.0, 0.0, predict=0.0, follow=0.0, attack=0.0)
    measured = n + (n - 10) + 2 * n  # training and validation images, negatives of the first, test images and theirs
    assert count_passes(spec, data).seconds(replace(none, predict=1.0)) == measured
    also = RunData(make_dataset(n), make_dataset(n, split="test"), also_negated=make_dataset(n))
    assert count_passes(spec, also).seconds(replace(none, predict=1.0)) == measured + n - 10
    followed = 3 * (10 + min(MONITORED, n - 10))
    assert count_passes(spec, data).seconds(replace(none, follow=1.0)) == followed
    attacked = min(ATTACKED, n) * (20 + 1)  # PGD has 20 steps, FGSM one
    assert count_passes(spec, data).seconds(replace(none, attack=1.0)) == attacked


def pace_of(data: RunData, counts: PassCounts) -> Pace:
    recipe, hardware = Recipe("a", epochs=1, validation_size=10), pick_hardware("cpu", "bf16")
    return measure_pace(recipe, data, hardware=hardware, counts=[counts, PassCounts()])


def test_a_pace_follows_training_in_its_precision_and_measures_in_float32(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def predict(*arguments: Any, **options: Any) -> Predictions:
        seen.append(torch.is_autocast_enabled("cpu"))
        return really_predict(*arguments, **options)

    monkeypatch.setattr(estimate, "predict", predict)
    monkeypatch.setattr(estimate, "_ENOUGH_SECONDS", math.inf)
    data = RunData(make_dataset(50), make_dataset(50, split="test"))
    pace_of(data, PassCounts(plain=1, robust=1, predict=1, follow=1, attack=1))
    assert seen == [False] * 8 + [True] * 4  # after a warm-up three times each: clean, attacked, followed


def test_what_is_not_counted_is_not_timed(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    epsilons: set[float] = set()

    def step(*arguments: Any, epsilon: float, **options: Any) -> torch.Tensor:
        epsilons.add(epsilon)
        return really_step(*arguments, epsilon=epsilon, **options)

    monkeypatch.setattr(estimate, "accumulate_gradients", step)
    monkeypatch.setattr(estimate, "fgsm", lambda *_, **__: pytest.fail("an attack was timed"))
    data = RunData(make_dataset(50), make_dataset(50, split="test"))
    pace = pace_of(data, PassCounts(plain=1, predict=1))
    assert epsilons == {0.0}
    assert {kind for kind, seconds in vars(pace).items() if seconds} == {"plain", "predict"}
