"""Is an ONNX file what a wrapper makes of some classifier? Its graph is compared, whatever the file says of itself."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from negatoscope.errors import InputError
from negatoscope.hardening.average import Average
from negatoscope.hardening.canonicalize import Canonicalizer
from negatoscope.hardening.most_confident import MostConfident
from negatoscope.hardening.onnx_nodes import DOMAINS, OPSET, PREFIX, inputs_of, renamed, weights_of
from negatoscope.hardening.onnx_wrapper import GROUP, IMAGE, OnnxClassifier, wrapped_onnx
from negatoscope.hardening.scorer import Scorer
from negatoscope.hardening.wrapper import Wrapper
from negatoscope.models.input_spec import InputSpec
from negatoscope.transforms.groups import Group, resolve_group

_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
_COPY = f"{PREFIX}copy_0/"


def matched_wrapper(model: Any, input_spec: InputSpec, *, columns: int, group: Group) -> Wrapper | None:
    """The wrapper that the whole graph is made of, around a classifier that can see the image through it alone.

    The graph is taken apart into the wrapper's nodes and the classifier's, put together again, and must be the same:
    operators, wiring, attributes and constants. Only the scorer's weights are free.

    Args:
        model: The parsed file.
        input_spec: What it takes.
        columns: How many numbers of the output an image has.
        group: What predictions are to be the same under; the wrapper's may be larger.
    """
    if _overrides(model) or any(node.op_type in _RANDOM for node in _all_nodes(model)):
        return None
    for candidate in _groups(model, group):
        for make, original in _readings(input_spec):
            try:
                wrapper = make(model, candidate)
                inner = original(model)
                if wrapper is None or inner is None or PREFIX.encode() in inner.graph.SerializeToString():
                    continue
                rebuilt = wrapped_onnx(OnnxClassifier(inner, input_spec, columns), wrapper)
            except (InputError, StopIteration, ValueError):  # it is not of this form
                continue
            if _same(rebuilt, model):
                return wrapper
    return None


def _groups(model: Any, group: Group) -> Iterator[Group]:
    """The group that is asked for, and the one that the file names, if it has all elements of that."""
    yield group
    named = next((entry.value for entry in model.metadata_props if entry.key == GROUP), "")
    try:
        larger = resolve_group(named[:200], channels=group.channels)
    except InputError:
        return
    if set(group.elements) <= set(larger.elements):
        yield larger


_Make = Callable[[Any, Group], Wrapper | None]


def _readings(input_spec: InputSpec) -> Iterator[tuple[_Make, Callable[[Any], Any]]]:
    """How a wrapper of each kind is read from a graph, and how the classifier in it."""
    yield lambda model, group: _canonicalizer(model, group, input_spec), _behind
    yield lambda model, group: MostConfident(group), _copied
    yield lambda model, group: Average(group, "probabilities"), _copied
    yield lambda model, group: Average(group, "log_probabilities"), _copied
    yield lambda model, group: Average(group, "logits"), _copied


def _canonicalizer(model: Any, group: Group, input_spec: InputSpec) -> Wrapper | None:
    scorer = Scorer(input_spec.planes, side=min(input_spec.resize.height, input_spec.resize.width))
    held = weights_of(model, prefix=f"{PREFIX}scorer.")
    expected = {name: tuple(tensor.shape) for name, tensor in scorer.state_dict().items()}
    if {name: array.shape for name, array in held.items()} != expected:
        return None
    scorer.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in held.items()})
    return Canonicalizer(group, scorer.eval().requires_grad_(False))


def _behind(model: Any) -> Any:
    """The classifier behind a canonicalizer: all nodes that are not the wrapper's."""
    nodes = [node for node in model.graph.node if not all(name.startswith(PREFIX) for name in node.output)]
    return _inner(model, nodes, {IMAGE: _entry(model)})


def _copied(model: Any) -> Any:
    """The classifier of which there are copies: the first one."""
    nodes = [node for node in model.graph.node if any(name.startswith(_COPY) for name in node.output)]
    if not nodes:
        return None
    names = {name: name.removeprefix(_COPY) for node in nodes for name in node.output}
    inner = _inner(model, nodes, {**names, f"{PREFIX}image_0": _entry(model)})
    for node in inner.graph.node:
        node.name = node.name.removeprefix(_COPY)
    return inner


def _inner(model: Any, nodes: list[Any], names: Mapping[str, str]) -> Any:
    inner = type(model)()
    inner.CopyFrom(model)
    weights = [tensor for tensor in model.graph.initializer if not tensor.name.startswith(PREFIX)]
    for field in ("node", "initializer"):
        inner.graph.ClearField(field)
    inner.graph.node.extend(renamed(nodes, dict(names)))
    inner.graph.initializer.extend(weights)
    return inner


def _entry(model: Any) -> str:
    return str(next(entry.name for entry in inputs_of(model.graph)))


def _same(rebuilt: Any, model: Any) -> bool:
    first, second = (graph.SerializeToString(deterministic=True) for graph in (rebuilt.graph, model.graph))
    return bool(first == second)


def _overrides(model: Any) -> bool:
    """Whether ONNX's own operators mean something else in this model, or are of an opset that has none of ours."""
    opsets = [entry.version for entry in model.opset_import if entry.domain in DOMAINS]
    functions = any(function.domain in DOMAINS for function in model.functions)
    return functions or len(opsets) != 1 or opsets[0] < OPSET


def _all_nodes(message: Any) -> Iterator[Any]:
    """Every node of a model: of its graph, of the graphs in its nodes, of its functions."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.name == "TensorProto":
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            if field.message_type.name == "NodeProto":
                yield part
            yield from _all_nodes(part)
