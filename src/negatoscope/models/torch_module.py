"""Torch modules and any other callable."""

from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from negatoscope.errors import InputError, expect
from negatoscope.models import LoadedModel
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.options import ModelOptions
from negatoscope.provenance import packages_of


def load_callable(model: object, *, name: str, device: torch.device) -> LoadedModel:
    """A torch module in evaluation mode, or any callable from a batch to its scores (a tensor or any array).

    Raises:
        InputError: It cannot be called, or it is a module in training mode.
    """
    if not callable(model):
        raise InputError(f"expected something that can be called with images, got {type(model).__name__}")

    def run(images: Tensor) -> Any:
        outputs = model(images)
        outputs = getattr(outputs, "logits", outputs)  # as the models of transformers give them
        is_array = hasattr(outputs, "__array__") and not isinstance(outputs, Tensor)  # of TensorFlow too
        return torch.from_numpy(np.array(outputs)).to(device) if is_array else outputs

    if not isinstance(model, nn.Module):
        return LoadedModel(name, "callable", run, "", runs_code=True, packages=packages_of(model))
    expect(not model.training, f"{name} in evaluation mode", "it in training mode; call .eval() first")
    model.to(device)
    declared = ModelOptions()
    if isinstance(model, PaperNetwork):
        declared = ModelOptions(size=(model.size, model.size), channels="gray" if model.channels == 1 else "rgb")
    packages = packages_of(model)
    digest = digest_of(model)
    return LoadedModel(name, "torch", run, digest, True, declared=declared, packages=packages, module=model)


def digest_of(module: nn.Module) -> str:
    """The sha256 of all parameters and buffers, under their names."""
    digest = sha256()
    for name, tensor in module.state_dict().items():
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
