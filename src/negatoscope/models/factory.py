"""Models that a function of the user's own makes, named as such; only weights are read from files."""

import re
import sys
from pathlib import Path
from pkgutil import resolve_name

import torch
from torch import nn

from negatoscope.errors import InputError, reason
from negatoscope.models import LoadedModel, register_model
from negatoscope.models.objects import load_object
from negatoscope.models.options import ModelOptions
from negatoscope.models.weights import put_weights, read_weights

_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@register_model("torch", form="package.module:factory")
def factory(text: str, options: ModelOptions, device: torch.device) -> LoadedModel | None:
    """A function without arguments, "package.module:factory", that makes whatever can be audited from Python.

    That is a torch module, an estimator of scikit-learn, a pipeline of transformers or another callable. The function's
    module is looked for in the current folder too. A torch module's weights are read from `weights`, if that is given.

    Raises:
        InputError: The function cannot be imported or called, or makes something that is no classifier.
        DataError: The weights are missing, damaged, a pickle of more than tensors, or those of another module.
    """
    if not _FACTORY.fullmatch(text) or text.startswith("timm:"):
        return None
    model = _made_by(text)
    if options.weights:
        if not isinstance(model, nn.Module):
            raise InputError(f"expected {text} to make a torch module for --weights, got {type(model).__name__}")
        put_weights(model, read_weights(options.weights, key=options.weights_key), source=options.weights)
    if isinstance(model, nn.Module):
        model.eval()
    return load_object(model, name=text.rpartition(":")[2], options=options, device=device)


def _made_by(text: str) -> object:
    """What the named factory returns."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        return resolve_name(text)()
    except Exception as error:  # the user's code may fail in any way
        got = f"{type(error).__name__}: {reason(error)}"
        raise InputError(f"expected {text} to be a function that makes a model, but {got}") from error
    finally:
        sys.path.remove(folder)
