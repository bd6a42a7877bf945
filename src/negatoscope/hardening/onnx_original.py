"""The ONNX model that a wrapper is put around: read from its file or exported from torch, at opset 11 or higher."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from negatoscope.errors import DataError, InputError, expect, needed, reason
from negatoscope.hardening.onnx_nodes import DOMAINS, OPSET, PREFIX, inputs_of
from negatoscope.hardening.onnx_wrapper import OnnxClassifier
from negatoscope.models.adapter import ClassifierAdapter, preprocess
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.onnx_graph import external_files, read_graph
from negatoscope.types import Images

_WHY = "a hardened ONNX file"
_FIRST_IR, _IR_OF_OPSET = 4, 6  # from which on weights need not be inputs; that of opset 11
_EXPORTED = 18  # the lowest opset that torch exports
_MOST_BYTES = 2**31 - 1  # of a protobuf message
_SAME = 1e-3


def original_onnx(classifier: ClassifierAdapter, source: Path) -> tuple[OnnxClassifier, tuple[str, ...]]:
    """The model in a file with all its weights, and what of it had to be changed, as sentences.

    A model of an opset below 11 is converted to 11, and must give the same outputs then.

    Raises:
        DataError: The file or weights beside it cannot be read.
        InputError: It cannot be converted, or its weights do not fit into one file.
        MissingExtraError: onnx is not installed.
    """
    try:
        content = source.read_bytes()
    except OSError as error:
        raise DataError(f"expected an ONNX model in {source}, but it cannot be read: {error.strerror}") from error
    model = read_graph(content, name=source.name)
    notes = []
    if beside := external_files(model, source):
        size = sum(file.stat().st_size for file in beside)
        expect(size < _MOST_BYTES, f"weights of {source.name} of less than 2 GB, which one ONNX file holds", size)
        needed("onnx.external_data_helper", extra="onnx", why=_WHY).load_external_data_for_model(
            model, str(source.parent)
        )
        notes.append(f"the weights beside {source.name} are inside the file")
    columns = columns_of(classifier)
    converted, changes = _at_opset(model, source.name)
    original = OnnxClassifier(converted, classifier.input_spec, columns)
    if converted is not model:
        _expect_same(classifier, original, source.name)
    taken = [name for name in _values(converted) if name.startswith(PREFIX)]
    expect(not taken, f"a model that is not hardened yet in {source.name}", f"the value {taken[:1]}; give the original")
    return original, (*notes, *changes)


def exported_onnx(classifier: ClassifierAdapter, module: nn.Module) -> OnnxClassifier:
    """A torch module as an ONNX model, its weights inside, with any batch unless the classifier's is fixed.

    A module whose code fixes the batch as torch traces it, as `len(images)` does, takes one image at a time.

    Raises:
        InputError: torch cannot export it.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    needed("onnxscript", extra="onnx", why="an ONNX file of a torch module")
    spec = replace(classifier.input_spec, output_name="scores")
    model = _exported(classifier, module, spec)
    if spec.batch is None and model.graph.input[0].type.tensor_type.shape.dim[0].dim_value:
        spec = replace(spec, batch=1)
        model = _exported(classifier, module, spec)
    return OnnxClassifier(model, spec, columns_of(classifier))


def _exported(classifier: ClassifierAdapter, module: nn.Module, spec: InputSpec) -> Any:
    native = preprocess(some_images(spec, n=spec.batch or 2, device=classifier.device), input_spec=spec)
    shapes = None if spec.batch else ({0: torch.export.Dim("batch")},)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                _Scores(module).eval(),
                (native,),
                dynamo=True,
                opset_version=_EXPORTED,
                external_data=False,
                input_names=["images"],
                output_names=["scores"],
                dynamic_shapes=shapes,
                verbose=False,
            )
        model = program.model_proto  # type: ignore[union-attr]
    except Exception as error:  # the exporter fails in as many ways as modules are written
        raise InputError(f"expected a module that torch.onnx.export takes, got {_first_line(error)}") from error
    _forget_traces(model)
    return model


