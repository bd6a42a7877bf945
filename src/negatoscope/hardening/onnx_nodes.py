"""ONNX nodes, one after the other: what a wrapper is written with, at any opset from 11 on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from negatoscope.errors import needed

OPSET = 11
"""The first opset whose operators are those that wrappers are made of; their form is the same in all later ones."""

PREFIX = "negatoscope/"
"""What the names of all nodes, weights and values begin with that a wrapper adds to a graph."""

DOMAINS = ("", "ai.onnx")
"""Two names of the domain of ONNX's own operators."""

_WHY = "an ONNX file"


class Nodes:
    """Nodes and constants of a graph that is being written; what methods return is the name of a value."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self.helper = needed("onnx.helper", extra="onnx", why=_WHY)
        self.numpy_helper = needed("onnx.numpy_helper", extra="onnx", why=_WHY)
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: object) -> str:
        """A node of the default domain; gives the name of its output."""
        called = self.prefix + (name or f"{operator}_{len(self.nodes)}")
        self.nodes.append(self.helper.make_node(operator, list(inputs), [called], name=called, **attributes))
        return called

    def constant(self, values: object, dtype: Any = np.float32, *, name: str = "") -> str:
        """A constant, kept once however often it is asked for; one with a name is a weight."""
        array = np.asarray(values, dtype)
        text = f"{array.dtype}_{list(array.shape)}_{array.tobytes().hex()}"
        called = self.prefix + (name or (text if len(text) < 80 else f"constant_{len(self.constants)}"))
        if called not in self.constants:
            self.constants[called] = self.numpy_helper.from_array(array, called)
        return called

    def reshape(self, value: str, *shape: int) -> str:
        """The value in another shape: 0 is the length that it has there, -1 what is left."""
        return self.add("Reshape", value, self.constant(shape, np.int64))

    def gather(self, value: str, positions: object, *, axis: int) -> str:
        """Entries along an axis, in the shape of the constant positions."""
        return self.add("Gather", value, self.constant(positions, np.int64), axis=axis)

    def apply(self, operator: str, value: str, constant: object) -> str:
        """A value and a float constant, as in ``apply("Mul", value, 2.0)``."""
        return self.add(operator, value, self.constant(constant))

    def largest(self, value: str, *, count: int) -> str:
        """The largest of each row of a (batch, count) value, of shape (batch, 1)."""
        spread = self.add("GlobalMaxPool", self.reshape(value, 0, 1, count))
        return self.add("Reshape", spread, self.constant((0, 1), np.int64))

    def rows(self, value: str) -> str:
        """The number of each row, of shape (batch, 1), for a value of shape (batch, 1)."""
        ones = self.add("Add", self.add("Mul", value, self.constant(0, np.int64)), self.constant(1, np.int64))
        counted = self.add("CumSum", ones, self.constant(0, np.int64))
        return self.add("Sub", counted, self.constant(1, np.int64))


def merged(*parts: Nodes) -> tuple[list[Any], list[Any]]:
    """Nodes and constants of several parts, one after the other, each constant once."""
    constants = {name: tensor for part in parts for name, tensor in part.constants.items()}
    return [node for part in parts for node in part.nodes], list(constants.values())


def inputs_of(graph: Any) -> list[Any]:
    """The declarations of a graph's inputs, less those of weights, which old files have among them."""
    weights = {tensor.name for tensor in graph.initializer}
    return [entry for entry in graph.input if entry.name not in weights]


def weights_of(model: Any, *, prefix: str) -> dict[str, np.ndarray]:
    """A wrapper's weights in a model, by their names less `prefix`."""
    helper = needed("onnx.numpy_helper", extra="onnx", why=_WHY)
    held = [tensor for tensor in model.graph.initializer if tensor.name.startswith(prefix) and not tensor.external_data]
    return {tensor.name.removeprefix(prefix): helper.to_array(tensor) for tensor in held}


def renamed(nodes: Sequence[Any], names: dict[str, str]) -> list[Any]:
    """Copies of nodes in which values have other names, in the graphs inside them, too."""
    copies = []
    for node in nodes:
        copy = type(node)()
        copy.CopyFrom(node)
        _rename(copy, names)
        copies.append(copy)
    return copies


def _rename(node: Any, names: dict[str, str]) -> None:
    for values in (node.input, node.output):
        for place, name in enumerate(values):
            values[place] = names.get(name, name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs) if attribute.HasField("g") or attribute.graphs else ():
            for inner in graph.node:
                _rename(inner, names)
            for entry in graph.output:
                entry.name = names.get(entry.name, entry.name)
