"""A classifier with a wrong option is stopped or warned of, and a suggestion can be pasted and gives what it says."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from negatoscope.auditing.self_check import SelfCheck, self_check
from negatoscope.auditing.suspects import _mean_and_std, usual_suspects
from negatoscope.errors import InputError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.reports.formatting import tight
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


Model = Callable[[Tensor], Tensor]


def _open(model: Model, **given: object) -> ClassifierAdapter:
    options = {"size": WIDTH, "channels": "gray", **given}
    return open_classifier(model, **options, data_classes=CLASSES, device=CPU)


def _check(model: Model, expected: float | None = None, **given: object) -> SelfCheck:
    pixels, labels = _bars(channels=3 if given.get("channels") == "rgb" else 1)
    classifier = _open(model, **given)
    before = repr(classifier.input_spec)
    found = self_check(classifier, pixels, labels, expected=expected)
    assert repr(classifier.input_spec) == before, "it suggests, and switches nothing"
    return found


def _pasted(text: str) -> dict[str, str]:
    """Options as a command line reads them."""
    words = [part for word in shlex.split(text) for part in word.split("=", 1)]
    names = [name.removeprefix("--").replace("-", "_") for name in words[::2]]
    return dict(zip(names, words[1::2], strict=True))


def _suggested(found: SelfCheck) -> tuple[dict[str, str], float]:
    """The options of a suggestion, and the accuracy that it promises."""
    said = re.match(r"with (--.+?)(?: \([A-Za-z' ]+\))? the accuracy is ([\d.]+).% on ", found.suggestion)
    assert said, found.suggestion
    return _pasted(said[1]), float(said[2]) / 100


def test_a_good_classifier_passes_without_a_suggestion() -> None:
    found = _check(reads_bars)
    assert found == replace(found, n=240, accuracy=1.0, passed=True, suggestion="")
    assert found.suspects > 8


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


def _backwards(images: Tensor) -> Tensor:
    return reads_bars(images).flip(1)


def _swapped(images: Tensor) -> Tensor:
    return reads_bars(images)[:, [8, 1, 2, 3, 4, 5, 6, 7, 0, 11, 10, 9]]


def _after_two_more(images: Tensor) -> Tensor:
    return torch.cat([torch.full((len(images), 2), -1.0), reads_bars(images)], dim=1)


def _swapped_after_two_more(images: Tensor) -> Tensor:
    return torch.cat([torch.full((len(images), 2), -1.0), _swapped(images)], dim=1)


def _sorted_as_text(images: Tensor) -> Tensor:
    return reads_bars(images)[:, sorted(range(CLASSES), key=str)]


@pytest.mark.parametrize(
    ("model", "options", "suggestion"),
    [
        (_in_bytes, {}, "--range 0..255"),
        (reads_bars, {"range": "0..255"}, "--range 0..1"),
        (reads_bars, {"mean": -1, "std": 1}, "--range 0..1 --mean 0 --std 1 (no normalization)"),
        (_on_white, {}, "--range 0..1 --mean 1 --std=-1 (the negative)"),
        (_by_row, {}, "--layout NHWC"),
        (_one_further, {}, "--class-map +1"),
        (_sorted_as_text, {}, "--class-map sorted"),
        (reads_bars, {"class_map": "sorted"}, "--class-map 0..11"),
        (reads_bars, {"class_map": "+1"}, "--class-map 0..11"),
        (_one_further, {"class_map": "-1"}, "--class-map +1"),
        (_backwards, {}, "--class-map 11..0"),
        (_backwards, {"class_map": "sorted"}, "--class-map 11..0"),
        (_swapped, {}, "--class-map 8,1,2,3,4,5,6,7,0,11,10,9"),
        (_swapped, {"class_map": "+1"}, "--class-map 8,1,2,3,4,5,6,7,0,11,10,9"),
        (_after_two_more, {"class_map": "0..11"}, "--class-map 2..13"),
        (_swapped_after_two_more, {"class_map": "2..13"}, "--class-map 10,3,4,5,6,7,8,9,2,13,12,11"),
    ],
)
def test_the_usual_suspect_that_helps_is_named_and_gives_what_it_says(
    model: Any, options: dict[str, object], suggestion: str
) -> None:
    found = _check(model, **options)
    assert found.accuracy < 0.7
    assert not found.passed
    assert found.suggestion.startswith(f"with {suggestion} the accuracy is 100.0"), found.suggestion
    pasted, promised = _suggested(found)
    again = _check(model, **{**options, **pasted})
    assert (again.accuracy, again.passed, again.suggestion) == (promised, True, "")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": "rgb"},
        {"channels": "rgb", "channel_order": "BGR", "layout": "NHWC", "mean": "0.4,0.5,0.6", "std": 0.2},
        {"range": "0..255", "mean": 33.318, "std": 78.567, "class_map": "sorted"},
        {"range": "-1..1", "class_map": "+1"},
        {"dtype": "uint8", "class_map": "11..0"},
        {"classes": 20, "class_map": "3..14"},
        {"classes": 20, "class_map": "3,1,2,4,5,6,7,8,9,10,11,12"},
    ],
)
def test_every_suspect_can_be_pasted_behind_the_options_and_is_what_was_tried(options: dict[str, Any]) -> None:
    def model(images: Tensor) -> Tensor:
        return torch.arange(-1.0, options.get("classes", CLASSES) - 1).expand(len(images), -1)

    pixels, _ = _bars(channels=3 if options.get("channels") == "rgb" else 1)
    given = _open(model, **options).input_spec
    suspects = usual_suspects(given, pixels)
    assert len(suspects) >= 5
    for suspect in suspects:
        assert suspect.input_spec != given
        assert _open(model, **{**options, **_pasted(suspect.text)}).input_spec == suspect.input_spec, suspect.text
    assert len({suspect.input_spec for suspect in suspects}) == len(suspects)


@pytest.mark.parametrize(("n", "passed"), [(3, False), (60, True)])
def test_of_too_few_images_no_accuracy_is_told_from_chance_and_the_message_says_so(n: int, passed: bool) -> None:
    labels = np.arange(n) % 2
    pixels = np.where(labels == 1, 200, 20).astype(np.uint8)[:, None, None, None].repeat(4, axis=2).repeat(4, axis=3)
    bright = open_classifier(
        lambda images: 9 * torch.stack([1 - images.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3))], dim=1),
        size=4,
        channels="gray",
        data_classes=2,
        device=CPU,
    )
    found = self_check(bright, pixels, labels)
    assert found.passed is passed
    told = "100.0 % of 3 images are classified correctly, too few images to tell that from chance (50.0 %)"
    assert tight(found.suggestion) == tight("" if passed else told)


def test_a_missed_expected_accuracy_is_named_before_what_helps() -> None:
    found = _check(_one_further, expected=0.9)
    assert not found.passed
    start = f"{100 * found.accuracy:.1f} % of 240 images are classified correctly, not the 90.0 % of --expect-accuracy"
    assert tight(found.suggestion).startswith(tight(f"{start}; with --class-map +1 the accuracy is 100.0 %"))


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
    assert re.fullmatch(
        r"with --channel-order BGR the accuracy is 100.0.% on 90 images, instead of 33.3.% \(p < 0.001\)"
        r"; as good: --channel-order BGR .* \(Caffe's normalization\), or --class-map 2..0",
        found.suggestion,
    )


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
        output="logits",
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
    assert (", not the 90.0 % of --expect-accuracy, and none" in found.suggestion) is not passed


def test_who_expects_nothing_may_audit_a_coin() -> None:
    assert not _check(_nothing).passed
    assert _check(_nothing, 0.0).passed


def _standardized(images: Tensor) -> Tensor:
    """Makes nothing of range and normalization."""
    apart = images - images.mean(dim=(1, 2, 3), keepdim=True)
    return _brightness(apart / apart.std(dim=(1, 2, 3), keepdim=True))


@pytest.mark.parametrize("options", [{}, {"range": "0..255"}, {"range": "-1..1", "mean": 0.3, "std": 2.0}])
def test_settings_that_make_no_difference_are_not_suggested(options: dict[str, object]) -> None:
    found = _check(_standardized, **options)
    assert (found.accuracy, found.passed, found.suggestion) == (1, True, "")


@pytest.mark.parametrize(("n", "suggested", "passed"), [(6, False, True), (16, True, True), (60, True, False)])
def test_few_images_suggest_nothing_some_warn_and_many_stop(n: int, suggested: bool, passed: bool) -> None:
    pixels, labels = _bars(n)
    found = self_check(_open(reads_bars, class_map="+1"), pixels, labels, expected=0.01)
    assert found.accuracy == 0
    assert found.suggestion.startswith("with --class-map 0..11 the accuracy is 100") is suggested
    assert found.passed is passed


def _spoiled(images: Tensor) -> Tensor:
    """Reads bars, but for images with a certain value in a corner, which none has in another range."""
    corner = images[:, 0, 0, 0]
    return 5 * _brightness(images) * torch.where((corner > 55 / 255) & (corner < 60 / 255), -1, 1)[:, None]


def test_a_gain_of_less_than_ten_points_is_a_warning_however_sure() -> None:
    found = _check(_spoiled)
    assert 0.9 < found.accuracy < 0.97
    assert found.passed
    assert found.suggestion.startswith("with --range 0..255 the accuracy is 100"), found.suggestion
    assert found.suggestion.partition(";")[0].endswith("(p < 0.001)")


def test_suspects_of_bytes_are_those_of_layout_and_classes() -> None:
    options = {"size": WIDTH, "channels": "gray", "dtype": "uint8"}
    classifier = open_classifier(lambda images: _brightness(images.float()), **options, device=CPU)
    options = [suspect.text for suspect in usual_suspects(classifier.input_spec, _bars()[0])]
    layouts = ["--layout NHWC", "--layout NHW", "--layout flat", "--layout flat-NHWC"]
    assert options == [*layouts, "--class-map +1", "--class-map=-1", "--class-map 11..0", "--class-map sorted"]


def test_the_normalization_of_the_images_is_their_mean_and_deviation() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, 9, 11), dtype=np.uint8)
    shares = pixels / 255
    expected = [statistic(shares, axis=(0, 2, 3)) for statistic in (np.mean, np.std)]
    np.testing.assert_allclose(_mean_and_std(pixels), expected, rtol=1e-12)


def test_no_images_or_an_impossible_expectation_are_one_sentence() -> None:
    pixels, labels = _bars()
    classifier = open_classifier(reads_bars, size=WIDTH, channels="gray", device=CPU)
    with pytest.raises(InputError, match="expected images for the self-check, got none"):
        self_check(classifier, pixels[:0], labels[:0])
    with pytest.raises(InputError, match=r"expected --expect-accuracy in \[0, 1\], got 95"):
        self_check(classifier, pixels, labels, expected=95)
