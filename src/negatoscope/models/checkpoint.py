"""Tensors and a little JSON in one safetensors file: written whole or not at all, and never able to run code."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from negatoscope.errors import DataError
from negatoscope.files import write_whole


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
        DataError: The file is missing, damaged or not of this kind.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            facts = json.loads((opened.metadata() or {})["facts"])
            if not isinstance(facts, dict):
                raise ValueError("its facts are no table")
    except OSError as error:
        raise DataError(f"expected a checkpoint in {path}, but it cannot be read: {error}") from error
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise DataError(f"expected a checkpoint in {path}, got a damaged file ({error}); delete it") from error
    return tensors, facts
