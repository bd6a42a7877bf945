"""Images are laid out as a classifier's input spec says, and its outputs become logits of the data's classes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor, nn

from negatoscope.errors import InputError
from negatoscope.models.adapter import ClassifierAdapter, preprocess, to_logits
from negatoscope.models.input_spec import InputSpec
from negatoscope.pixels import ResizeSpec
from negatoscope.types import Images

CPU = torch.device("cpu")
COLOR = InputSpec(resize=ResizeSpec(4, 5, "rgb"), classes=7)
WEIGHTS = torch.randn(60, 7, generator=torch.Generator().manual_seed(0))


def _images(n: int = 6, channels: int = 3) -> Images:
    return torch.rand(n, channels, 4, 5, generator=torch.Generator().manual_seed(1))


def _classifier(input_spec: InputSpec, run: Any = None) -> ClassifierAdapter:
    return ClassifierAdapter(
        "it", "callable", input_spec, run or (lambda x: x.flatten(1) @ WEIGHTS), CPU, "", runs_code=True
    )


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "flat"])
@pytest.mark.parametrize(("span", "scale", "shift"), [("0..1", 1, 0), ("0..255", 255, 0), ("-1..1", 2, -1)])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_images_come_as_numpy_would_lay_them_out(layout: Any, span: Any, scale: int, shift: int, order: Any) -> None:
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    input_spec = replace(COLOR, layout=layout, range=span, mean=mean, std=std, channel_order=order)
    images = _images()
    before = images.clone()
    values = images.double().numpy().transpose(0, 2, 3, 1) * scale + shift
    values = (values[..., ::-1] if order == "BGR" else values) - np.array(mean)
    values = values / np.array(std)
    channels_first = values.transpose(0, 3, 1, 2)
    expected = {"NHWC": values, "NCHW": channels_first, "flat": channels_first.reshape(6, 60)}[layout]
    np.testing.assert_allclose(preprocess(images, input_spec=input_spec).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(images, before)


def test_gray_images_may_come_without_channels() -> None:
    images = _images(channels=1)
    input_spec = InputSpec(resize=ResizeSpec(4, 5, "gray"), classes=7, layout="NHW")
    assert torch.equal(preprocess(images, input_spec=input_spec), images[:, 0])


def test_stored_pixels_arrive_unchanged_where_bytes_are_wanted() -> None:
    pixels = torch.arange(240, dtype=torch.uint8).reshape(4, 3, 4, 5)
    laid = preprocess(pixels.float() / 255, input_spec=replace(COLOR, dtype="uint8", range="0..255", layout="NHWC"))
    assert laid.dtype == torch.uint8
    assert torch.equal(laid, pixels.permute(0, 2, 3, 1))


@pytest.mark.parametrize("batch", [1, 4, 6, 10])
@pytest.mark.parametrize("n", [0, 1, 6, 9])
def test_a_fixed_batch_is_filled_and_gives_the_same_rows(batch: int, n: int) -> None:
    sizes = []

    def run(values: Tensor) -> Tensor:
        sizes.append(len(values))
        return values.flatten(1) @ WEIGHTS

    found = _classifier(replace(COLOR, batch=batch), run)(_images(n))
    torch.testing.assert_close(found, _classifier(COLOR)(_images(n)))
    assert found.shape == (n, 7)
    assert set(sizes) <= {batch}


SCORES = torch.randn(5, 4, generator=torch.Generator().manual_seed(2))
FOUR = replace(COLOR, classes=4)


@pytest.mark.parametrize(
    ("output", "outputs"),
    [
        ("logits", SCORES),
        ("probabilities", SCORES.softmax(1)),
        ("probabilities", SCORES.softmax(1) * 17),
        ("log_probabilities", SCORES.log_softmax(1)),
        ("logits", SCORES.double()[:, :, None, None].flatten(1)),
    ],
)
def test_softmax_of_the_logits_is_what_scipy_makes_of_the_scores(output: Any, outputs: Tensor) -> None:
    logits = to_logits(outputs, input_spec=replace(FOUR, output=output), name="it")
    np.testing.assert_allclose(logits.softmax(1), softmax(SCORES.numpy(), axis=1), rtol=1e-5)


def test_bytes_are_shares_of_their_sum() -> None:
    outputs = torch.tensor([[0, 100, 28, 0], [1, 1, 1, 1]], dtype=torch.uint8)
    found = to_logits(outputs, input_spec=replace(FOUR, output="probabilities"), name="it").softmax(1)
    np.testing.assert_allclose(found, [[0, 100 / 128, 28 / 128, 0], [0.25] * 4], atol=1e-7)


@pytest.mark.parametrize(
    ("output", "column"),
    [
        ("probabilities", [0.0, 0.25, 1.0]),
        ("log_probabilities", np.log([1e-30, 0.25, 1.0])),
        ("logits", [-np.inf, np.log(1 / 3), np.inf]),
    ],
)
def test_one_sigmoid_is_the_second_of_two_classes(output: Any, column: Any) -> None:
    outputs = torch.tensor(np.asarray(column)).float().nan_to_num(posinf=80.0, neginf=-80.0)[:, None]
    found = to_logits(outputs, input_spec=replace(COLOR, classes=2, output=output), name="it").softmax(1)
    np.testing.assert_allclose(found, [[1, 0], [0.75, 0.25], [0, 1]], atol=1e-6)


def test_a_class_map_asks_among_the_classes_of_the_data_alone() -> None:
    found = to_logits(SCORES, input_spec=replace(FOUR, class_map=(3, 1)), name="it")
    np.testing.assert_allclose(found.log_softmax(1), log_softmax(SCORES.numpy()[:, [3, 1]], axis=1), rtol=1e-5)


def test_masked_classes_are_no_fault() -> None:
    outputs = SCORES.clone()
    outputs[0, 1:] = -torch.inf
    assert to_logits(outputs, input_spec=FOUR, name="it").softmax(1)[0].tolist() == [1, 0, 0, 0]


def _with(row: int, value: float) -> Tensor:
    outputs = SCORES.abs() + 0.1
    outputs[row, 2] = value
    return outputs


@pytest.mark.parametrize(
    ("outputs", "output", "sentence"),
    [
        (
            _with(1, torch.nan),
            "logits",
            "expected finite outputs of it, got NaN or infinity for 1 of 5 images",
        ),
        (_with(1, torch.inf), "logits", "expected finite outputs"),
        (_with(1, torch.nan), "probabilities", "expected finite outputs"),
        (torch.full((5, 4), -torch.inf), "logits", "for 5 of 5 images"),
        (_with(3, -2.0), "probabilities", "expected probabilities from it, got -2; say with --output what it gives"),
        (torch.zeros(5, 4), "probabilities", "got a row of zeros"),
        (torch.zeros(5, 3), "logits", "expected 4 outputs of it, got 3"),
        (torch.zeros(5, 1), "logits", "expected 4 outputs of it, got 1"),
    ],
)
def test_outputs_of_another_kind_are_one_sentence(outputs: Tensor, output: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        to_logits(outputs, input_spec=replace(FOUR, output=output), name="it")


def test_one_output_that_is_no_sigmoid_is_one_sentence() -> None:
    with pytest.raises(InputError, match="expected a sigmoid as the one output of it, got 3"):
        to_logits(torch.full((2, 1), 3.0), input_spec=replace(COLOR, classes=2, output="probabilities"), name="it")


@pytest.mark.parametrize(
    ("run", "got"),
    [
        (lambda x: x.flatten(1)[:1], r"a tensor \[1, 60\]; if it takes a fixed number at once, give it with --batch"),
        (lambda x: x.sum(), r"a tensor \[\]; "),
        (lambda x: x[:, :0], r"a tensor \[6, 0, 4, 5\]; "),
        (lambda x: [1, 2], "a list of 0: 1, 1: 2; wrap it in a function that returns one tensor"),
        (lambda x: (x.flatten(1), x), r"a tuple of 0: \[6, 60\], 1: \[6, 3, 4, 5\]; wrap it"),
        (lambda x: {"scores": x[:, 0, 0], "mask": x}, r"a dict of scores: \[6, 5\], mask: \[6, 3, 4, 5\]; wrap it"),
        (lambda x: None, "a NoneType; wrap it"),
    ],
    ids=["one row", "a sum", "no column", "a list", "a tuple", "a dict", "nothing"],
)
def test_anything_but_a_row_for_each_image_is_one_sentence_that_lists_it(run: Any, got: str) -> None:
    with pytest.raises(InputError, match=f"^expected a row of outputs for each of 6 images from it, got {got}"):
        _classifier(COLOR, run)(_images())


def test_images_of_another_size_are_one_sentence() -> None:
    with pytest.raises(InputError, match=r"expected images of channels, height and width \(3, 4, 5\), got \(1, 4, 5\)"):
        _classifier(COLOR)(_images(channels=1))


def test_gradients_pass_through() -> None:
    images = _images().requires_grad_()
    classifier = _classifier(replace(COLOR, mean=(0.5,), std=(0.25,), output="probabilities"), _shares)
    classifier(images)[:, 0].sum().backward()
    assert images.grad is not None
    assert bool(images.grad.any())


def _shares(values: Tensor) -> Tensor:
    return (values.flatten(1) @ WEIGHTS).softmax(1)


class Counting(nn.Module):
    """Keeps something between calls."""

    calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return images


def _hooked() -> nn.Module:
    module = nn.ReLU()
    module.register_forward_hook(lambda *_: None)
    return module


def _replaced() -> nn.Module:
    module = nn.ReLU()
    module.forward = lambda images: images  # type: ignore[method-assign]
    return module


@pytest.mark.parametrize("made", [Counting, _hooked, _replaced])
def test_only_modules_of_known_layers_count_as_stateless(made: Callable[[], nn.Module]) -> None:
    known = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU()))
    classifier = _classifier(COLOR)
    assert not classifier.stateless, "whoever writes a function may keep something in it"
    assert replace(classifier, module=known).stateless
    assert not replace(classifier, module=nn.Sequential(known, made())).stateless
    assert replace(classifier, kind="onnx").stateless
