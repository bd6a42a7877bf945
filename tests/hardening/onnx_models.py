"""Small ONNX classifiers and wrappers that tests harden."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from negatoscope.hardening.average import Average
from negatoscope.hardening.canonicalize import Canonicalizer
from negatoscope.hardening.most_confident import MostConfident
from negatoscope.hardening.scorer import Scorer
from negatoscope.hardening.selective import Selective
from negatoscope.hardening.wrapper import Wrapper
from negatoscope.transforms.groups import Group

CLASSES = 4
FLOAT, HALF, DOUBLE, BYTES, INTS = 1, 10, 11, 2, 6  # of TensorProto


def linear(
    path: Path,
    shape: list[Any],
    *,
    dtype: int = FLOAT,
    ending: str = "Identity",
    seed: int = 0,
    columns: int = CLASSES,
    opset: int = 17,
    extra: str = "",
    scores: int = FLOAT,
    span: float = 1,
) -> onnx.ModelProto:
    """A linear classifier with random weights, of images that span so much."""
    inputs = int(np.prod([length for length in shape[1:] if isinstance(length, int)]))
    scale = 8 / inputs**0.5 / (255 if dtype in (BYTES, INTS) else span)
    weights = (scale * np.random.default_rng(seed).normal(size=(inputs, columns))).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["raw"]),
        helper.make_node(ending, ["raw"], ["kind"]),
        helper.make_node("Cast", ["kind"], ["scores"], to=scores),
        *([helper.make_node("ArgMax", ["raw"], [extra], axis=1, keepdims=0)] if extra else []),
    ]
    outputs = [helper.make_tensor_value_info("scores", scores, [shape[0], columns])]
    outputs += [helper.make_tensor_value_info(extra, TensorProto.INT64, [shape[0]])] if extra else []
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("image", dtype, shape)],
        outputs,
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    onnx.save(model, path)
    return model


def wrapper_of(kind: str, group: Group, *, side: int = 6, seed: int = 0) -> Wrapper:
    torch.manual_seed(seed)
    if kind == "canonicalize":
        return Canonicalizer(group, Scorer(group.channels, side=side)).requires_grad_(False).eval()
    if kind == "selective":
        return Selective(group, 0.7)
    return MostConfident(group) if kind == "most_confident" else Average(group, kind)  # type: ignore[arg-type]


def eight_bit(n: int, channels: int, *, seed: int, levels: int = 256) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, levels, (n, channels, 6, 6), generator=random).mul(255 // (levels - 1)).float() / 255


def plain_run(model: onnx.ModelProto, native: np.ndarray, *, batch: int | None) -> list[np.ndarray]:
    """What plain onnxruntime gives for a batch of any length, in the order of the outputs."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    parts = [native[start : start + (batch or len(native))] for start in range(0, len(native), batch or len(native))]
    rows = [session.run(None, {entry.name: part}) for part in parts]
    return [np.concatenate(columns) for columns in zip(*rows, strict=True)]
