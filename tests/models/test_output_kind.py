"""Where nobody says what outputs are, probabilities do not pass as logits."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from negatoscope.auditing.self_check import self_check
from negatoscope.errors import InputError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict
from negatoscope.types import LabelArray, PixelArray

CPU = torch.device("cpu")


def _halves(n: int = 64) -> tuple[PixelArray, LabelArray]:
    """Images of two classes: the left or the right half is bright, by more or less."""
    generator = np.random.default_rng(0)
    labels = np.arange(n) % 2
    pixels = np.zeros((n, 1, 4, 4), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[0, :, 2 * label : 2 * label + 2] = generator.integers(100, 256)
    return pixels, labels


def logits(images: Tensor) -> Tensor:
    return 12 * torch.stack([images[..., :2].mean(dim=(1, 2, 3)), images[..., 2:].mean(dim=(1, 2, 3))], dim=1) - 6


def log_odds(images: Tensor) -> Tensor:
    return logits(images)[:, 1:] - logits(images)[:, :1]


def _open(model: Any, **options: Any) -> ClassifierAdapter:
    return open_classifier(model, size=4, channels="gray", data_classes=2, device=CPU, **options)


@pytest.mark.parametrize(
    "model",
    [
        lambda images: logits(images).softmax(1),
        lambda images: logits(images).softmax(1).half(),
        lambda images: (logits(images).softmax(1) * 255).round().to(torch.uint8),
        lambda images: logits(images).softmax(1).double().numpy(),
    ],
    ids=["float32", "float16", "uint8", "numpy"],
)
def test_rows_that_add_up_to_one_are_asked_about_and_whoever_insists_may_call_them_logits(model: Any) -> None:
    sentence = (
        r"^expected --output for .*, whose outputs are in \[0, 1\] and add up to 1 for each image; "
        "give --output probabilities, or --output logits if they are not probabilities$"
    )
    with pytest.raises(InputError, match=sentence):
        _open(model)
    pixels, labels = _halves()
    stated = predict(_open(model, output="probabilities"), pixels, labels, device=CPU)
    assert stated.confidences.mean() > 0.9
    insisted = predict(_open(model, output="logits"), pixels, labels, device=CPU)
    assert (insisted.confidences != stated.confidences).any()


@pytest.mark.parametrize(
    "model",
    [lambda images: logits(images).sigmoid(), lambda images: log_odds(images).sigmoid()],
    ids=["a sigmoid for each class", "one sigmoid"],
)
def test_sigmoids_are_asked_about_once_clean_images_are_seen(model: Any) -> None:
    pixels, labels = _halves()
    with pytest.raises(InputError, match=r"whose outputs are in \[0, 1\], as sigmoids are; give --output prob"):
        self_check(_open(model), pixels, labels)
    self_check(_open(model, output="logits"), pixels, labels, suspects=False)
    assert self_check(_open(model, output="probabilities"), pixels, labels).accuracy == 1


def test_logits_are_not_asked_about() -> None:
    pixels, labels = _halves()
    for model in (logits, log_odds, lambda images: logits(images) / 100):
        assert self_check(_open(model), pixels, labels).accuracy == 1


def test_log_probabilities_need_no_word_since_their_softmax_is_the_same() -> None:
    pixels, labels = _halves()
    found = [
        predict(_open(model, **options), pixels, labels, device=CPU)
        for model, options in (
            (logits, {}),
            (lambda images: logits(images).log_softmax(1), {}),
            (lambda images: logits(images).log_softmax(1), {"output": "log_probabilities"}),
        )
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(other.predictions, found[0].predictions)
        np.testing.assert_allclose(other.confidences, found[0].confidences, rtol=1e-5)


def test_probabilities_that_are_called_log_probabilities_are_one_sentence() -> None:
    with pytest.raises(InputError, match=r"expected log-probabilities from .*, got 0\..*; say with --output"):
        _open(lambda images: logits(images).softmax(1), output="log_probabilities")
