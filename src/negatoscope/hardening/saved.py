"""A hardened classifier in a file of tensors: its wrapper, and the torch module where it is one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor

from negatoscope.copies import local_file
from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import DataError, InputError, expect, reason
from negatoscope.hardening.average import Average, Averaged
from negatoscope.hardening.canonicalize import Canonicalizer
from negatoscope.hardening.most_confident import MostConfident
from negatoscope.hardening.scorer import Scorer
from negatoscope.hardening.selective import Selective
from negatoscope.hardening.wrapper import Wrapper, wrap, wrapper_of
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.open import open_classifier
from negatoscope.models.weights import put_weights, read_weights
from negatoscope.transforms.groups import resolve_group

_KEY = "negatoscope"
_WRAPPER, _MODULE = "wrapper.", "module."


@dataclass(frozen=True, kw_only=True)
class SavedWrapper:
    """What a file of tensors says beside them.

    Args:
        method: The wrapper's name; "" for a module that was trained and has none.
        group: What predictions are the same under.
        input_spec: What the classifier takes, and how its outputs are read.
        of: What `average` averages.
        threshold: The confidence, in [0, 1], from which on `selective` does not look again.
    """

    schema: Literal[2] = 2
    method: str
    group: str
    input_spec: InputSpec
    of: Averaged = "probabilities"
    threshold: float = 0.0


def saved_bytes(hardened: ClassifierAdapter) -> bytes:
    """The content of a .safetensors file with the weights of wrapper and module, for `load_hardened`."""
    from safetensors.torch import save

    wrapper = wrapper_of(hardened)
    saved = SavedWrapper(
        method=wrapper.method if wrapper else "",
        group=wrapper.group.name if wrapper else "",
        input_spec=hardened.input_spec,
        of=wrapper.of if isinstance(wrapper, Average) else "probabilities",
        threshold=wrapper.threshold if isinstance(wrapper, Selective) else 0.0,
    )
    tensors: dict[str, Tensor] = {}
    for prefix, module in ((_WRAPPER, wrapper), (_MODULE, hardened.module)):
        state = module.state_dict() if module else {}
        tensors |= {prefix + name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    return save(tensors, metadata={_KEY: json.dumps(to_plain(saved))})


def load_hardened(weights: str | Path, model: object, *, device: torch.device | str = "cpu") -> ClassifierAdapter:
    """A hardened classifier from its .safetensors, around a model of the user's; the file runs no code.

    Args:
        weights: What `write_drop_in` wrote.
        model: A torch module of the same architecture, which gets the weights that the file has; or whatever else was
            hardened, as `open_classifier` takes it.
        device: Where it lives.

    Raises:
        DataError: The file is missing or damaged, or holds another module's weights.
        InputError: The model does not take what the hardened one took.
    """
    path = local_file(weights)
    tensors = read_weights(path)
    saved = _saved(path)
    own = {name.removeprefix(_MODULE): tensor for name, tensor in tensors.items() if name.startswith(_MODULE)}
    if own:
        got = f"{type(model).__name__}; give the module that was hardened"
        expect(isinstance(model, torch.nn.Module), f"a torch module for the weights in {path.name}", got)
        put_weights(cast(torch.nn.Module, model).eval(), own, source=path)
    classifier = open_classifier(model, device=device, **saved.input_spec.options())
    if not saved.method:
        return classifier
    wrapper = _wrapper(saved, path)
    put_weights(
        wrapper,
        {name.removeprefix(_WRAPPER): tensor for name, tensor in tensors.items() if name.startswith(_WRAPPER)},
        source=path,
    )
    return wrap(classifier, wrapper.requires_grad_(False).to(classifier.device))


def _saved(path: Path) -> SavedWrapper:
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {})[_KEY]
        return from_plain(json.loads(text), SavedWrapper)
    except KeyError as error:
        raise DataError(f"expected a hardened classifier in {path.name}, got tensors alone; harden again") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected a hardened classifier in {path.name}: {reason(error)}; harden again") from error


def _wrapper(saved: SavedWrapper, path: Path) -> Wrapper:
    spec = saved.input_spec
    group = resolve_group(saved.group, channels=spec.planes)
    made: dict[str, Wrapper] = {
        Canonicalizer.method: Canonicalizer(
            group, Scorer(spec.planes, side=min(spec.resize.height, spec.resize.width))
        ),
        Average.method: Average(group, saved.of),
        MostConfident.method: MostConfident(group),
        Selective.method: Selective(group, saved.threshold),
    }
    if saved.method not in made:
        raise InputError(f"expected one of the wrappers {', '.join(made)} in {path.name}, got {saved.method!r}")
    return made[saved.method]
