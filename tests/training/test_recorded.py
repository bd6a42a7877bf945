"""On an NVIDIA GPU a recorded step trains as one that is launched kernel by kernel."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import MakeDataset

from negatoscope.data import Dataset
from negatoscope.errors import InputError
from negatoscope.hardware import Hardware
from negatoscope.models.networks import NetworkSettings
from negatoscope.training import recorded
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import TrainingResult, train

pytestmark = pytest.mark.gpu

OPTIMIZERS = {
    "sgd": Recipe("sgd", optimizer="sgd", learning_rate=0.02, momentum=0.9),
    "nesterov": Recipe("nesterov", optimizer="sgd", learning_rate=0.02, momentum=0.9, nesterov=True),
    "no momentum": Recipe("plain", optimizer="sgd", learning_rate=0.02, momentum=0.0),
    "adam": Recipe("adam", optimizer="adam", learning_rate=0.001),
    "adamw": Recipe("adamw", optimizer="adamw", learning_rate=0.001, weight_decay=0.01, schedule="one_cycle"),
    "adadelta": Recipe("adadelta", optimizer="adadelta", learning_rate=1.0, weight_decay=0.001),
}
GPU = Hardware(torch.device("cuda"), "float32")


@pytest.fixture
def bars(make_dataset: MakeDataset) -> tuple[Dataset, Dataset]:
    return make_dataset(300, size=12), make_dataset(60, seed=1, size=12)


def _train(
    recipe: Recipe, bars: tuple[Dataset, Dataset], hardware: Hardware = GPU, **options: object
) -> TrainingResult:
    recipe = replace(recipe, batch_size=32, epochs=3)
    return train(recipe, bars[0], validation=bars[1], hardware=hardware, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
@pytest.mark.parametrize("recipe", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_it_trains_as_kernel_by_kernel(
    recipe: Recipe, epsilon: float, bars: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = _train(replace(recipe, shift=1), bars, epsilon=epsilon)
    monkeypatch.setattr(recorded, "_EAGER", 1000)
    launched = _train(replace(recipe, shift=1), bars, epsilon=epsilon)
    for one, other in zip(replayed.history, launched.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=0.02, abs=1e-3)
    for one, other in pairwise(launched.history):
        assert one.train_loss != other.train_loss


def test_steps_are_replayed(bars: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    replays = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: (replays.append(graph), replay(graph)))
    _train(OPTIMIZERS["sgd"], bars)
    assert len(replays) == 3 * (300 // 32) - 3  # the first three and each epoch's small last batch are launched
    assert len(set(map(id, replays))) == 1


def test_dropout_draws_anew_in_every_replay(bars: tuple[Dataset, Dataset]) -> None:
    network = NetworkSettings(dropout_pool=0.25, dropout_first=0.5, dropout_second=0.5)
    still = replace(OPTIMIZERS["no momentum"], learning_rate=1e-12, network=network)
    losses: list[float] = []
    with torch.no_grad():
        step = recorded.RecordedStep(lambda ones: torch.nn.functional.dropout(ones, 0.5).sum())
        ones = torch.ones(1000, device="cuda")
        losses += [float(step(ones)) for _ in range(12)]
    assert len(set(losses)) > 6
    assert all(np.isfinite(epoch.train_loss) for epoch in _train(still, bars).history)


def test_a_run_that_was_stopped_resumes(bars: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    whole = _train(OPTIMIZERS["adam"], bars)

    def stop(progress: TrainingProgress) -> None:
        if progress.step == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(OPTIMIZERS["adam"], bars, folder=tmp_path, progress=stop)
    resumed = _train(OPTIMIZERS["adam"], bars, folder=tmp_path)
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=0.02, abs=1e-3)


@pytest.mark.parametrize("recipe", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_bf16_learns_too(recipe: Recipe, bars: tuple[Dataset, Dataset]) -> None:
    history = _train(recipe, bars, Hardware(torch.device("cuda"), "bf16")).history
    assert history[-1].train_loss < history[0].train_loss


def test_training_that_diverges_is_one_sentence(bars: tuple[Dataset, Dataset]) -> None:
    with pytest.raises(InputError, match="diverged in epoch"):
        _train(replace(OPTIMIZERS["sgd"], learning_rate=1e12), bars)