def _forget_traces(message: Any) -> None:
    """Take out what the exporter notes beside each node: stack traces, with paths of this machine."""
    for name in {"metadata_props", "doc_string"} & set(message.DESCRIPTOR.fields_by_name):
        message.ClearField(name)
    if message.DESCRIPTOR.name == "TensorProto":
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                _forget_traces(part)


def columns_of(classifier: ClassifierAdapter) -> int:
    """How many numbers the classifier gives for an image: one where a sigmoid tells two classes."""
    spec = classifier.input_spec
    images = some_images(spec, n=spec.batch or 1, device=classifier.device)
    with torch.no_grad():
        outputs = classifier.run(preprocess(images, input_spec=spec))
    return outputs.numel() // len(images)


def some_images(spec: InputSpec, *, n: int, device: torch.device, seed: int = 0) -> Images:
    """Random 8-bit images in [0, 1], the same for everyone: smooth ones, whose parts differ in brightness."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.uniform(size=(n, spec.planes, 4, 4)).astype(np.float32))
    smooth = nn.functional.interpolate(coarse, size=spec.resize.shape[1:], mode="bilinear")
    return (smooth * 255).round_().div_(255).to(device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of packages that it does not need here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


class _Scores(nn.Module):
    """A module whose output is a tensor, also where it comes as the models of transformers give it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Tensor) -> Tensor:
        outputs = self.module(images)
        scores: Tensor = getattr(outputs, "logits", outputs)
        return scores


def _at_opset(model: Any, name: str) -> tuple[Any, tuple[str, ...]]:
    onnx = needed("onnx", extra="onnx", why=_WHY)
    opset = next((entry.version for entry in model.opset_import if entry.domain in DOMAINS), None)
    if opset is None:  # a model of other operators alone, such as those of scikit-learn's trees
        model.opset_import.add(domain="", version=OPSET)
        model.ir_version = max(model.ir_version, _IR_OF_OPSET)
        return model, (f"the file uses opset {OPSET} beside its own operators",)
    if opset >= OPSET:
        if model.ir_version >= _FIRST_IR:
            return model, ()
        earlier, model.ir_version = model.ir_version, _FIRST_IR
        return model, (f"IR version {_FIRST_IR}; {name} has {earlier}",)
    try:
        converted = needed("onnx.version_converter", extra="onnx", why=_WHY).convert_version(model, OPSET)
        onnx.checker.check_model(converted)
    except Exception as error:  # the converter raises whatever an operator makes it
        got = f"{_first_line(error)}; export it again with opset {OPSET} or higher"
        raise InputError(f"expected {name} of opset {opset} to be converted to {OPSET}, got {got}") from error
    inputs = inputs_of(converted.graph)
    converted.graph.ClearField("input")
    converted.graph.input.extend(inputs)
    earlier, converted.ir_version = model.ir_version, max(model.ir_version, _IR_OF_OPSET)
    return converted, (
        f"converted to opset {OPSET} and IR version {converted.ir_version}; {name} has opset {opset} and IR version "
        f"{earlier}",
    )


def _expect_same(classifier: ClassifierAdapter, converted: OnnxClassifier, name: str) -> None:
    """The converted model gives the outputs of the file."""
    runtime = needed("onnxruntime", extra="onnx", why=_WHY)
    spec = classifier.input_spec
    native = preprocess(some_images(spec, n=spec.batch or 4, device=torch.device("cpu")), input_spec=spec)
    before = classifier.run(native).double().numpy()
    shape = tuple(length or -1 for length in converted.dims[1:])
    session = runtime.InferenceSession(converted.model.SerializeToString(), providers=["CPUExecutionProvider"])
    (after,) = session.run([spec.output_name], {converted.entry.name: native.reshape(len(native), *shape).numpy()})
    difference = float(np.abs(before.ravel() - np.float64(after).ravel()).max())
    bound = _SAME * max(1.0, float(np.abs(before).max()))
    got = f"a difference of {difference:.3g}; export it again with opset {OPSET} or higher"
    expect(difference <= bound, f"{name} to give the same outputs at opset {OPSET}", got)


def _values(model: Any) -> list[str]:
    graph = model.graph
    named = [*graph.input, *graph.output, *graph.initializer, *graph.value_info]
    return [entry.name for entry in named] + [name for node in graph.node for name in node.output]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {reason(error)[:120]}"
