"""A wrapped ONNX model predicts the same for all images of an orbit, in plain onnxruntime, however it takes images."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from tests.hardening.onnx_models import (
    BYTES,
    CLASSES,
    DOUBLE,
    FLOAT,
    HALF,
    INTS,
    eight_bit,
    linear,
    plain_run,
    wrapper_of,
)

from negatoscope.hardening.onnx_original import columns_of
from negatoscope.hardening.onnx_wrapper import OnnxClassifier, wrapped_onnx
from negatoscope.hardening.orbit import orbit
from negatoscope.hardening.wrapper import Wrapper, wrap
from negatoscope.models.adapter import ClassifierAdapter, preprocess
from negatoscope.models.open import open_classifier
from negatoscope.transforms.groups import resolve_group

COLOR_STD: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
INPUTS: dict[str, tuple[list[Any], int, dict[str, Any]]] = {
    "NCHW": (["N", 1, 6, 6], FLOAT, {}),
    "batch of 10, normalized": ([10, 1, 6, 6], FLOAT, {"mean": 0.1307, "std": 0.3081}),
    "batch of 1, 0..255": ([1, 1, 6, 6], FLOAT, {"range": "0..255"}),
    "NHWC": (["N", 6, 6, 1], FLOAT, {"range": "-1..1"}),
    "color NHWC, normalized BGR": (["N", 6, 6, 3], FLOAT, {**COLOR_STD, "channel_order": "BGR"}),
    "color NCHW, 0..255 less a mean": ([None, 3, 6, 6], FLOAT, {"range": "0..255", "mean": (104.0, 117.0, 123.0)}),
    "NHW": (["N", 6, 6], FLOAT, {"layout": "NHW"}),
    "flat": (["N", 36], FLOAT, {}),
    "flat with a last 1": ([1, 36, 1], FLOAT, {}),
    "flat color, pixel by pixel": (["N", 108], FLOAT, {"layout": "flat-NHWC"}),
    "uint8 NHWC": ([1, 6, 6, 3], BYTES, {}),
    "int32": (["N", 1, 6, 6], INTS, {}),
    "float16": (["N", 1, 6, 6], HALF, {}),
    "float16, normalized": (["N", 3, 6, 6], HALF, COLOR_STD),
    "float64": (["N", 1, 6, 6], DOUBLE, {"range": "0..255"}),
}
GROUPS = {1: ("negative", "flip", "quarter_turns", "negative,flip,quarter_turns")}
GROUPS[3] = (*GROUPS[1], "channel_permutation", "channel_negative", "color_cube")
WRAPPERS = ("canonicalize", "most_confident", "probabilities", "logits", "log_probabilities")


def composed(model: onnx.ModelProto, classifier: ClassifierAdapter, wrapper: Wrapper) -> onnx.ModelProto:
    made = wrapped_onnx(OnnxClassifier(model, classifier.input_spec, columns_of(classifier)), wrapper)
    onnx.checker.check_model(made)
    return made


def natives(classifier: ClassifierAdapter, images: torch.Tensor, shape: list[Any]) -> np.ndarray:
    native = preprocess(images, input_spec=classifier.input_spec).numpy()
    return np.ascontiguousarray(native.reshape(len(native), *shape[1:]))


@settings(max_examples=25)
@given(
    inputs=st.sampled_from(sorted(INPUTS)),
    kind=st.sampled_from(WRAPPERS),
    ending=st.sampled_from(["Identity", "Softmax"]),
    which=st.integers(0, 6),
    opset=st.sampled_from([11, 13, 18, 21]),
    seed=st.integers(0, 99),
    levels=st.sampled_from([2, 4, 256]),
)
def test_a_wrapped_model_predicts_the_same_over_the_orbit_in_plain_onnxruntime(
    tmp_path_factory: pytest.TempPathFactory,
    inputs: str,
    kind: str,
    ending: str,
    which: int,
    opset: int,
    seed: int,
    levels: int,
) -> None:
    shape, dtype, options = INPUTS[inputs]
    path = tmp_path_factory.mktemp("models") / "model.onnx"
    model = linear(
        path, shape, dtype=dtype, ending=ending, seed=seed, opset=opset, span=255 if "range" in options else 1
    )
    classifier = open_classifier(path, **options)
    channels = classifier.input_spec.planes
    names = GROUPS[channels]
    group = resolve_group(names[which % len(names)], channels=channels)
    wrapper = wrapper_of(kind, group, seed=seed)
    images = eight_bit(10, channels, seed=seed, levels=levels)
    made = composed(model, classifier, wrapper)
    batch = shape[0] if isinstance(shape[0], int) else None
    members = [natives(classifier, element(images), shape) for element in group.elements]
    rows = [plain_run(made, native, batch=batch)[0] for native in members]
    for row in rows[1:]:
        np.testing.assert_array_equal(row, rows[0])
    in_memory = wrap(classifier, wrapper)(images)
    reopened = torch.from_numpy(np.float32(rows[0]))
    reopened = reopened.clamp(min=1e-38).log() if ending == "Softmax" else reopened
    pair = [scores.log_softmax(1).clamp(min=-80) for scores in (reopened, in_memory)]  # below, float32 has few digits
    torch.testing.assert_close(*pair, atol=2e-3, rtol=1e-4)


@pytest.mark.parametrize("ending", ["Identity", "Softmax", "LogSoftmax", "Sigmoid"])
@pytest.mark.parametrize("kind", [*WRAPPERS, "selective"])
def test_the_file_predicts_what_the_wrapper_in_memory_predicts_and_says_the_same_of_its_output(
    tmp_path: Path, kind: str, ending: str
) -> None:
    columns = 1 if ending == "Sigmoid" else CLASSES
    model = linear(tmp_path / "model.onnx", ["N", 6, 6], ending=ending, columns=columns)
    options: dict[str, Any] = {"layout": "NHW"}
    classifier = open_classifier(tmp_path / "model.onnx", **options)
    wrapper = wrapper_of(kind, resolve_group("negative,flip", channels=1))
    onnx.save(composed(model, classifier, wrapper), tmp_path / "hardened.onnx")
    hardened = open_classifier(tmp_path / "hardened.onnx", **options)
    assert hardened.input_spec == classifier.input_spec
    for images in (eight_bit(40, 1, seed=1), torch.rand(40, 1, 6, 6)):
        expected, got = wrap(classifier, wrapper)(images), hardened(images)
        torch.testing.assert_close(got.log_softmax(1), expected.log_softmax(1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["canonicalize", "most_confident", "selective"])
def test_other_outputs_stay_and_belong_to_the_chosen_image(tmp_path: Path, kind: str) -> None:
    model = linear(tmp_path / "model.onnx", ["N", 1, 6, 6], extra="label")
    classifier = open_classifier(tmp_path / "model.onnx", output_name="scores")
    made = composed(model, classifier, wrapper_of(kind, resolve_group("negative", channels=1)))
    scores, labels = plain_run(made, eight_bit(30, 1, seed=2).numpy(), batch=None)
    np.testing.assert_array_equal(scores.argmax(1), labels)


@pytest.mark.parametrize("kind", [*WRAPPERS, "selective"])
def test_inputs_outputs_opset_and_weights_stay(tmp_path: Path, kind: str) -> None:
    model = linear(tmp_path / "model.onnx", [10, 6, 6, 3], opset=12)
    classifier = open_classifier(tmp_path / "model.onnx")
    made = composed(model, classifier, wrapper_of(kind, resolve_group("color_cube", channels=3)))
    assert made.graph.input == model.graph.input
    assert made.graph.output == model.graph.output
    assert (made.opset_import, made.ir_version) == (model.opset_import, model.ir_version)
    assert [t for t in made.graph.initializer if t.name == "weights"] == list(model.graph.initializer)


def test_whole_outputs_are_chosen_but_not_averaged(tmp_path: Path) -> None:
    model = linear(tmp_path / "model.onnx", ["N", 1, 6, 6], scores=BYTES, ending="Abs")
    classifier = open_classifier(tmp_path / "model.onnx", output="logits")
    group = resolve_group("negative", channels=1)
    images = eight_bit(20, 1, seed=3)
    made = composed(model, classifier, wrapper_of("most_confident", group))
    (scores,) = plain_run(made, images.numpy(), batch=None)
    np.testing.assert_array_equal(scores, wrap(classifier, wrapper_of("most_confident", group))(images).numpy())
    with pytest.raises(ValueError, match="expected outputs of a float type for the method average, got whole numbers"):
        composed(model, classifier, wrapper_of("logits", group))


@pytest.mark.parametrize("inputs", sorted(INPUTS))
def test_the_model_gets_the_very_numbers_that_it_got_before(tmp_path: Path, inputs: str) -> None:
    shape, dtype, options = INPUTS[inputs]
    model = linear(tmp_path / "model.onnx", shape, dtype=dtype)
    classifier = open_classifier(tmp_path / "model.onnx", **options)
    channels = classifier.input_spec.planes
    made = composed(model, classifier, wrapper_of("canonicalize", resolve_group("negative", channels=channels)))
    made.graph.output.append(helper.make_tensor_value_info("negatoscope/image", dtype, shape))
    pixels = torch.arange(36 * channels * 10).reshape(10, channels, 6, 6) % 256
    images = torch.cat(
        [pixels.float() / 255, orbit(pixels.float() / 255, resolve_group("negative", channels=channels))[:, 1]]
    )
    native = natives(classifier, images, shape)
    seen = plain_run(made, native, batch=shape[0] if isinstance(shape[0], int) else None)[1]
    same = [
        any(np.array_equal(image, native[place]) for place in (index, (index + 10) % 20))
        for index, image in enumerate(seen)
    ]
    assert all(same)


def test_images_between_the_levels_are_not_rounded(tmp_path: Path) -> None:
    model = linear(tmp_path / "model.onnx", ["N", 1, 6, 6])
    classifier = open_classifier(tmp_path / "model.onnx")
    made = composed(model, classifier, wrapper_of("canonicalize", resolve_group("flip", channels=1)))
    made.graph.output.append(helper.make_tensor_value_info("negatoscope/image", FLOAT, ["N", 1, 6, 6]))
    images = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(0)).numpy()
    images[0] = np.round(images[0] * 255) / 255 + np.float32(5e-7)  # rounding alone
    seen = plain_run(made, images, batch=None)[1]
    for number, (image, after) in enumerate(zip(images, seen, strict=True)):
        assert min(np.abs(after - image).max(), np.abs(after[..., ::-1] - image).max()) < 1e-6
        assert (np.abs(after * 255 - np.round(after * 255)).max() < 1e-4) == (number == 0)
