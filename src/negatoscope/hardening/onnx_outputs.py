"""Outputs inside an ONNX graph: how confident each is, which one is chosen, and what their average is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from negatoscope.errors import expect
from negatoscope.hardening.average import Averaged
from negatoscope.hardening.most_confident import DOUBT_STEPS
from negatoscope.hardening.onnx_nodes import PREFIX, Nodes

if TYPE_CHECKING:
    from negatoscope.hardening.onnx_wrapper import OnnxClassifier

_TINY = float(np.finfo(np.float32).tiny)
_FLOATS = {1: "float32", 10: "float16", 11: "float64"}  # of TensorProto
_UINT8 = 2


def choice_of(nodes: Nodes, outputs: Sequence[str], original: "OnnxClassifier") -> str:
    """Which of the outputs is the most confident for each image, of shape (batch, 1); of those that tie the first."""
    doubts = []
    for output in outputs:
        doubt = nodes.add("Log", nodes.add("Max", _odds(nodes, output, original), nodes.constant(_TINY)))
        doubts.append(nodes.add("Round", nodes.apply("Mul", doubt, DOUBT_STEPS)))
    return nodes.add("ArgMin", nodes.add("Concat", *doubts, axis=1), axis=1, keepdims=1)


def confidence_below(nodes: Nodes, output: str, original: "OnnxClassifier", threshold: float) -> str:
    """Whether the confidence of each output is below the threshold, of shape (batch, 1)."""
    return nodes.apply(
        "Less", nodes.add("Reciprocal", nodes.apply("Add", _odds(nodes, output, original), 1)), threshold
    )


def average_of(nodes: Nodes, outputs: Sequence[str], original: "OnnxClassifier", of: Averaged) -> None:
    """The output of the same name and kind as the original's, from the average of what the outputs say."""
    spec, output = original.input_spec, original.output
    dtype = output.type.tensor_type.elem_type
    expect(dtype in _FLOATS, "outputs of a float type for the method average", "whole numbers; choose canonicalize")
    logits = [_logits(nodes, value, original) for value in outputs]
    if of != "logits":
        logits = [nodes.add("LogSoftmax", value, axis=1) for value in logits]
    if of == "probabilities":
        most = nodes.add("Max", *logits)
        shares = [nodes.add("Exp", nodes.add("Sub", value, most)) for value in logits]
        value = nodes.add("Add", nodes.add("Log", nodes.apply("Div", nodes.add("Sum", *shares), len(shares))), most)
    else:
        value = nodes.apply("Div", nodes.add("Sum", *logits), len(logits))
    if spec.output != "logits":
        value = nodes.add("Softmax" if spec.output == "probabilities" else "LogSoftmax", value, axis=1)
    if original.columns == 1:
        second, first = (nodes.gather(value, [column], axis=1) for column in (1, 0))
        value = nodes.add("Sub", second, first) if spec.output == "logits" else second
    dims = [dim.dim_value for dim in output.type.tensor_type.shape.dim][1:]
    if dims != [original.columns] and all(dims):
        value = nodes.reshape(value, -1, *dims)
    made = nodes.helper.make_node("Cast", [value], [output.name], name=f"{PREFIX}average", to=dtype)
    nodes.nodes.append(made)


def _odds(nodes: Nodes, output: str, original: "OnnxClassifier") -> str:
    """The probability of all classes but the predicted one, divided by that of the predicted one: (batch, 1)."""
    logits = _logits(nodes, output, original)
    classes = max(2, original.columns)
    place = nodes.add("ArgMax", logits, axis=1, keepdims=1)
    top = nodes.largest(logits, count=classes)
    predicted = nodes.add("Equal", nodes.constant([range(classes)], np.int64), place)
    shares = nodes.add("Where", predicted, nodes.constant(0), nodes.add("Exp", nodes.add("Sub", logits, top)))
    return nodes.add("MatMul", shares, nodes.constant(np.ones((classes, 1))))


def _logits(nodes: Nodes, output: str, original: "OnnxClassifier") -> str:
    """What `to_logits` makes of outputs, of shape (batch, classes)."""
    spec, columns = original.input_spec, original.columns
    dtype = original.output.type.tensor_type.elem_type
    value = output if dtype == 1 else nodes.add("Cast", output, to=1)
    value = nodes.reshape(value, -1, columns)
    if columns == 1:
        value = nodes.apply("Div", value, 255) if dtype == _UINT8 else value
        if spec.output == "logits":
            return nodes.add("Concat", nodes.apply("Mul", value, 0), value, axis=1)
        share = nodes.add("Exp", value) if spec.output == "log_probabilities" else value
        rest = nodes.add("Max", nodes.add("Sub", nodes.constant(1), share), nodes.constant(0))
        value = nodes.add("Concat", rest, share, axis=1)
    elif spec.output != "probabilities":
        return value
    total = nodes.add("MatMul", value, nodes.constant(np.ones((max(2, columns), 1))))
    return nodes.add("Log", nodes.add("Max", nodes.add("Div", value, total), nodes.constant(_TINY)))
