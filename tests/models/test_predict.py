"""The one inference path counts as numpy and scipy count."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import rankdata
from torch import Tensor

from negatoscope.errors import InputError
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.predict import predict, predict_images, suitable_batch, to_images
from negatoscope.types import Images, LabelArray, Labels, PixelArray

CPU = torch.device("cpu")
WEIGHTS = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)


def linear(images: Tensor) -> Tensor:
    return images.flatten(1) @ torch.from_numpy(WEIGHTS)


def _case(n: int, seed: int = 1) -> tuple[PixelArray, LabelArray]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n, 3, 2, 2), dtype=np.uint8), generator.integers(0, 4, n)


@pytest.mark.parametrize("batch_size", [1, 7, 20, 500])
@pytest.mark.parametrize("n", [0, 1, 7, 20])
def test_predictions_and_confidences_are_those_of_scipy(n: int, batch_size: int) -> None:
    images, labels = _case(n)
    expected = softmax(images.reshape(n, 12) / 255 @ WEIGHTS.astype(np.float64), axis=1)
    found = predict(linear, images, labels, device=CPU, batch_size=batch_size)
    np.testing.assert_array_equal(found.predictions, expected.argmax(axis=1))
    np.testing.assert_allclose(found.confidences, expected.max(axis=1, initial=0), rtol=1e-5)
    np.testing.assert_allclose(found.label_confidences, expected[np.arange(n), labels], rtol=1e-5)
    ranks = rankdata(-expected, axis=1, method="min")[np.arange(n), labels] - 1 if n else []
    np.testing.assert_array_equal(found.label_ranks, ranks)
    columns = (found.predictions, found.confidences, found.label_confidences, found.label_ranks)
    assert [len(column) for column in columns] == [n, n, n, n]


def test_a_change_sees_each_batch_with_its_labels_and_its_result_is_classified() -> None:
    images, labels = _case(10)
    seen: list[tuple[Images, Labels]] = []

    def change(batch: Images, truth: Labels) -> Images:
        seen.append((batch.clone(), truth))
        return 1 - batch

    found = predict(linear, images, labels, device=CPU, batch_transform=change, batch_size=4)
    np.testing.assert_array_equal(torch.cat([truth for _, truth in seen]), labels)
    np.testing.assert_allclose(torch.cat([batch for batch, _ in seen]), images.astype(np.float32) / 255, rtol=1e-7)
    expected = softmax((1 - images.reshape(10, 12) / 255) @ WEIGHTS, axis=1)
    np.testing.assert_allclose(found.confidences, expected.max(axis=1), rtol=1e-5)


def test_a_change_may_follow_gradients_but_none_are_left() -> None:
    _, labels = _case(5)
    network = PaperNetwork(channels=1, size=8, classes=4, settings=NetworkSettings(), seed=0).eval()
    gray = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)

    def change(batch: Images, truth: Labels) -> Images:
        variable = batch.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(network(variable).gather(1, truth[:, None]).sum(), variable)
        assert bool(gradient.any())
        return (batch - gradient.sign()).clamp(0, 1)

    found = predict(network, gray, labels, device=CPU, batch_transform=change)
    assert found.predictions.shape == (5,)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_memory_map_is_fine_and_stays_untouched(tmp_path: Path) -> None:
    images, labels = _case(9)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    found = predict(linear, mapped, labels, device=CPU, batch_size=4)
    np.testing.assert_array_equal(found.confidences, predict(linear, images, labels, device=CPU).confidences)
    np.testing.assert_array_equal(mapped, images)


def test_scores_of_another_precision_give_confidences_in_float32() -> None:
    images, labels = _case(6)
    found = predict(lambda batch: linear(batch).to(torch.bfloat16), images, labels, device=CPU)
    expected = softmax(images.reshape(6, 12) / 255 @ WEIGHTS, axis=1)
    np.testing.assert_allclose(found.confidences, expected.max(axis=1), rtol=0.03)


@pytest.mark.parametrize(
    "scores",
    [
        [1.0, 1.0, 1.0, 1.0],
        [0.0, 5.0, 5.0, 5.0],
        [1e-9, 0.0, 0.0, 0.0],  # tell apart as scores, not as probabilities
        [0.0, 1e-9, 0.0, 1e-9],
        [-200.0, -300.0, 0.0, -400.0],
    ],
)
def test_where_scores_tie_only_the_prediction_has_rank_0(scores: list[float]) -> None:
    images, labels = torch.zeros(4, 3, 2, 2), torch.arange(4)
    found = predict_images(lambda batch: torch.tensor([scores] * 4), images, labels)
    assert ((found.label_ranks == 0) == (found.predictions == labels.numpy())).all()
    higher = [sum(other > score for other in scores) for score in scores]
    right = found.predictions == labels.numpy()
    np.testing.assert_array_equal(found.label_ranks[~right], np.maximum(higher, 1)[~right])


def test_one_batch_is_classified_as_many_are() -> None:
    images, labels = _case(9)
    batch = to_images(torch.from_numpy(images))
    found = predict_images(linear, batch, torch.from_numpy(labels))
    expected = predict(linear, images, labels, device=CPU, batch_size=9)
    for name in ("predictions", "confidences", "label_confidences", "label_ranks"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("batch_size", [0, -1])
def test_an_impossible_batch_size_is_one_sentence(batch_size: int) -> None:
    with pytest.raises(InputError, match=rf"^expected batch_size of at least 1, got {batch_size}$"):
        predict(linear, *_case(3), device=CPU, batch_size=batch_size)


def test_stored_pixels_become_images_in_the_unit_range() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 4, 8, 8)
    images = to_images(pixels)
    np.testing.assert_array_equal(images.flatten(), np.arange(256, dtype=np.float32) / np.float32(255))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert pixels.flatten().tolist() == list(range(256))


@pytest.mark.parametrize(
    ("values", "images"), [(28 * 28, 256), (3 * 32 * 32, 256), (3 * 40 * 40, 128), (3 * 224 * 224, 4), (10**9, 1)]
)
def test_a_processor_takes_many_small_images_and_few_large_ones_at_once(values: int, images: int) -> None:
    assert suitable_batch(CPU, values=values) == images
