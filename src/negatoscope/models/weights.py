"""Weights from files that hold tensors alone; nothing in a file is ever run."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from negatoscope.errors import DataError, reason
from negatoscope.stores import expand_home


def read_weights(path: Path, *, key: str | None = None) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a pickle that holds nothing but tensors, by name.

    Args:
        path: The file.
        key: Where in it they are, as `ModelOptions.weights_key` says.

    Raises:
        DataError: The file is missing or damaged, may run code, or holds no tensors by name there.
    """
    held = _tensors(expand_home(path))
    for part in key.split(".") if key else ():
        held = _inside(held, part, path.name)
    if not isinstance(held, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in held.items()
    ):
        hint = "name the state dict among these with --weights-key"
        raise DataError(f"expected tensors by name in {path.name}, got {_names(held)}; {hint}")
    return dict(held)


def put_weights(module: nn.Module, weights: Mapping[str, Tensor], *, source: Path) -> None:
    """Put weights into the module that they belong to.

    Raises:
        DataError: They are another module's; the sentence names the file that they come from.
    """
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        hint = " (--weights-key names what all of its names begin with)" if "Unexpected key" in str(error) else ""
        text = f"expected the weights of {type(module).__name__} in {source.name}{hint}: {reason(error)}"
        raise DataError(text) from error


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
