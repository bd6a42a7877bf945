"""A linear probe is logistic regression as scikit-learn has it; a path goes from an image to its negative."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from negatoscope.data import Dataset
from negatoscope.hardware import pick_hardware
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.predict import predict
from negatoscope.studies import probing
from negatoscope.studies.probing import NOISES, SHARES, linear_probe, probe_negatives

CPU = torch.device("cpu")
MakeDataset = Callable[..., Dataset]


def flat(images: Tensor) -> Tensor:
    return images.flatten(1)


def test_a_probe_of_pixels_predicts_what_scikit_learns_regression_does(make_dataset: MakeDataset) -> None:
    train, test = make_dataset(150, seed=1), make_dataset(90, seed=2)
    generator = np.random.default_rng(0)
    noisy = [generator.integers(0, 2, len(each)) * generator.integers(0, 3, len(each)) for each in (train, test)]
    labels = [(each.labels + noise) % 3 for each, noise in zip((train, test), noisy, strict=True)]
    train, test = (
        Dataset(**{**vars(each), "labels": of_each}) for each, of_each in zip((train, test), labels, strict=True)
    )
    negatives = [1 - np.asarray(each.images).reshape(len(each), -1) / 255 for each in (train, test)]
    mean, deviation = negatives[0].mean(axis=0), negatives[0].std(axis=0, ddof=1)
    fitted, measured = ((values - mean) / deviation for values in negatives)
    # The penalty on the mean loss, of 0.001 times the squared weights, in scikit-learn's terms.
    reference = LogisticRegression(C=1 / (2 * 1e-3 * len(train)), tol=1e-8, max_iter=5000).fit(fitted, train.labels)
    expected = float((reference.predict(measured) == test.labels).mean())
    assert 0.3 < expected < 0.9, "some are told apart and some are not"
    assert linear_probe(flat, train, test, device=CPU).accuracy == pytest.approx(expected, abs=1.01 / len(test))


def test_a_probe_of_features_that_say_nothing_is_at_chance_and_of_the_label_itself_is_perfect(
    make_dataset: MakeDataset,
) -> None:
    train, test = make_dataset(120, seed=1), make_dataset(60, seed=2)
    constant = linear_probe(lambda images: images.new_ones(len(images), 2), train, test, device=CPU)
    most = np.bincount(train.labels).argmax()
    assert constant.accuracy == pytest.approx(float((test.labels == most).mean()))
    assert linear_probe(flat, train, test, device=CPU).accuracy == 1.0, "bars are bright, or dark, in any case"


def test_a_probe_sees_negatives_and_not_the_images(make_dataset: MakeDataset) -> None:
    seen: list[Tensor] = []

    def features(images: Tensor) -> Tensor:
        seen.append(images)
        return images.flatten(1)

    train, test = make_dataset(30, seed=1), make_dataset(20, seed=2)
    linear_probe(features, train, test, device=CPU)
    pixels = (torch.cat(seen) * 255).round().byte().numpy()
    assert np.array_equal(pixels, 255 - np.concatenate([np.asarray(each.images) for each in (train, test)]))


@pytest.fixture(scope="module")
def network() -> PaperNetwork:
    settings = NetworkSettings(padding="same")
    return PaperNetwork(channels=1, size=8, classes=3, settings=settings, seed=0).eval()


def test_a_path_begins_with_the_images_and_ends_with_their_negatives(
    network: PaperNetwork, make_dataset: MakeDataset
) -> None:
    train, test = make_dataset(60, seed=1), make_dataset(40, seed=2, split="test")
    found = probe_negatives(network, train, test, seed=0, hardware=pick_hardware("cpu", "float32"), fast=True)
    pixels = np.asarray(test.images)
    clean, negative = (predict(network, images, test.labels, device=CPU) for images in (pixels, 255 - pixels))
    for along in (found.path, found.flips):
        assert [each.strength for each in along] == list(SHARES)
        for each, expected in ((along[0], clean), (along[-1], negative)):
            assert each.correct == (expected.predictions == test.labels).sum()
            assert each.confidence == pytest.approx(float(expected.confidences.mean()), abs=1e-5)
    assert [each.strength for each in found.noise] == list(NOISES)
    assert {each.n for each in (*found.path, *found.flips, *found.noise)} == {40}
    assert found.linear_probe.pixels == linear_probe(flat, train, test, device=CPU)


def test_as_many_images_go_through_as_are_counted_in_an_estimate(
    network: PaperNetwork, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = 0

    def count(layer: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal shown
        shown += len(inputs[0]) if isinstance(layer, PaperNetwork) else 0

    monkeypatch.setattr(probing, "PROBED", 30)
    monkeypatch.setattr(probing, "ALONG", 20)
    train, test = make_dataset(60, seed=1), make_dataset(40, seed=2)
    with torch.nn.modules.module.register_module_forward_pre_hook(count):
        probe_negatives(network, train, test, seed=0, hardware=pick_hardware("cpu", "float32"))
    assert shown == (2 * len(SHARES) + len(NOISES)) * 20 + 4 * 30
