"""Torch modules and any other callable, and weights from files."""

import pickle
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from negatoscope.errors import DataError, InputError, expect, reason
from negatoscope.models import LoadedModel
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.options import ModelOptions
from negatoscope.provenance import packages_of


def load_callable(model: object, *, name: str, device: torch.device) -> LoadedModel:
    """A torch module in evaluation mode, or any callable from a batch to its scores (a tensor or an array).

    Raises:
        InputError: It cannot be called, or it is a module in training mode.
    """
    if not callable(model):
        raise InputError(f"expected something that can be called with images, got {type(model).__name__}")

    def run(images: Tensor) -> Any:
        outputs = model(images)
        outputs = getattr(outputs, "logits", outputs)  # as the models of transformers give them
        return torch.from_numpy(outputs).to(device) if isinstance(outputs, np.ndarray) else outputs

    if not isinstance(model, nn.Module):
        return LoadedModel(name, "callable", run, "", runs_code=True, packages=packages_of(model))
    expect(not model.training, f"{name} in evaluation mode", "it in training mode; call .eval() first")
    model.to(device)
    declared = ModelOptions()
    if isinstance(model, PaperNetwork):
        declared = ModelOptions(size=(model.size, model.size), channels="gray" if model.channels == 1 else "rgb")
    packages = packages_of(model)
    return LoadedModel(name, "torch", run, digest_of(model), runs_code=True, declared=declared, packages=packages)


def load_weights(module: nn.Module, path: Path, *, key: str | None = None) -> None:
    """Put the tensors of a .safetensors file, or of a pickle that holds nothing but tensors, into a module.

    Args:
        module: What they belong to.
        path: The file.
        key: Where in it they are, as `ModelOptions.weights_key` says.

    Raises:
        DataError: The file is missing, damaged, holds no tensors by name there, or does not fit the module.
    """
    tensors = _tensors(path.expanduser())
    for part in key.split(".") if key else ():
        tensors = _inside(tensors, part, path.name)
    if not isinstance(tensors, Mapping) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        hint = "name the state dict among these with --weights-key"
        raise DataError(f"expected tensors by name in {path.name}, got {_names(tensors)}; {hint}")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        hint = " (--weights-key names what all of its names begin with)" if "Unexpected key" in str(error) else ""
        raise DataError(
            f"expected the weights of {type(module).__name__} in {path.name}{hint}: {reason(error)}"
        ) from error


def _inside(held: object, part: str, name: str) -> object:
    """What a file holds under a name, or, where no entry is called so, all whose names begin with it and a point."""
    entries = {str(key): value for key, value in held.items()} if isinstance(held, Mapping) else {}
    begin = f"{part}."
    begun = {key.removeprefix(begin): value for key, value in entries.items() if key.startswith(begin)}
    if part not in entries and not begun:
        raise DataError(f"expected {part!r} of --weights-key in {name}, got {_names(held)}; correct it")
    return entries.get(part, begun)


def _names(held: object) -> str:
    return ", ".join(map(str, list(held)[:4])) if isinstance(held, Mapping) else type(held).__name__


def _tensors(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError(f"expected weights in {path}, but there is no such file") from error
    except pickle.UnpicklingError as error:
        raise DataError(
            f"expected nothing but tensors in {path.name}, got a pickle that may run code, which is never opened; "
            "save the state dict, best as .safetensors"
        ) from error
    except Exception as error:  # torch raises many kinds on what it cannot read
        raise DataError(f"expected weights in {path.name}, got a file that cannot be read; save it again") from error


def digest_of(module: nn.Module) -> str:
    """The sha256 of all parameters and buffers, under their names."""
    digest = sha256()
    for name, tensor in module.state_dict().items():
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
