"""Classifiers that this project trained, as the audit opens them."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from negatoscope.errors import DataError
from negatoscope.files import sha256_of
from negatoscope.models import LoadedModel, register_model
from negatoscope.models.options import ModelOptions
from negatoscope.models.torch_module import load_callable
from negatoscope.models.trained import load_network


@register_model("trained", form="weights.safetensors")
def trained_file(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A file of `save_network`, ending in ".safetensors", with all that it expects in it.

    Raises:
        DataError: The file is missing or damaged, or holds weights without the network that they belong to.
    """
    path = Path(text).expanduser()
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, framework="pt") as opened:
            foreign = "facts" not in (opened.metadata() or {})
    except FileNotFoundError as error:
        raise DataError(f"expected weights in {path}, but there is no such file") from error
    except (OSError, SafetensorError) as error:
        raise DataError(f"expected safetensors in {path.name}, got a file that is not: {error}") from error
    if foreign:
        raise DataError(
            f"expected a network that this project trained in {path.name}, got weights alone; "
            "name what makes the network, package.module:factory, and give them with --weights"
        )
    network, _ = load_network(path)
    loaded = load_callable(network, name=path.stem, device=device)
    return replace(loaded, kind="trained", sha256=sha256_of(path), runs_code=False)
