"""A hardened classifier as files that take the place of the original's."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from negatoscope.errors import InputError, expect
from negatoscope.files import write_errors, writing
from negatoscope.hardening.cost import Cost, count_flops, count_parameters, paired_milliseconds
from negatoscope.hardening.invariant_stem import has_stem
from negatoscope.hardening.onnx_original import exported_onnx, original_onnx, some_images
from negatoscope.hardening.onnx_wrapper import OnnxClassifier, wrapped_onnx
from negatoscope.hardening.saved import saved_bytes
from negatoscope.hardening.wrapper import without_wrapper, wrapper_of
from negatoscope.models.adapter import ClassifierAdapter, preprocess
from negatoscope.models.by_url import on_disk
from negatoscope.models.open import open_classifier
from negatoscope.stores import path_of

ONNX, TENSORS = "hardened.onnx", "hardened.safetensors"
"""The files, by what reads them."""

_CHECKED, _TIMED = 16, 16  # images


@dataclass(frozen=True, kw_only=True)
class DropIn:
    """The files that take a classifier's place, and what that costs.

    Args:
        files: Their names in the folder.
        before: What the original costs.
        after: What the hardened one costs.
        slowdown: The median ratio of times that were measured in turns, above 0: 1.03 is 3 % slower.
        notes: What a user must know of the files, as sentences.
    """

    files: tuple[str, ...]
    before: Cost
    after: Cost
    slowdown: float
    notes: tuple[str, ...] = ()


def write_drop_in(
    hardened: ClassifierAdapter, *, source: object, out: Path, original: ClassifierAdapter | None = None
) -> DropIn:
    """Write a hardened classifier in the form that the original has, all files or none.

    An ONNX model becomes one `hardened.onnx` with the same inputs and outputs. A torch module becomes
    `hardened.onnx` and `hardened.safetensors`, which `load_hardened` puts around a module; with an `InvariantStem`,
    which such a module lacks, `hardened.onnx` alone. Of anything else `hardened.safetensors` has the wrapper alone.

    Args:
        hardened: What a method gives.
        source: What the original was opened from: the path of an ONNX file, or anything else.
        out: The folder for the files.
        original: What is compared with it; None is the classifier behind the wrapper, or `hardened` itself.

    Raises:
        DataError: The original's file or weights beside it cannot be read.
        InputError: The original cannot be written as one ONNX file, or the file predicts something else in onnxruntime.
        OutputError: The folder cannot be written or the disk is full.
        MissingExtraError: onnx, onnxruntime or onnxscript is not installed.
    """
    wrapper = wrapper_of(hardened)
    plain = original or (without_wrapper(hardened) if wrapper else hardened)
    files: dict[str, bytes] = {}
    notes: tuple[str, ...] = ()
    models: tuple[Any, Any] | None = None
    if hardened.kind == "onnx":
        expect(isinstance(source, str | Path), "the path of the ONNX model that is hardened", type(source).__name__)
        with on_disk(path_of(str(source))) as path:
            onnx, notes = original_onnx(without_wrapper(hardened), path)
        models = _models(onnx, hardened)
    else:
        if not has_stem(hardened):
            files[TENSORS] = saved_bytes(hardened)
        if hardened.module is None:
            notes = (f"{TENSORS} has the wrapper alone, for load_hardened to put around {plain.name}",)
        else:
            onnx = exported_onnx(without_wrapper(hardened), hardened.module)
            models = _models(onnx, hardened)
            if TENSORS in files:
                notes = (f"load_hardened puts what is in {TENSORS} around a module of the same architecture",)
            if onnx.input_spec.batch != hardened.input_spec.batch:
                notes += (f"{ONNX} takes one image at a time, as torch cannot export the module with any number",)
    after = hardened
    if models:
        files[ONNX] = models[1].SerializeToString()
        after = _opened(files[ONNX], hardened, onnx)
        _expect_same(after, hardened)
    timed = (plain, hardened)
    if models and hardened.kind == "onnx":  # both as `after` is opened: of a provider nothing is known there
        timed = (_opened(models[0].SerializeToString(), hardened, onnx), after)
    before_cost, after_cost, slowdown = _costs(*timed, hardened, models)
    _write(files, out)
    return DropIn(files=tuple(sorted(files)), before=before_cost, after=after_cost, slowdown=slowdown, notes=notes)


def _models(original: OnnxClassifier, hardened: ClassifierAdapter) -> tuple[Any, Any]:
    """The original as an ONNX model, and the hardened one."""
    wrapper = wrapper_of(hardened)
    return original.model, wrapped_onnx(original, wrapper) if wrapper else original.model


def _opened(content: bytes, hardened: ClassifierAdapter, original: OnnxClassifier) -> ClassifierAdapter:
    """What a user opens: the file, by the original's options."""
    own = original.input_spec
    options = replace(hardened.input_spec, output_name=own.output_name, batch=own.batch).options()
    with TemporaryDirectory() as folder:
        path = Path(folder) / ONNX
        with write_errors(path):
            path.write_bytes(content)
        return open_classifier(path, name=hardened.name, **options)


def _expect_same(file: ClassifierAdapter, hardened: ClassifierAdapter) -> None:
    images = some_images(hardened.input_spec, n=_CHECKED, device=hardened.device)
    with torch.no_grad():
        expected, got = hardened(images).cpu(), file(images.cpu()).cpu()
    apart = (expected.log_softmax(1) - got.log_softmax(1)).abs().amax()
    same = int((expected.argmax(1) == got.argmax(1)).sum())
    if same < _CHECKED:
        raise InputError(
            f"expected {ONNX} to predict what {hardened.name} predicts for {_CHECKED} random images, got {same}, "
            f"with log-probabilities that differ by up to {float(apart):.3g}; report it"
        )


def _costs(
    before: ClassifierAdapter, after: ClassifierAdapter, hardened: ClassifierAdapter, models: tuple[Any, Any] | None
) -> tuple[Cost, Cost, float]:
    spec, device = before.input_spec, before.device
    images = some_images(spec, n=spec.batch or _TIMED, device=device)
    first, second, ratio = paired_milliseconds(_call(before, images), _call(after, images), images=len(images))
    if models is None:
        return Cost(None, None, first), Cost(None, None, second), ratio
    wrapper = wrapper_of(hardened)
    added = sum(weights.numel() for weights in wrapper.parameters()) if wrapper else 0
    parameters = count_parameters(models[0])
    flops = [count_flops(model, batch=spec.batch) for model in models]
    return Cost(parameters, flops[0], first), Cost(parameters + added, flops[1], second), ratio


def _call(classifier: ClassifierAdapter, images: Tensor) -> Callable[[], object]:
    """A call that takes what the classifier takes; of a wrapped one, images."""
    if wrapper_of(classifier):
        return lambda: classifier(images)
    native = preprocess(images, input_spec=classifier.input_spec)
    return lambda: classifier.run(native)


def _write(files: Mapping[str, bytes], out: Path) -> None:
    """All of the files, or none."""
    with ExitStack() as stack:
        for name, content in files.items():
            temporary = stack.enter_context(writing(out / name))
            with write_errors(out / name):
                temporary.write_bytes(content)
