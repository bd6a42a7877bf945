"""Training learns, repeats itself bit for bit, and resumes after a stop as if there had been none."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from negatoscope.attacks.gradient import fgsm
from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.hardware import Hardware
from negatoscope.models.checkpoint import save_tensors
from negatoscope.models.networks import NetworkSettings
from negatoscope.training.loop import Epoch, TrainingProgress, freeze
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import TrainingResult, train

MakeDataset = Callable[..., Dataset]
FLOAT32 = Hardware(torch.device("cpu"), "float32")
RECIPE = Recipe("toy", learning_rate=0.02, epochs=3, batch_size=20, validation_size=1)


@pytest.fixture
def training(make_dataset: MakeDataset) -> Dataset:
    return make_dataset(50, seed=1)


@pytest.fixture
def validation(make_dataset: MakeDataset) -> Dataset:
    return make_dataset(40, seed=2, split="validation")


def _bits(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _timeless(history: tuple[Epoch, ...]) -> list[dict[str, Any]]:
    return [{**asdict(epoch), "seconds": None} for epoch in history]


def test_it_learns_what_an_eye_sees_at_once(training: Dataset, validation: Dataset) -> None:
    recipe = replace(RECIPE, learning_rate=0.05, epochs=12)
    trained = train(recipe, training, validation=validation, hardware=FLOAT32)
    assert trained.history[-1].validation_accuracy == 1.0
    assert trained.history[-1].train_loss < 0.1 < 0.9 < trained.history[0].train_loss
    assert [epoch.epoch for epoch in trained.history] == list(range(1, 13))
    assert trained.seconds == sum(epoch.seconds for epoch in trained.history) > 0


def test_adversarial_training_withstands_the_attack_that_plain_training_does_not(
    training: Dataset, validation: Dataset
) -> None:
    images = torch.from_numpy(np.asarray(validation.images)).float() / 255
    labels = torch.from_numpy(validation.labels)
    robust = []
    for epsilon in (0.0, 0.25):
        recipe = replace(RECIPE, learning_rate=0.05, epochs=12)
        network = train(recipe, training, validation=validation, epsilon=epsilon, hardware=FLOAT32).network
        found = network(fgsm(network, images, labels, epsilon=0.25).images).argmax(dim=1)
        robust.append(float((found == labels).float().mean()))
    assert robust[0] + 0.1 < robust[1]


def test_the_history_counts_the_networks_correct_predictions(training: Dataset, validation: Dataset) -> None:
    trained = train(replace(RECIPE, epochs=1), training, validation=validation, hardware=FLOAT32)
    assert not trained.network.training
    for dataset, sign, counted in (
        (validation, 1, trained.history[-1].validation_accuracy),
        (training, -1, trained.history[-1].negative_accuracy),
    ):
        images = torch.from_numpy(np.asarray(dataset.images)).double() / 255
        with torch.no_grad():
            predictions = trained.network((images if sign == 1 else 1 - images).float()).argmax(dim=1)
        assert counted == float((predictions.numpy() == dataset.labels).mean())
        assert 0 < counted < 1


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(training: Dataset, validation: Dataset) -> None:
    recipe = replace(RECIPE, epochs=2, shift=1, network=NetworkSettings(dropout_first=0.5))
    bits = []
    for seed, generator in ((-1, 0), (-1, 1), (2, 0)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator)
            state = torch.get_rng_state()
            trained = train(recipe, training, validation=validation, epsilon=0.1, seed=seed, hardware=FLOAT32)
            assert torch.equal(torch.get_rng_state(), state), "the global generator is the user's"
        bits.append(_bits(trained.network))
    assert bits[0] == bits[1] != bits[2]


@pytest.mark.parametrize(
    ("n", "settings"),
    [(50, {"batch_size": 20}), (1, {"shift": 3}), (1, {"network": NetworkSettings(dropout_first=0.5)})],
    ids=["order", "shift", "dropout"],
)
def test_every_epoch_draws_anew(make_dataset: MakeDataset, n: int, settings: dict[str, Any]) -> None:
    # The weights stand still, one image has one order, and of 50 images the last batch of 20 has only 10:
    # the loss differs by what is drawn and by nothing else.
    recipe = replace(RECIPE, learning_rate=1e-30, epochs=5, **settings)
    trained = train(recipe, make_dataset(n), validation=make_dataset(), hardware=FLOAT32)
    losses = [epoch.train_loss for epoch in trained.history]
    assert max(losses) - min(losses) > 1e-5 * max(losses)


class Stopped(Exception):
    """The run was stopped."""


def _train_in_pieces(steps: int, **arguments: Any) -> tuple[TrainingResult, int]:
    """Train, stopped again and again after some steps; also how often."""
    stops = 0
    while True:
        began: list[int] = []

        def progress(moment: TrainingProgress, began: list[int] = began) -> None:
            began.append(moment.step)
            if moment.step - began[0] == steps:
                raise Stopped

        try:
            return train(**arguments, progress=progress), stops
        except Stopped:
            stops += 1


RESUMED = [
    pytest.param({}, id="sgd"),
    pytest.param({"momentum": 0.0}, id="sgd without momentum"),
    pytest.param({"optimizer": "adam", "learning_rate": 0.002}, id="adam"),
    pytest.param({"optimizer": "adamw", "learning_rate": 0.002}, id="adamw"),
    pytest.param({"optimizer": "adadelta", "learning_rate": 0.5}, id="adadelta"),
    pytest.param({"shift": 2, "momentum": 0.0}, id="shift"),
    pytest.param(
        {
            "optimizer": "adadelta",
            "schedule": "cosine",
            "selection": "best_validation",
            "network": NetworkSettings(batch_norm=True, dropout_pool=0.25, dropout_first=0.5, dropout_second=0.25),
        },
        id="best_validation, dropout and batch_norm",
    ),
]


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
@pytest.mark.parametrize("steps", [3, 5])
@pytest.mark.parametrize("settings", RESUMED)
def test_a_run_that_was_stopped_ends_in_the_same_bits(
    training: Dataset, validation: Dataset, tmp_path: Path, settings: dict[str, Any], steps: int, epsilon: float
) -> None:
    """Three steps are an epoch: the state is kept after each, and what comes after it is lost with the stop."""
    arguments: dict[str, Any] = {
        "recipe": replace(RECIPE, epochs=4, **settings),
        "training": training,
        "validation": validation,
        "epsilon": epsilon,
        "seed": 5,
        "hardware": FLOAT32,
    }
    whole = train(**arguments)
    pieces, stops = _train_in_pieces(steps, **arguments, folder=tmp_path / "run")
    assert stops >= 2
    assert _timeless(pieces.history) == _timeless(whole.history)
    assert _bits(pieces.network) == _bits(whole.network)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["training.safetensors"]


def test_a_finished_run_is_not_done_again(training: Dataset, validation: Dataset, tmp_path: Path) -> None:
    for selection in ("last", "best_validation"):
        recipe = replace(RECIPE, selection=selection)
        first = train(recipe, training, validation=validation, hardware=FLOAT32, folder=tmp_path / selection)
        moments: list[TrainingProgress] = []
        second = train(
            recipe,
            training,
            validation=validation,
            hardware=FLOAT32,
            folder=tmp_path / selection,
            progress=moments.append,
        )
        assert moments == []
        assert second.history == first.history
        assert _bits(second.network) == _bits(first.network)


def test_the_best_epochs_weights_are_kept_where_asked_for(training: Dataset, validation: Dataset) -> None:
    # With a constant learning rate, a shorter run is the beginning of a longer one.
    recipe = replace(RECIPE, schedule="constant", optimizer="adam", learning_rate=0.004, epochs=7, batch_size=50)
    recipe = replace(recipe, selection="best_validation")
    chosen = train(recipe, training, validation=validation, hardware=FLOAT32)
    accuracies = [epoch.validation_accuracy for epoch in chosen.history]
    best = accuracies.index(max(accuracies)) + 1
    assert best < len(accuracies), "this case tells the best from the last"
    shorter = replace(recipe, selection="last", epochs=best)
    expected = train(shorter, training, validation=validation, hardware=FLOAT32)
    assert _bits(chosen.network) == _bits(expected.network)


def test_progress_is_called_after_every_step(training: Dataset, validation: Dataset) -> None:
    moments: list[TrainingProgress] = []
    trained = train(RECIPE, training, validation=validation, hardware=FLOAT32, progress=moments.append)
    assert [moment.step for moment in moments] == list(range(1, 10))
    assert {moment.steps for moment in moments} == {9}
    assert [len(moment.history) for moment in moments] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert moments[-1].history == trained.history[:2]


@pytest.mark.parametrize(
    "other",
    ["recipe", "training", "epsilon", "seed", "hardware", "validation"],
)
def test_the_state_of_another_run_is_one_sentence(
    training: Dataset, validation: Dataset, make_dataset: MakeDataset, tmp_path: Path, other: str
) -> None:
    arguments: dict[str, Any] = {
        "recipe": RECIPE,
        "training": training,
        "validation": validation,
        "epsilon": 0.0,
        "seed": 1,
        "hardware": FLOAT32,
    }
    changed = {
        "recipe": replace(RECIPE, epochs=9),
        "training": make_dataset(50, seed=9),
        "validation": make_dataset(40, seed=9),
        "epsilon": 0.1,
        "seed": 2,
        "hardware": Hardware(torch.device("cpu"), "bf16"),
    }
    train(**arguments, folder=tmp_path)
    with pytest.raises(
        DataError, match=r"^expected the state of this run in .*, got another run's; give another folder$"
    ):
        train(**{**arguments, other: changed[other]}, folder=tmp_path)


def test_another_name_for_the_recipe_is_no_other_run(training: Dataset, validation: Dataset, tmp_path: Path) -> None:
    train(RECIPE, training, validation=validation, hardware=FLOAT32, folder=tmp_path)
    renamed = replace(RECIPE, name="renamed")
    assert len(train(renamed, training, validation=validation, hardware=FLOAT32, folder=tmp_path).history) == 3


@pytest.mark.parametrize(
    "content", [b"", b"garbage", save({"a": torch.zeros(1)})], ids=["empty", "garbage", "other tensors"]
)
def test_a_damaged_state_is_one_sentence(
    training: Dataset, validation: Dataset, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "training.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"^expected a checkpoint in .*/training\.safetensors, got a damaged file"):
        train(RECIPE, training, validation=validation, hardware=FLOAT32, folder=tmp_path)


def test_a_file_of_another_kind_is_one_sentence(training: Dataset, validation: Dataset, tmp_path: Path) -> None:
    save_tensors(tmp_path / "training.safetensors", {"a": torch.zeros(1)}, facts={"some": "thing"})
    with pytest.raises(DataError, match=r"^expected the state of this run in .*, got another run's"):
        train(RECIPE, training, validation=validation, hardware=FLOAT32, folder=tmp_path)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    training: Dataset, validation: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"^cannot write .*training\.safetensors: "):
        train(RECIPE, training, validation=validation, hardware=FLOAT32, folder=tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("epochs", "batch_size", "rate"), [(2, 10, 1e6), (1, 50, 1e300)], ids=["on the way", "in the very last step"]
)
def test_a_run_that_diverges_is_one_sentence(
    training: Dataset, validation: Dataset, tmp_path: Path, epochs: int, batch_size: int, rate: float
) -> None:
    recipe = replace(RECIPE, epochs=epochs, batch_size=batch_size, learning_rate=rate, schedule="constant")
    sentence = r"^training by recipe 'toy' diverged in epoch 1 \(loss .*\); lower learning_rate 1"
    with pytest.raises(InputError, match=sentence):
        train(recipe, training, validation=validation, hardware=FLOAT32, folder=tmp_path)
    assert list(tmp_path.glob("*.safetensors")) == []


@pytest.mark.parametrize("epsilon", [2.0, -0.1, float("nan"), float("inf")])
def test_an_impossible_epsilon_is_one_sentence(training: Dataset, validation: Dataset, epsilon: float) -> None:
    with pytest.raises(InputError, match=rf"^expected epsilon in \[0, 1\] .*, got {epsilon}$"):
        train(RECIPE, training, validation=validation, epsilon=epsilon, hardware=FLOAT32)


@pytest.mark.parametrize(
    ("training_case", "validation_case", "settings", "sentence"),
    [
        ({"n": 0}, {}, {}, "expected images to train on and others to validate with, got none in train"),
        ({}, {"n": 0}, {}, "expected images to train on and others to validate with, got none in validation"),
        ({"size": 9}, {}, {}, r"expected square images of one size, got \(1, 9, 9\) to train on and \(1, 8, 8\) to"),
        ({"channels": 3}, {}, {}, "expected square images of one size, got"),
        ({"size": 4}, {"size": 4}, {}, "expected images large enough for two 3x3 convolutions"),
        ({"n": 41}, {}, {"network": NetworkSettings(batch_norm=True)}, "expected two images or more in the last batch"),
        ({}, {}, {"network": NetworkSettings(batch_norm=True), "batch_size": 1}, "expected two images or more in the"),
    ],
    ids=str,
)
def test_images_that_do_not_fit_are_one_sentence(
    make_dataset: MakeDataset,
    training_case: dict[str, Any],
    validation_case: dict[str, Any],
    settings: dict[str, Any],
    sentence: str,
) -> None:
    training, validation = make_dataset(**training_case), make_dataset(**validation_case, split="validation")
    with pytest.raises(InputError, match=f"^{sentence}"):
        train(replace(RECIPE, **settings), training, validation=validation, hardware=FLOAT32)


def test_images_that_are_not_square_or_of_their_own_size_are_one_sentence(training: Dataset) -> None:
    oblong = replace(training, images=np.asarray(training.images)[:, :, :, :7])
    with pytest.raises(InputError, match=r"^expected square images of one size, got \(1, 8, 7\)"):
        train(RECIPE, oblong, validation=oblong, hardware=FLOAT32)
    loose = replace(training, images=list(np.asarray(training.images)))
    for datasets in ((loose, training), (training, loose)):
        with pytest.raises(InputError, match=r"^expected images of one size, got bars.*; prepare it, as in gtsrb\("):
            train(RECIPE, datasets[0], validation=datasets[1], hardware=FLOAT32)


def test_one_image_and_a_memory_map_are_enough(make_dataset: MakeDataset, tmp_path: Path) -> None:
    one = make_dataset(1, channels=3)
    np.save(tmp_path / "images.npy", np.asarray(one.images))
    mapped = replace(one, images=np.load(tmp_path / "images.npy", mmap_mode="r"))
    trained = train(RECIPE, mapped, validation=mapped, epsilon=0.1, hardware=FLOAT32)
    assert trained.history[-1].validation_accuracy == 1.0
    np.testing.assert_array_equal(np.asarray(mapped.images), np.asarray(one.images))


def test_training_in_bf16_keeps_weights_in_float32(training: Dataset, validation: Dataset) -> None:
    hardware = Hardware(torch.device("cpu"), "bf16")
    recipe = replace(RECIPE, learning_rate=0.05, epochs=12)
    trained = train(recipe, training, validation=validation, hardware=hardware)
    assert {parameter.dtype for parameter in trained.network.parameters()} == {torch.float32}
    assert trained.history[-1].validation_accuracy >= 0.95


def test_a_frozen_network_evaluates_and_takes_no_gradient() -> None:
    network = freeze(nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_measuring_accuracies_within_an_epoch_changes_nothing(training: Dataset, validation: Dataset) -> None:
    recipe = replace(RECIPE, network=NetworkSettings(batch_norm=True, dropout_first=0.25))
    measured: list[tuple[float, float]] = []
    watched = train(
        recipe,
        training,
        validation=validation,
        hardware=FLOAT32,
        progress=lambda moment: measured.append(moment.accuracies()),
    )
    plain = train(recipe, training, validation=validation, hardware=FLOAT32)
    assert _bits(watched.network) == _bits(plain.network)
    assert _timeless(watched.history) == _timeless(plain.history)
    assert len(measured) == 9
    assert measured[-1] == (plain.history[-1].validation_accuracy, plain.history[-1].negative_accuracy)


def test_negatives_that_are_trained_on_are_read(training: Dataset, validation: Dataset) -> None:
    recipe = replace(RECIPE, learning_rate=0.05, epochs=12)
    without, half = (
        train(replace(recipe, negative_share=share), training, validation=validation, hardware=FLOAT32)
        for share in (0.0, 0.5)
    )
    assert without.history[-1].negative_accuracy < 0.5
    assert half.history[-1].negative_accuracy > 0.9
    assert half.history[-1].validation_accuracy > 0.9


def test_a_share_of_all_is_training_on_negatives_alone(training: Dataset, validation: Dataset) -> None:
    recipe = replace(RECIPE, network=NetworkSettings(dropout_first=0.25))
    inverted = replace(training, images=255 - np.asarray(training.images))
    by_share = train(replace(recipe, negative_share=1.0), training, validation=validation, hardware=FLOAT32)
    by_hand = train(recipe, inverted, validation=validation, hardware=FLOAT32)
    for ours, theirs in zip(by_share.network.parameters(), by_hand.network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
