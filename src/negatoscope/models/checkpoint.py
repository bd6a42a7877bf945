"""Checkpoints: tensors and a little JSON in one safetensors file, written whole or not at all, never able to run code.

A network that this project trained is such a file: saved, loaded, and opened for an audit.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from negatoscope.errors import DataError, InputError
from negatoscope.files import sha256_of, write_whole
from negatoscope.models import LoadedModel, register_model
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.options import ModelOptions
from negatoscope.models.torch_module import load_callable
from negatoscope.stores import expand_home


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
    except FileNotFoundError as error:
        raise DataError(f"expected weights in {path}, but there is no such file") from error
    except OSError as error:
        raise DataError(f"expected a checkpoint in {path}, but it cannot be read: {error}") from error
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise DataError(f"expected a checkpoint in {path}, got a damaged file ({error}); delete it") from error
    return tensors, facts


def save_network(path: Path, network: PaperNetwork, *, facts: Mapping[str, object]) -> str:
    """Write a network's weights and all that is needed to build it again; return the file's sha256.

    Args:
        path: The file, by custom ending in ".safetensors".
        network: What to save.
        facts: What else to save with it, as JSON can hold it.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    shape = {"channels": network.channels, "size": network.size, "classes": network.classes}
    return save_tensors(path, network.state_dict(), facts={**facts, **shape, "network": asdict(network.settings)})


def load_network(path: Path) -> tuple[PaperNetwork, dict[str, object]]:
    """Read what `save_network` wrote: the network in evaluation mode, its parameters closed to gradients.

    Raises:
        DataError: The file is missing, damaged or of another kind.
    """
    try:
        tensors, facts = load_tensors(path)
    except DataError as error:
        if isinstance(error.__cause__, KeyError):
            raise DataError(
                f"expected a network that this project trained in {path.name}, got weights alone; "
                "name what makes the network, package.module:factory, and give them with --weights"
            ) from error
        raise
    try:
        settings = NetworkSettings(**facts["network"])  # type: ignore[arg-type]
        shape = {name: int(facts[name]) for name in ("channels", "size", "classes")}  # type: ignore[call-overload]
        network = PaperNetwork(**shape, settings=settings, seed=0)
        network.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError, InputError) as error:
        raise DataError(f"expected a network of this project in {path.name}, got another file: {error}") from error
    network.eval().requires_grad_(False)
    return network, facts


@register_model("trained", form="weights.safetensors")
def trained(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A file of `save_network`, ending in ".safetensors", with all that it expects in it.

    Raises:
        DataError: The file is missing or damaged, or holds weights without the network that they belong to.
    """
    path = expand_home(text)
    if path.suffix != ".safetensors":
        return None
    network, _ = load_network(path)
    loaded = load_callable(network, name=path.stem, device=device)
    return replace(loaded, kind="trained", sha256=sha256_of(path), runs_code=False)
