"""What classifying an image costs, before and after hardening: time, passes, parameters, operations."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from negatoscope.errors import needed
from negatoscope.hardening.wrapper import WrappedClassifier
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier, suitable_batch
from negatoscope.types import Images

_ROUNDS, _SECONDS = 31, 4.0
_WEIGHTS = {1, 2, 3, 6, 10, 11, 16, 17, 18, 19, 20, 21, 22}  # TensorProto's types of numbers, less those of shapes
_PRODUCTS = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1, "ConvInteger": 1, "MatMulInteger": 1}
_PRODUCTS |= {"QLinearConv": 3, "QLinearMatMul": 3}


@dataclass(frozen=True)
class Cost:
    """What a classifier costs.

    Args:
        parameters: How many weights it has, at least 0; None where they cannot be seen.
        flops: Floating-point operations for an image, at least 0, a multiplication and an addition counting as two, in
            convolutions and products of matrices; None where they cannot be counted.
        milliseconds: Time for an image in milliseconds, the median of several measurements.
    """

    parameters: int | None
    flops: int | None
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class InferenceCost:
    """What one image costs before and after hardening.

    Args:
        milliseconds_before: Median time for an image of a batch before hardening, in milliseconds.
        milliseconds_after: Median time after hardening, in milliseconds.
        ratio: The median ratio of the time after to the time before, which are measured in turns; above 0, where 1 is
            no change.
        passes: How many images the classifier itself is shown for one, at least 1.
        parameters_before: Weights of the classifier, at least 0; None where they cannot be seen.
        parameters_added: Weights beside it, at least 0.
        flops_before: Floating-point operations of convolutions and products in the classifier for an image, at least 0;
            None where they cannot be counted.
        flops_added: Floating-point operations of what stands before or around it, at least 0, its own passes left out.
    """

    milliseconds_before: float
    milliseconds_after: float
    ratio: float
    passes: float
    parameters_before: int | None
    parameters_added: int
    flops_before: int | None
    flops_added: int


@torch.no_grad()
def measure_cost(before: ClassifierAdapter, after: ClassifierAdapter, images: Images) -> InferenceCost:
    """What it costs to classify images before and after hardening, in this process.

    Args:
        before: The classifier.
        after: What a method made of it.
        images: In [0, 1]; the first batch of them is classified.
    """
    images = images[: suitable_batch(before.device, values=images[0].numel())]
    first, second, ratio = paired_milliseconds(lambda: before(images), lambda: after(images), images=len(images))
    parameters = None if before.module is None else _parameters(before.module)
    flops = None if before.module is None else _torch_flops(before, images[:1])
    passes = 1.0
    if isinstance(after, WrappedClassifier):
        added = _parameters(after.wrapper), _torch_flops(_without_classifier(after), images[:1])
        passes = sum(map(len, after.shown(images))) / len(images)
    else:
        of_module = 0 if after.module is None else _parameters(after.module)
        added = of_module - (parameters or 0), _torch_flops(after, images[:1]) - (flops or 0)
    return InferenceCost(
        milliseconds_before=first,
        milliseconds_after=second,
        ratio=ratio,
        passes=passes,
        parameters_before=parameters,
        parameters_added=added[0],
        flops_before=flops,
        flops_added=added[1],
    )


def cost_of_file(cost: InferenceCost, before: Cost, after: Cost, *, ratio: float) -> InferenceCost:
    """The same of the file that takes the classifier's place, where its operations could be counted."""
    if before.parameters is None or after.parameters is None or before.flops is None or after.flops is None:
        return cost
    return replace(
        cost,
        milliseconds_before=before.milliseconds,
        milliseconds_after=after.milliseconds,
        ratio=ratio,
        parameters_before=before.parameters,
        parameters_added=after.parameters - before.parameters,
        flops_before=before.flops,
        flops_added=after.flops - before.flops,
    )


def count_parameters(model: Any) -> int:
    """The numbers in an ONNX model's weights."""
    constants = [
        attribute.t
        for node in model.graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.HasField("t")
    ]
    tensors = [tensor for tensor in (*model.graph.initializer, *constants) if tensor.data_type in _WEIGHTS]
    return sum(math.prod(tensor.dims) for tensor in tensors)


def count_flops(model: Any, *, batch: int | None) -> int | None:
    """Floating-point operations for an image in an ONNX model's convolutions and products, both branches of an If too.

    Args:
        model: The parsed model.
        batch: How many images it takes at once; None is any number.
    """
    onnx = needed("onnx", extra="onnx", why="an ONNX model's cost")
    copy = type(model)()
    copy.CopyFrom(model)
    copy.graph.ClearField("value_info")
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    for entry in copy.graph.input:
        if dims := entry.type.tensor_type.shape.dim:
            dims[0].dim_value = dims[0].dim_value or 1
    try:
        inferred = onnx.shape_inference.infer_shapes(copy, data_prop=True)
    except Exception:  # a shape that onnx finds odd keeps no model from running
        return None
    counts = list(_flops(inferred.graph, {}))
    return None if None in counts else sum(filter(None, counts)) // (batch or 1)


def paired_milliseconds(
    before: Callable[[], object], after: Callable[[], object], *, images: int
) -> tuple[float, float, float]:
    """Medians for an image of each of two, which take turns, and the median of the ratio of second to first."""
    pairs: list[tuple[float, float]] = []
    with torch.no_grad():
        before(), after()
        began = time.perf_counter()
        while len(pairs) < _ROUNDS and (len(pairs) < 3 or time.perf_counter() - began < _SECONDS):
            pairs.append((_seconds(before), _seconds(after)))
    first, second = (1000 * median(column) / images for column in zip(*pairs, strict=True))
    return first, second, median(late / early for early, late in pairs)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _flops(graph: Any, outer: dict[str, list[int] | None]) -> Iterator[int | None]:
    shapes = outer | {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for entry in (*graph.value_info, *graph.input, *graph.output):
        dims = [dim.dim_value for dim in entry.type.tensor_type.shape.dim]
        shapes[entry.name] = dims if all(dims) and entry.type.tensor_type.HasField("shape") else None
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _flops(attribute.g, shapes)
        if node.op_type in _PRODUCTS:
            output, weight = shapes.get(node.output[0]), shapes.get(node.input[_PRODUCTS[node.op_type]])
            yield None if output is None or weight is None else 2 * _products(node, output, weight, shapes)


def _products(node: Any, output: list[int], weight: list[int], shapes: dict[str, list[int] | None]) -> int:
    """Multiplications of one node."""
    if node.op_type == "ConvTranspose":
        return math.prod(shapes.get(node.input[0]) or output) * math.prod(weight[1:])
    if "Conv" in node.op_type:
        return math.prod(output) * math.prod(weight[1:])
    transposed = any(entry.name == "transB" and entry.i for entry in node.attribute)
    return math.prod(output) * (weight[-1] if transposed else weight[-2] if len(weight) > 1 else weight[0])


def _without_classifier(classifier: WrappedClassifier) -> Classifier:
    """The wrapper around a classifier that computes nothing."""
    classes = classifier.input_spec.data_classes
    return lambda images: classifier.wrapper(lambda some: some.new_zeros(len(some), classes), images)


def _torch_flops(classifier: Classifier, image: Images) -> int:
    with FlopCounterMode(display=False) as counter:
        classifier(image)
    return int(counter.get_total_flops())


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
