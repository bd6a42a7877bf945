"""Wrappers as ONNX graphs around an ONNX classifier, with its inputs and outputs: one file replaces the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from negatoscope.errors import InputError, expect
from negatoscope.hardening.average import Average
from negatoscope.hardening.canonicalize import Canonicalizer
from negatoscope.hardening.most_confident import MostConfident
from negatoscope.hardening.onnx_images import native_of, orbit_of, ordered_orbit_of, pixels_of
from negatoscope.hardening.onnx_nodes import PREFIX, Nodes, inputs_of, merged, renamed
from negatoscope.hardening.onnx_outputs import average_of, choice_of, confidence_below
from negatoscope.hardening.scorer import Scorer
from negatoscope.hardening.selective import Selective
from negatoscope.hardening.wrapper import Wrapper
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.layouts import Dims
from negatoscope.transforms.groups import Group

GROUP = "negatoscope.group"
"""The metadata that names the group, for a reader; `onnx_match` compares the graph."""

IMAGE = f"{PREFIX}image"
"""What the original's nodes take for its input."""


@dataclass(frozen=True)
class OnnxClassifier:
    """An ONNX model of opset 11 or higher, and what is known of it.

    Args:
        model: The parsed file.
        input_spec: What it takes, and how its outputs are read.
        columns: How many numbers of `input_spec.output_name` an image has.
    """

    model: Any
    input_spec: InputSpec
    columns: int

    @property
    def entry(self) -> Any:
        """The declaration of its one input."""
        entries = inputs_of(self.model.graph)
        expect(len(entries) == 1, "one input", ", ".join(entry.name for entry in entries))
        return entries[0]

    @property
    def dims(self) -> Dims:
        """The shape of its input; open dimensions are None."""
        return [dim.dim_value if dim.dim_value > 0 else None for dim in self.entry.type.tensor_type.shape.dim]

    @property
    def outputs(self) -> list[str]:
        """The names of its outputs."""
        return [output.name for output in self.model.graph.output]

    @property
    def output(self) -> Any:
        """The declaration of the output with the classes."""
        return next(entry for entry in self.model.graph.output if entry.name == self.input_spec.output_name)


def wrapped_onnx(original: OnnxClassifier, wrapper: Wrapper) -> Any:
    """The model behind the wrapper, as an ONNX model that takes its place.

    Inputs and outputs, opsets and weights stay. The wrapper's nodes and weights have names that begin with `PREFIX`; a
    wrapper that asks the classifier several times has its nodes as often, and its weights once.

    Args:
        original: The model.
        wrapper: One of the package's own.

    Raises:
        InputError: The wrapper has no ONNX form, or cannot stand around such outputs.
    """
    for kind, write in _WRITERS.items():
        if type(wrapper) is kind:
            nodes, constants = write(original, wrapper)
            composed = _composed(original.model, nodes, constants)
            composed.metadata_props.add(key=GROUP, value=wrapper.group.name)
            return composed
    raise InputError(f"expected one of the wrappers {', '.join(kind.method for kind in _WRITERS)}, got {wrapper}")


Written = tuple[list[Any], list[Any]]
"""Nodes, and constants."""


def _canonicalized(original: OnnxClassifier, wrapper: Canonicalizer) -> Written:
    spec, nodes = original.input_spec, Nodes()
    members = _orbit(nodes, original, wrapper.group)
    scores = nodes.reshape(_scores(nodes, members, wrapper.scorer), -1, len(wrapper.group))
    chosen = nodes.add("ArgMax", scores, axis=1, keepdims=1)
    first = nodes.add("Mul", nodes.rows(chosen), nodes.constant(len(wrapper.group), np.int64))
    places = nodes.reshape(nodes.add("Add", first, chosen), -1)
    native_of(nodes, nodes.add("Gather", members, places, axis=0), spec, original.dims, name="image")
    added, constants = merged(nodes)
    return added + renamed(original.model.graph.node, {original.entry.name: IMAGE}), constants


def _most_confident(original: OnnxClassifier, wrapper: MostConfident) -> Written:
    nodes = Nodes()
    copies = _copies(nodes, original, _orbit(nodes, original, wrapper.group), wrapper.group)
    choice = choice_of(nodes, [copy[original.input_spec.output_name] for copy in copies], original)
    _select(nodes, original, copies, choice, names=original.outputs)
    return merged(nodes)


def _averaged(original: OnnxClassifier, wrapper: Average) -> Written:
    got = f"{len(original.outputs)}; choose canonicalize"
    expect(len(original.outputs) == 1, "one output of a model whose outputs are averaged", got)
    nodes = Nodes()
    copies = _copies(nodes, original, _orbit(nodes, original, wrapper.group), wrapper.group)
    average_of(nodes, [copy[original.input_spec.output_name] for copy in copies], original, wrapper.of)
    return merged(nodes)


def _selective(original: OnnxClassifier, wrapper: Selective) -> Written:
    """The classifier once for every image, and in the branch of an If for the other transforms of the batch."""
    nodes, branch, other = Nodes(), Nodes(f"{PREFIX}again/"), Nodes(f"{PREFIX}enough/")
    own = _copy(nodes, original, original.entry.name, name="copy_0")
    spec = original.input_spec
    score = spec.output_name
    below = confidence_below(nodes, own[score], original, wrapper.threshold)
    pixels = pixels_of(branch, original.entry.name, spec)
    members = branch.reshape(orbit_of(branch, pixels, wrapper.group, spec), -1, *spec.resize.shape)
    copies = [own, *_copies(branch, original, members, wrapper.group, first=1)]
    choice = choice_of(branch, [copy[score] for copy in copies], original)
    choice = branch.add("Where", below, choice, branch.constant(0, np.int64))
    _select(branch, original, copies, choice, names=[f"{PREFIX}again/{name}" for name in original.outputs])
    for name in original.outputs:
        other.add("Identity", own[name], name=name)
    any_below = nodes.add("Cast", below, to=1)
    any_below = nodes.add("GlobalMaxPool", nodes.reshape(any_below, 1, 1, -1))
    any_below = nodes.add("Cast", nodes.add("Reshape", any_below, nodes.constant([], np.int64)), to=9)
    branches = {
        "then_branch": _branch(original, branch, f"{PREFIX}again/"),
        "else_branch": _branch(original, other, f"{PREFIX}enough/"),
    }
    made = nodes.helper.make_node("If", [any_below], original.outputs, name=f"{PREFIX}If", **branches)
    return [*nodes.nodes, made], merged(nodes, branch, other)[1]


