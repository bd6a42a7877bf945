"""ONNX models: what the file says is read from it, and onnxruntime runs it."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor

from negatoscope.errors import DataError, InputError, expect, needed, suggest
from negatoscope.files import sha256_of
from negatoscope.models import LoadedModel, Run, register_model
from negatoscope.models.adapter import FIXED_BATCH
from negatoscope.models.layouts import FLAT, Dims, in_shape
from negatoscope.models.onnx_graph import external_files, read_ending, read_graph
from negatoscope.models.options import Dtype, ModelOptions
from negatoscope.models.shapes import read_shape
from negatoscope.stores import expand_home

_DTYPES: dict[str, Dtype] = {
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_SCORES = ("tensor(float", "tensor(double", "tensor(uint8")
_MAPS = "seq(map("  # a dictionary for each image, as scikit-learn's models give them
_CPU = "CPUExecutionProvider"


@register_model("onnx", form="model.onnx")
def onnx_file(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A file that ends in ".onnx", with the weights beside it if it has some there.

    Read from the file: layout, size, channels and batch where the input's shape decides them, the type of its numbers,
    and what the output is where the last operator says so. It runs on the processor unless a `provider` is given.

    Raises:
        DataError: The file is missing or no ONNX model, or its weights lie outside its folder.
        InputError: onnxruntime cannot run it, it is no classifier of images, or its shape leaves something open.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    path = expand_home(text)
    if path.suffix != ".onnx":
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"expected an ONNX model in {path}, but it cannot be read: {error.strerror}; correct it"
        ) from error
    model = read_graph(content, name=path.name)
    beside = external_files(model, path)
    session = _session(str(path) if beside else content, name=path.name, provider=options.provider or _CPU)
    inputs = session.get_inputs()
    got = f"{len(inputs)} ({', '.join(entry.name for entry in inputs)}); wrap it in Python"
    expect(len(inputs) == 1, f"one input of {path.name}", got)
    entry, output = inputs[0], _output(session, options, path.name)
    dims = [length if isinstance(length, int) and length > 0 else None for length in entry.shape]
    declared = replace(
        read_shape(dims, options=options, name=path.name),
        dtype=_dtype(entry, options, path.name),
        output_name=output,
        output=read_ending(model, output),
    )
    digest = sha256(content).hexdigest()
    if beside:
        digest = sha256("".join([digest, *map(sha256_of, beside)]).encode()).hexdigest()
    shape = dims if declared.layout in FLAT else ()
    run = _runner(session, (entry.name, output), shape=shape, name=path.name)
    return LoadedModel(path.name, "onnx", run, digest, runs_code=False, declared=declared, packages=("onnxruntime",))


def _session(source: str | bytes, *, name: str, provider: str) -> Any:
    runtime = needed("onnxruntime", extra="onnx", why="an ONNX model")
    available = runtime.get_available_providers()
    expect(provider in available, f"provider to be one of {available}", repr(provider))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what matters comes as an exception
    providers = [provider] if provider == _CPU else [provider, _CPU]  # operators that the other one lacks
    try:
        session = runtime.InferenceSession(source, options, providers=providers, enable_fallback=0)
    except Exception as error:  # onnxruntime's exceptions have no common base
        raise InputError(f"expected a model that onnxruntime can run in {name}: {_reason(error)}") from error
    started = session.get_providers()
    expect(provider in started, f"{provider} to start for {name}", f"only {', '.join(started)}; see its requirements")
    return session


def _output(session: Any, options: ModelOptions, name: str) -> str:
    """The output that the user names, or the only one that can hold a score for each class of each image."""
    outputs = session.get_outputs()
    names = [output.name for output in outputs]
    if named := options.output_name:
        got = f"{named!r}; {suggest(named, names)}"
        expect(named in names, f"--output-name to be an output of {name}", got)
        return named
    scores = [output.name for output in outputs if _may_hold_scores(output)]
    scores = names if len(names) == 1 else scores
    if len(scores) != 1:
        listed = ", ".join(f"{output.name} {_shape(output)}" for output in outputs)
        raise InputError(f"expected --output-name for {name}, which has the outputs {listed}; give one")
    return str(scores[0])


def _may_hold_scores(output: Any) -> bool:
    tensor: str = output.type
    return tensor.startswith(_MAPS) or (tensor.startswith(_SCORES) and len(output.shape) == 2)


def _shape(output: Any) -> str:
    if output.type.startswith(_MAPS):
        return "(a dictionary for each image)"
    return f"[{', '.join('?' if length is None else str(length) for length in output.shape)}]"


def _dtype(entry: Any, options: ModelOptions, name: str) -> Dtype:
    dtype = _DTYPES.get(entry.type)
    if dtype is None or options.dtype not in (None, dtype):
        what = options.dtype or f"one of {', '.join(_DTYPES)}"
        raise InputError(f"expected {what} as the input of {name}, got {entry.type}; wrap it in Python or correct it")
    return dtype


def _runner(session: Any, names: tuple[str, str], *, shape: Dims, name: str) -> Run:
    entry, output = names

    def run(images: Tensor) -> Tensor:
        array = np.ascontiguousarray(in_shape(images, shape).detach().cpu().numpy())
        try:
            (outputs,) = session.run([output], {entry: array})
        except Exception as error:  # onnxruntime's exceptions have no common base
            hint = f"; {FIXED_BATCH}" if len(array) > 1 else ""
            given = "x".join(map(str, array.shape))
            raise InputError(f"expected {name} to take images of {given}, got: {_reason(error)}{hint}") from error
        if isinstance(outputs, list) and all(isinstance(row, dict) for row in outputs):
            outputs = np.array([[row[key] for key in sorted(row)] for row in outputs], np.float32)
        got = f"{type(outputs).__name__}; name another"
        expect(isinstance(outputs, np.ndarray), f"a tensor as output {output} of {name}", got)
        return torch.from_numpy(outputs).to(images.device)

    return run


def _reason(error: Exception) -> str:
    """The part of onnxruntime's message that says something, on one line."""
    return " ".join(str(error).split(" : ")[-1].split())[:200].rstrip(".")
