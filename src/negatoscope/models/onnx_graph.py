"""What an ONNX file says before anything runs it: whether it is one, which files it reads, how it ends."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from negatoscope.errors import DataError, needed
from negatoscope.models.options import Output

_PASSES_ON = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "QuantizeLinear", "DequantizeLinear"}
_PASSES_ON |= {"ZipMap"}  # of scikit-learn's models, which are converted with it unless one asks for an array
_ENDS: dict[str, Output] = {
    "Softmax": "probabilities",
    "Sigmoid": "probabilities",
    "QLinearSoftmax": "probabilities",
    "QLinearSigmoid": "probabilities",
    "LogSoftmax": "log_probabilities",
    "Normalizer": "probabilities",
}


def read_graph(content: bytes, *, name: str) -> Any:
    """The parsed file, weights that lie in other files left out.

    Raises:
        DataError: The bytes are no ONNX model.
        MissingExtraError: onnx is not installed.
    """
    onnx = needed("onnx", extra="onnx", why="an ONNX model")
    message = needed("google.protobuf.message", extra="onnx", why="an ONNX model")
    try:
        model = onnx.ModelProto.FromString(content)
    except (message.DecodeError, RecursionError, RuntimeError) as error:
        raise DataError(f"expected an ONNX model in {name}, got other bytes; export it again") from error
    if not model.graph.node or not model.graph.output:
        raise DataError(f"expected an ONNX model in {name}, got a file without a graph; export it again")
    return model


def external_names(model: Any) -> tuple[str, ...]:
    """Where weights lie that are not in the file, as it says: paths from its folder, and whatever else stands there."""
    return tuple(sorted(set(_locations(model))))


def external_files(model: Any, path: Path) -> tuple[Path, ...]:
    """The files beside `path` that hold weights, each inside its folder.

    Raises:
        DataError: One lies elsewhere, by "..", an absolute name or a link, or is missing.
    """
    folder = path.parent.resolve()
    files = []
    for location in external_names(model):
        file = (folder / location).resolve()
        absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).drive
        if absolute or not file.is_relative_to(folder):
            raise DataError(f"expected the weights of {path.name} inside its folder, got {location!r}; do not trust it")
        if not file.is_file():
            raise DataError(f"expected weights in {location!r} beside {path.name}, found no such file; fetch it too")
        files.append(file)
    return tuple(files)


def read_ending(model: Any, output: str) -> Output | None:
    """What an output is, where the last operator says it: "probabilities", "log_probabilities", or None."""
    makers = dict(_makers(model.graph))
    node = makers.get(output)
    while node is not None and (node.op_type in _PASSES_ON or _takes_rows(node)):
        node = makers.get(node.input[0])
    if node is None:
        return None
    if node.op_type == "Log":
        return "log_probabilities" if read_ending(model, node.input[0]) == "probabilities" else None
    shares = any(entry.name == "post_transform" and entry.s in (b"SOFTMAX", b"LOGISTIC") for entry in node.attribute)
    return "probabilities" if shares else _ENDS.get(node.op_type)


def _makers(graph: Any) -> Iterator[tuple[str, Any]]:
    """What computes each value, by its name; for that of an If what computes it in the branch that comes last."""
    for node in graph.node:
        yield from ((name, node) for name in node.output)
        if node.op_type == "If":
            inner = dict(_makers(node.attribute[-1].g))
            yield from inner.items()
            outputs = zip(node.output, node.attribute[-1].g.output, strict=True)
            yield from ((name, inner[output.name]) for name, output in outputs if output.name in inner)


def _takes_rows(node: Any) -> bool:
    """Whether it puts images of several batches together, or chooses among images or their outputs."""
    axis = next((entry.i for entry in node.attribute if entry.name == "axis"), 0)
    return node.op_type == "Gather" or (node.op_type == "Concat" and axis == 0)


def _locations(message: Any) -> Iterator[str]:
    """Where tensors lie that are not in the file, of all graphs and functions in it."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            if field.message_type.name == "TensorProto":
                yield from (entry.value for entry in part.external_data if entry.key == "location")
            else:
                yield from _locations(part)
