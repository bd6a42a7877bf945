"""ONNX models of every shape in the wild give the scores that numpy computes from the same weights."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from scipy.special import log_softmax, softmax
from torch import Tensor

from negatoscope.errors import DataError, InputError, MissingExtraError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier

CPU = torch.device("cpu")
CLASSES = 5
FLOAT, BYTES = TensorProto.FLOAT, TensorProto.UINT8


def _weights(inputs: int) -> np.ndarray:
    return np.random.default_rng(inputs).normal(size=(inputs, CLASSES)).astype(np.float32)


def _save(
    path: Path,
    shape: list[Any],
    *,
    ending: str = "",
    dtype: int = FLOAT,
    out_shape: list[Any] | None = None,
    extra: tuple[str, ...] = (),
    columns: int = CLASSES,
) -> onnx.ModelProto:
    """A linear classifier of an input of that shape, saved to `path`."""
    inputs = int(np.prod([length for length in shape[1:] if isinstance(length, int)]))
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["raw"]),
        helper.make_node(ending or "Identity", ["raw"], ["scores"]),
        *(helper.make_node("Identity", ["scores"], [name]) for name in extra),
    ]
    outputs = [helper.make_tensor_value_info(name, FLOAT, out_shape or ["N", columns]) for name in ("scores", *extra)]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("image", dtype, shape)],
        outputs,
        [numpy_helper.from_array(_weights(inputs)[:, :columns], "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return model


def _open(path: Path, **options: object) -> ClassifierAdapter:
    return open_classifier(path, **options, data_classes=CLASSES, device=CPU)


def _images(n: int, channels: int, height: int, width: int) -> Tensor:
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("shape", "layout", "size"),
    [
        (["N", 1, 6, 4], "NCHW", (1, 6, 4)),
        ([10, 1, 6, 4], "NCHW", (1, 6, 4)),
        ([1, 1, 6, 4], "NCHW", (1, 6, 4)),
        (["N", 6, 4, 1], "NHWC", (1, 6, 4)),
        (["N", 6, 4, 3], "NHWC", (3, 6, 4)),
        (["N", 6, 4], "NHW", (1, 6, 4)),
        (["N", 36], "flat", (1, 6, 6)),
        ([1, 36, 1], "flat", (1, 6, 6)),
        (["N", 108], "flat", (3, 6, 6)),
    ],
    ids=str,
)
@pytest.mark.parametrize("ending", ["", "Softmax", "LogSoftmax"])
def test_every_layout_and_batch_gives_the_scores_of_numpy(
    shape: list[Any], layout: str, size: tuple[int, int, int], ending: str, tmp_path: Path
) -> None:
    _save(tmp_path / "net.onnx", shape, ending=ending)
    classifier = _open(tmp_path / "net.onnx")
    images = _images(7, *size)
    laid = images.permute(0, 2, 3, 1) if layout == "NHWC" else images
    expected = softmax(laid.reshape(7, -1).numpy() @ _weights(int(np.prod(size))), axis=1)
    np.testing.assert_allclose(classifier(images).softmax(1), expected, atol=1e-5)
    assert classifier.input_spec.layout == layout
    assert classifier.input_spec.batch == (shape[0] if isinstance(shape[0], int) else None)
    assert (classifier.kind, classifier.runs_code, classifier.input_spec.classes) == ("onnx", False, CLASSES)
    assert classifier.packages == ("onnxruntime",)
    declared = {"": "logits", "Softmax": "probabilities", "LogSoftmax": "log_probabilities"}
    assert classifier.input_spec.output == declared[ending]


def test_bytes_in_and_out(tmp_path: Path) -> None:
    model = _save(tmp_path / "net.onnx", ["N", 6, 4, 3], ending="Softmax", dtype=BYTES)
    model.graph.node[3].output[0] = "shares"
    scale, zero = (numpy_helper.from_array(np.array(v, t), n) for n, v, t in [("s", 1 / 256, "f4"), ("z", 0, "u1")])
    model.graph.initializer.extend([scale, zero])
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(_weights(72) / 1000, "weights"))
    model.graph.node.append(helper.make_node("QuantizeLinear", ["shares", "s", "z"], ["scores"]))
    model.graph.output[0].type.tensor_type.elem_type = BYTES
    onnx.save(model, tmp_path / "net.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 4, 3))
    expected = softmax(pixels.reshape(4, 72) @ _weights(72) / 1000, axis=1)
    classifier = _open(tmp_path / "net.onnx")
    assert (classifier.input_spec.dtype, classifier.input_spec.range, classifier.input_spec.output) == (
        "uint8", "0..255", "probabilities",
    )  # fmt: skip
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float() / 255
    np.testing.assert_allclose(classifier(images).softmax(1), expected, atol=1 / 100)


def test_a_batch_that_is_static_in_the_output_alone_is_no_hindrance(tmp_path: Path) -> None:
    _save(tmp_path / "net.onnx", ["N", 1, 6, 4], out_shape=[1, CLASSES])
    images = _images(7, 1, 6, 4)
    expected = log_softmax(images.reshape(7, 24).numpy() @ _weights(24), axis=1)
    np.testing.assert_allclose(_open(tmp_path / "net.onnx")(images).log_softmax(1), expected, atol=1e-5)


def test_one_sigmoid_gives_two_classes(tmp_path: Path) -> None:
    _save(tmp_path / "net.onnx", ["N", 1, 6, 4], ending="Sigmoid", columns=1)
    classifier = open_classifier(str(tmp_path / "net.onnx"), data_classes=2, device=CPU)
    images = _images(7, 1, 6, 4)
    second = 1 / (1 + np.exp(-images.reshape(7, 24).numpy() @ _weights(24)[:, 0]))
    np.testing.assert_allclose(classifier(images).softmax(1)[:, 1], second, atol=1e-5)


def test_of_several_outputs_one_is_named(tmp_path: Path) -> None:
    _save(tmp_path / "net.onnx", ["N", 1, 6, 4], extra=("features", "scores2"))
    with pytest.raises(InputError, match=r"s scores \[N, 5\], features \[N, 5\], scores2 \[N, 5\]; give one$"):
        _open(tmp_path / "net.onnx")
    with pytest.raises(InputError, match="got 'feature'; did you mean 'features'"):
        _open(tmp_path / "net.onnx", output_name="feature")
    assert _open(tmp_path / "net.onnx", output_name="scores2").input_spec.output_name == "scores2"


@pytest.mark.parametrize("names", [False, True], ids=["numbers", "names"])
@pytest.mark.parametrize("zipmap", [True, False], ids=["dictionaries", "an array"])
def test_a_converted_estimator_gives_its_own_probabilities(zipmap: bool, names: bool, tmp_path: Path) -> None:
    skl2onnx, linear_model = pytest.importorskip("skl2onnx"), pytest.importorskip("sklearn.linear_model")
    generator = np.random.default_rng(0)
    features, labels = generator.random((60, 16), np.float32), np.arange(60) % 12
    model = linear_model.LogisticRegression().fit(features, labels.astype(str) if names else labels)
    options = None if zipmap else {"zipmap": False}
    converted = skl2onnx.to_onnx(model, features[:1], options=options, target_opset=17)
    (tmp_path / "net.onnx").write_bytes(converted.SerializeToString())
    classifier = open_classifier(tmp_path / "net.onnx", data_classes=12)
    assert (classifier.input_spec.layout, classifier.input_spec.output) == ("flat", "probabilities")
    images = torch.from_numpy(features[:7].reshape(7, 1, 4, 4))
    np.testing.assert_allclose(classifier(images).softmax(1), model.predict_proba(features[:7]), atol=1e-6)


def test_what_the_shape_leaves_open_is_asked_for_and_what_it_declares_cannot_be_overridden(tmp_path: Path) -> None:
    _save(tmp_path / "net.onnx", ["N", 3, "H", "W"])
    with pytest.raises(InputError, match=r"expected --size for input \[\?, 3, \?, \?\] of net.onnx"):
        _open(tmp_path / "net.onnx")
    _save(tmp_path / "net.onnx", ["N", 1, 6, 4])
    with pytest.raises(InputError, match=r"^expected --size 6x4 for input \[\?, 1, 6, 4\] of net.onnx, got 28x28; l"):
        _open(tmp_path / "net.onnx", size=28)
    with pytest.raises(
        InputError, match=r"expected provider to be one of \[.*'CPUExecutionProvider'.*\], got 'abacus'"
    ):
        _open(tmp_path / "net.onnx", provider="abacus")
    with pytest.raises(InputError, match=r"expected uint8 as the input of net.onnx"):
        _open(tmp_path / "net.onnx", dtype="uint8")


def test_another_number_of_classes_is_one_sentence(tmp_path: Path) -> None:
    _save(tmp_path / "net.onnx", ["N", 1, 6, 4])
    sentences = {
        43: "an output of net.onnx for each of the 43 classes of the data, got 5; give --class-map",
        4: "if output 0 is no class, give --class-map 1..4",
    }
    for data_classes, sentence in sentences.items():
        with pytest.raises(InputError, match=sentence):
            open_classifier(str(tmp_path / "net.onnx"), data_classes=data_classes, device=CPU)
    with pytest.raises(InputError, match=r"expected 10 outputs of net.onnx, as --classes says, got 5"):
        _open(tmp_path / "net.onnx", classes=10)
    options = {"class_map": "1..4"}
    assert (
        open_classifier(str(tmp_path / "net.onnx"), **options, data_classes=4, device=CPU).input_spec.data_classes == 4
    )


def test_nan_is_found_before_the_audit_begins(tmp_path: Path) -> None:
    _save(tmp_path / "net.onnx", ["N", 1, 6, 4], ending="Log")
    with pytest.raises(InputError, match=r"expected finite outputs of net.onnx, got NaN or infinity for"):
        _open(tmp_path / "net.onnx")


def test_a_classifier_that_mixes_the_images_of_a_batch_is_found(tmp_path: Path) -> None:
    model = _save(tmp_path / "net.onnx", ["N", 1, 6, 4], ending="Softmax")
    model.graph.node[3].attribute.append(helper.make_attribute("axis", 0))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(InputError, match="to give an image the same outputs whatever else is in the batch"):
        _open(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    "content",
    [b"", b"this is a text file named .onnx\n", b"\x80\x04\x95", bytes(100), b"PK\x03\x04" + bytes(30)],
    ids=["empty", "text", "pickle", "zeros", "zip"],
)
def test_another_file_named_onnx_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(DataError, match=r"^expected an ONNX model in net.onnx, got .*; export it again$"):
        _open(tmp_path / "net.onnx")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        _open(tmp_path / "missing.onnx")


def test_a_graph_that_cannot_run_is_one_sentence(tmp_path: Path) -> None:
    model = _save(tmp_path / "net.onnx", ["N", 1, 6, 4])
    model.graph.node[3].op_type = "NoSuchOperator"
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(InputError, match=r"^expected a model that onnxruntime can run in net.onnx: [^\n]+$"):
        _open(tmp_path / "net.onnx")


def _save_outside(path: Path, location: str, *, nested: bool) -> None:
    """A model whose weights, or those of a branch in it, lie where `location` says."""
    model = _save(path, ["N", 1, 6, 4])
    tensor = model.graph.initializer[0]
    if nested:
        tensor = TensorProto(name="hidden", data_type=FLOAT, dims=[1])
        body = helper.make_graph([helper.make_node("Identity", ["hidden"], ["b"])], "branch", [], [], [tensor])
        attribute = helper.make_attribute("then_branch", body)
        model.graph.node[0].attribute.append(attribute)
        tensor = model.graph.node[0].attribute[-1].g.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin", "link.bin", "C:\\x.bin"])
def test_weights_outside_the_folder_are_never_read(location: str, nested: bool, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(_weights(24).tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    _save_outside(folder / "net.onnx", location, nested=nested)
    with pytest.raises(DataError, match=r"^expected the weights of net.onnx inside its folder, got .*; do not trust"):
        _open(folder / "net.onnx")


def test_weights_beside_the_file_are_read_and_their_absence_is_one_sentence(tmp_path: Path) -> None:
    _save_outside(tmp_path / "net.onnx", "weights.bin", nested=False)
    with pytest.raises(DataError, match=r"expected weights in 'weights.bin' beside net.onnx, found no such file"):
        _open(tmp_path / "net.onnx")
    (tmp_path / "weights.bin").write_bytes(_weights(24).tobytes())
    images = _images(2, 1, 6, 4)
    first = _open(tmp_path / "net.onnx")
    np.testing.assert_allclose(first(images), images.reshape(2, 24).numpy() @ _weights(24), atol=1e-5)
    (tmp_path / "weights.bin").write_bytes((2 * _weights(24)).tobytes())
    assert _open(tmp_path / "net.onnx").sha256 != first.sha256, "other weights are another classifier"


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _save(tmp_path / "net.onnx", ["N", 1, 6, 4])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        MissingExtraError, match=r"needs onnxruntime: pip install 'onnx>=\S+' 'onnxruntime>=\S+' 'onnxscript>=\S+'$"
    ):
        _open(tmp_path / "net.onnx")
