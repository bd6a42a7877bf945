"""Tensors and a little JSON in one safetensors file: written whole or not at all, and never able to run code."""

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from negatoscope.errors import DataError, OutputError


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, facts: Mapping[str, object]) -> str:
    """Write `tensors` and `facts` to `path` and return the file's sha256.

    The file appears under its name only when it is complete and on the disk.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(stored, metadata={"facts": json.dumps(facts)})
    write_whole(path, content)
    return sha256(content).hexdigest()


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Read what `save_tensors` wrote.

    Raises:
        DataError: The file is damaged or not of this kind.
    """
    try:
        with safe_open(path, framework="pt") as opened:  # type: ignore[no-untyped-call]
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            facts = json.loads((opened.metadata() or {})["facts"])
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise DataError(f"expected a checkpoint in {path.name}, got a damaged file ({error}); delete it") from error
    return tensors, facts


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also when the process is killed half-way.

    Raises:
        OutputError: The folder cannot be written or the disk is full; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror}; give another --out or make room") from error


def weights_of(module: torch.nn.Module) -> dict[str, Tensor]:
    """The module's parameters and buffers by name."""
    return dict(module.state_dict())