_WRITERS: Mapping[type[Wrapper], Callable[[OnnxClassifier, Any], Written]] = {
    Canonicalizer: _canonicalized,
    Average: _averaged,
    MostConfident: _most_confident,
    Selective: _selective,
}


def _branch(original: OnnxClassifier, nodes: Nodes, prefix: str) -> Any:
    outputs = []
    for output in original.model.graph.output:
        entry = type(output)()
        entry.name = f"{prefix}{output.name}"
        entry.type.tensor_type.elem_type = output.type.tensor_type.elem_type
        outputs.append(entry)
    return nodes.helper.make_graph(nodes.nodes, prefix.strip("/"), [], outputs)


def _orbit(nodes: Nodes, original: OnnxClassifier, group: Group) -> str:
    """All transforms of each image, counted from the smallest one, one after the other."""
    pixels = pixels_of(nodes, original.entry.name, original.input_spec)
    return ordered_orbit_of(nodes, pixels, group, original.input_spec)


def _scores(nodes: Nodes, pixels: str, scorer: Scorer) -> str:
    """The scores of pixels, of shape (batch, 1)."""
    value = nodes.apply("Div", pixels, 255)
    if scorer.reduction > 1:
        sides = [scorer.reduction] * 2
        value = nodes.add("AveragePool", value, kernel_shape=sides, strides=sides)
    for name, layer in scorer.layers.named_children():
        if isinstance(layer, nn.Conv2d):
            weights = [
                nodes.constant(part.detach().cpu().numpy(), name=f"scorer.layers.{name}.{kind}")
                for kind, part in layer.named_parameters()
            ]
            convolved = nodes.add("Conv", value, *weights, strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 3])
            value = nodes.add("Relu", convolved)
    value = nodes.add("Flatten", nodes.add("GlobalAveragePool", value), axis=1)
    weight = nodes.constant(scorer.output.weight.detach().cpu().numpy(), name="scorer.output.weight")
    bias = nodes.constant(scorer.output.bias.detach().cpu().numpy(), name="scorer.output.bias")
    return nodes.add("Gemm", value, weight, bias, transB=1)


def _copies(
    nodes: Nodes, original: OnnxClassifier, members: str, group: Group, *, first: int = 0
) -> list[Mapping[str, str]]:
    """The classifier once for each element from the `first` on; for each copy what its outputs are called."""
    spec, copies = original.input_spec, []
    members = nodes.reshape(members, -1, len(group), *spec.resize.shape)
    for element in range(first, len(group)):
        pixels = nodes.gather(members, element, axis=1)
        image = native_of(nodes, pixels, spec, original.dims, name=f"image_{element}")
        copies.append(_copy(nodes, original, image, name=f"copy_{element}"))
    return copies


def _copy(nodes: Nodes, original: OnnxClassifier, image: str, *, name: str) -> Mapping[str, str]:
    prefix = f"{PREFIX}{name}/"
    values = {value: prefix + value for node in original.model.graph.node for value in node.output if value}
    copies = renamed(original.model.graph.node, {**values, original.entry.name: image})
    for copy in copies:
        copy.name = prefix + copy.name if copy.name else ""
    nodes.nodes += copies
    missing = [output for output in original.outputs if output not in values]
    expect(not missing, "every output to be computed by a node", ", ".join(missing))
    return values


def _select(
    nodes: Nodes, original: OnnxClassifier, copies: Sequence[Mapping[str, str]], choice: str, *, names: Sequence[str]
) -> None:
    """The outputs of the chosen copy for each image; choices have the shape (batch, 1)."""
    height = nodes.gather(nodes.add("Shape", choice), 0, axis=0)
    places = nodes.reshape(nodes.add("Add", nodes.add("Mul", choice, height), nodes.rows(choice)), -1)
    for output, name in zip(original.model.graph.output, names, strict=True):
        fits = output.type.HasField("tensor_type")
        expect(fits, f"a tensor as output {output.name}", "another type; choose canonicalize or export without ZipMap")
        stacked = nodes.add("Concat", *(copy[output.name] for copy in copies), axis=0)
        node = partial(nodes.helper.make_node, "Gather", [stacked, places], [name])
        nodes.nodes.append(node(name=f"{PREFIX}selected/{output.name}", axis=0))


def _composed(model: Any, nodes: Sequence[Any], constants: Sequence[Any]) -> Any:
    composed = type(model)()
    composed.CopyFrom(model)
    kept = {output.name for output in model.graph.output} | {entry.name for entry in model.graph.input}
    values = {name for node in nodes for name in node.output}
    described = [entry for entry in model.graph.value_info if entry.name in values and entry.name not in kept]
    for field in ("node", "value_info"):
        composed.graph.ClearField(field)
    composed.graph.node.extend(nodes)
    composed.graph.value_info.extend(described)
    composed.graph.initializer.extend(constants)
    return composed
