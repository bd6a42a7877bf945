"""An estimate counts the images that there are."""

from collections.abc import Callable

import pytest

from negatoscope.data import Dataset
from negatoscope.reproduce.estimate import Pace, estimate_seconds
from negatoscope.reproduce.run_data import RunData
from negatoscope.reproduce.runs import RunSpec
from negatoscope.reproduce.table1_run import ATTACKED
from negatoscope.training.loop import MONITORED
from negatoscope.training.recipe import Recipe


@pytest.mark.parametrize("n", [50, 5000])
def test_no_more_images_are_counted_than_there_are(make_dataset: Callable[..., Dataset], n: int) -> None:
    data = RunData(make_dataset(n), make_dataset(n, split="test"))
    spec = RunSpec("bars", 0.1, 0, Recipe("a", epochs=3, validation_size=10))
    predicted = 3 * (10 + min(MONITORED, n - 10)) + 4 * n
    assert estimate_seconds(spec, data, Pace(0.0, 0.0, predict=1.0, attack=0.0)) == predicted
    attacked = min(ATTACKED, n) * (20 + 1)  # PGD has 20 steps, FGSM one
    assert estimate_seconds(spec, data, Pace(0.0, 0.0, predict=0.0, attack=1.0)) == attacked
