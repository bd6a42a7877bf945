"""A network that this project trained, as one file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from negatoscope.errors import DataError, InputError
from negatoscope.models.checkpoint import load_tensors, save_tensors, weights_of
from negatoscope.models.networks import NetworkSettings, PaperNetwork


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
    return save_tensors(path, weights_of(network), facts={**facts, **shape, "network": asdict(network.settings)})


def load_network(path: Path) -> tuple[PaperNetwork, dict[str, object]]:
    """Read what `save_network` wrote: the network in evaluation mode, its parameters closed to gradients.

    Raises:
        DataError: The file is missing, damaged or of another kind.
    """
    tensors, facts = load_tensors(path)
    try:
        settings = NetworkSettings(**facts["network"])  # type: ignore[arg-type]
        shape = {name: int(facts[name]) for name in ("channels", "size", "classes")}  # type: ignore[call-overload]
        network = PaperNetwork(**shape, settings=settings, seed=0)
        network.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        raise DataError(f"expected a network of this project in {path.name}, got another file: {error}") from error
    network.eval().requires_grad_(False)
    return network, facts
