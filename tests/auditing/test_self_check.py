"""A classifier with a wrong option is stopped, and the option is named."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from negatoscope.auditing.self_check import SelfCheck, self_check, suspects
from negatoscope.errors import InputError
from negatoscope.models.open import open_classifier
from negatoscope.types import LabelArray, PixelArray

CPU = torch.device("cpu")
CLASSES, WIDTH = 12, 24


def _bars(n: int = 240, *, channels: int = 1, seed: int = 0) -> tuple[PixelArray, LabelArray]:
    """Images whose class is the place of a bright bar over noise."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, n)
    pixels = generator.integers(0, 60, (n, channels, WIDTH, WIDTH), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[:, :, 2 * label : 2 * label + 2] += 170
    return pixels, labels


def _brightness(images: Tensor) -> Tensor:
    """The mean of each bar's place."""
    return images.mean(dim=(1, 2)).reshape(len(images), CLASSES, 2).mean(dim=2)


def reads_bars(images: Tensor) -> Tensor:
    """Right for images in [0, 1], where a bar is 0.8."""
    return -((_brightness(images) - 0.8) ** 2)


def _check(model: Callable[[Tensor], Tensor], expected: float | None = None, **given: object) -> SelfCheck:
    pixels, labels = _bars(channels=3 if given.get("channels") == "rgb" else 1)
    options = {"size": WIDTH, "channels": "gray", **given}
    classifier = open_classifier(model, **options, data_classes=CLASSES, device=CPU)
    before = repr(classifier.input_spec)
    found = self_check(classifier, pixels, labels, expected=expected)
    assert repr(classifier.input_spec) == before, "it suggests, and switches nothing"
    return found


def test_a_good_classifier_passes_without_a_suggestion() -> None:
    assert _check(reads_bars) == SelfCheck(n=240, accuracy=1.0, passed=True, suggestion="")


def _in_bytes(images: Tensor) -> Tensor:
    return _brightness((images > 128).float()) - 1e-3 * torch.arange(CLASSES)


def _on_white(images: Tensor) -> Tensor:
    """Reads the darkest place, as ink on paper."""
    return -_brightness(images)


def _by_row(images: Tensor) -> Tensor:
    """Expects channels last, and makes nothing of channels first."""
    return reads_bars(images.permute(0, 3, 1, 2)) if images.shape[-1] == 1 else _nothing(images)


def _nothing(images: Tensor) -> Tensor:
    return torch.zeros(len(images), CLASSES)


def _one_further(images: Tensor) -> Tensor:
    return reads_bars(images).roll(1, dims=1)


def _sorted_as_text(images: Tensor) -> Tensor:
    return reads_bars(images)[:, sorted(range(CLASSES), key=str)]


@pytest.mark.parametrize(
    ("model", "options", "suggestion"),
    [
        (_in_bytes, {}, "with --range 0..255 the accuracy is 100.0 % on 200 images, instead of "),
        (reads_bars, {"range": "0..255"}, "with --range 0..1 the accuracy is 100.0 % on 200"),
        (
            reads_bars,
            {"mean": 0.1307, "std": 0.05},
            "with --range 0..1 without --mean and --std the accuracy is 100.0 %",
        ),
        (_on_white, {}, r"with --range 0..1 --mean 1 --std=-1 \(the negative\) the accuracy is 100.0 %"),
        (_by_row, {}, "with --layout NHWC the accuracy is 100.0 %"),
        (_one_further, {}, r"with --class-map=\+1 the accuracy is 100.0 %"),
        (_sorted_as_text, {}, "with --class-map sorted the accuracy is 100.0 %"),
    ],
)
def test_the_usual_suspect_that_helps_is_named(model: Any, options: dict[str, object], suggestion: str) -> None:
    found = _check(model, **options)
    assert not found.passed
    assert found.accuracy < 0.5
    assert re.match(suggestion, found.suggestion), found.suggestion


def test_an_output_before_the_first_class_is_found() -> None:
    def model(images: Tensor) -> Tensor:
        return torch.cat([torch.full((len(images), 1), -1.0), reads_bars(images)], dim=1)

    found = _check(model, class_map="0..11")
    assert found.suggestion.startswith("with --class-map 1..12 the accuracy is 100.0 %")


def test_swapped_colors_are_found() -> None:
    labels = np.arange(90) % 3
    pixels = np.zeros((90, 3, 4, 4), dtype=np.uint8)
    pixels[np.arange(90), labels] = 200
    wrong = open_classifier(
        lambda images: images.mean(dim=(2, 3)).flip(1),
        size=4,
        channels="rgb",
        data_classes=3,
        device=CPU,
    )
    found = self_check(wrong, pixels, labels)
    assert found.suggestion == "with --channel-order BGR the accuracy is 100.0 % on 90 images, instead of 33.3 %"


def test_where_nothing_helps_that_is_stated() -> None:
    weights = torch.randn(WIDTH * WIDTH, CLASSES, generator=torch.Generator().manual_seed(0))
    found = _check(lambda images: torch.sin(50 * images.flatten(1) @ weights))
    assert not found.passed
    assert "none of the usual suspects clearly helps" in found.suggestion


def test_one_answer_to_everything_is_chance_however_often_it_is_right() -> None:
    pixels, labels = _bars()
    labels = np.where(labels < 10, 0, labels)
    classifier = open_classifier(
        lambda images: _nothing(images) + torch.eye(CLASSES)[0],
        size=WIDTH,
        channels="gray",
        data_classes=CLASSES,
        device=CPU,
    )
    found = self_check(classifier, pixels, labels)
    assert found.accuracy > 0.7
    assert not found.passed


def _half(images: Tensor) -> Tensor:
    """Right for six of the twelve classes."""
    scores = reads_bars(images)
    return torch.cat([scores[:, :6], scores[:, 6:] - 10], dim=1)


@pytest.mark.parametrize(("expected", "passed"), [(None, True), (0.4, True), (0.5, True), (0.9, False), (0.0, True)])
def test_what_is_expected_decides_where_it_is_given(expected: float | None, passed: bool) -> None:
    found = _check(_half, expected)
    assert 0.4 < found.accuracy < 0.6
    assert found.passed is passed
    assert (found.suggestion == "") is passed


def test_who_expects_nothing_may_audit_a_coin() -> None:
    assert not _check(_nothing).passed
    assert _check(_nothing, 0.0).passed


def test_suspects_of_bytes_are_those_of_layout_and_classes() -> None:
    options = {"size": WIDTH, "channels": "gray", "dtype": "uint8"}
    classifier = open_classifier(lambda images: _brightness(images.float()), **options, device=CPU)
    options = [option for option, _ in suspects(classifier.input_spec)]
    assert options == ["--layout NHWC", "--layout NHW", "--layout flat", "--class-map=+1", "--class-map=-1",
                       "--class-map sorted"]  # fmt: skip


def test_no_images_or_an_impossible_expectation_are_one_sentence() -> None:
    pixels, labels = _bars()
    classifier = open_classifier(reads_bars, size=WIDTH, channels="gray", device=CPU)
    with pytest.raises(InputError, match="expected images for the self-check, got none"):
        self_check(classifier, pixels[:0], labels[:0])
    with pytest.raises(InputError, match=r"expected --expect-accuracy in \[0, 1\], got 95"):
        self_check(classifier, pixels, labels, expected=95)
