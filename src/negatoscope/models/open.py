"""Open any classifier by one text, and settle what it wants before anything is counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from negatoscope.errors import DataError, InputError
from negatoscope.models import MODELS, LoadedModel
from negatoscope.models.adapter import ClassifierAdapter, forward
from negatoscope.models.class_map import read_class_map
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.options import read_options
from negatoscope.models.torch_module import load_callable
from negatoscope.types import Images

PICKLES = (".bin", ".ckpt", ".joblib", ".p", ".pickle", ".pkl", ".pt", ".pth")
"""Endings of files that may hold any code."""

_FORMS = "model.onnx, model.pt2, weights.safetensors, package.module:factory, a Hugging Face folder or timm:NAME"


def open_classifier(
    model: str | Path | Callable[..., Any],
    *,
    options: Mapping[str, object] | None = None,
    data_classes: int | None = None,
    class_names: Sequence[str] = (),
    device: torch.device | str = "cpu",
) -> ClassifierAdapter:
    """A classifier of any kind, ready to be asked.

    Two images are sent through it, to see that it runs, how many outputs it has, and that what it says of an image does
    not depend on the image beside it.

    Args:
        model: What names it (see `MODELS`), or a torch module or another callable itself.
        options: What its file does not say: the names of `told.READERS`, or a TOML file with them under "input_spec".
        data_classes: How many classes the data have.
        class_names: What they are called, for a class map by names.
        device: Where it lives.

    Raises:
        DataError: A file is missing, damaged, a pickle, or reads other files than its own.
        InputError: It is of no known kind, something is neither said nor options, or it does not do what is told.
        MissingExtraError: An optional package is not installed.
    """
    device = torch.device(device)
    settings = read_options(options or {})
    loaded = _found(model, settings, device)
    name = settings.pop("name", loaded.name)
    class_map = settings.pop("class_map", ())
    for key in ("weights", "provider"):
        settings.pop(key, None)
    draft = InputSpec.from_dict({**loaded.declared, **settings, "classes": 2}, name=name)
    answers = _probe(loaded, draft, device, name)
    classes = max(2, answers.shape[1])
    if settings.get("classes", classes) != classes:
        raise InputError(f"expected {settings['classes']} outputs of {name}, as --classes says, got {classes}")
    mapped = read_class_map(class_map, data_classes=data_classes, class_names=class_names, labels=loaded.labels)
    input_spec = replace(draft, classes=classes, class_map=mapped)
    _expect_classes(input_spec, data_classes, name)
    digest = loaded.sha256 or sha256(answers.double().numpy().tobytes()).hexdigest()
    classifier = ClassifierAdapter(name, loaded.kind, input_spec, loaded.run, device, digest, loaded.runs_code)
    with torch.no_grad():
        classifier(_patterns(input_spec, device))  # its answers are what `wants` says, or an error
    return classifier


def _found(model: str | Path | Callable[..., Any], options: Mapping[str, Any], device: torch.device) -> LoadedModel:
    if not isinstance(model, str | Path):
        return load_callable(model, name=getattr(model, "__name__", type(model).__name__), device=device)
    text, path = str(model), Path(model)
    if path.suffix.lower() in PICKLES:
        raise DataError(
            f"expected a model that cannot run code, got {path.name}, which by its ending is a pickle; name what makes "
            "the network, package.module:factory, and give its state dict with --weights, or export it to ONNX"
        )
    for kind in MODELS.names():
        loaded = MODELS.get(kind)(text, options=options, device=device)
        if loaded is not None:
            return loaded
    raise InputError(f"expected {_FORMS}, got {text!r}; correct it")


def _probe(loaded: LoadedModel, input_spec: InputSpec, device: torch.device, name: str) -> Tensor:
    """Its answers to two images, which must be the same when it is asked about one alone."""
    images = _patterns(input_spec, device)
    try:
        with torch.no_grad():
            both = forward(loaded.run, images, input_spec=input_spec, name=name)
            alone = forward(loaded.run, images[:1], input_spec=input_spec, name=name)
    except InputError:
        raise
    except Exception as error:  # the user's own code may fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(f"expected {name} to take images as told ({_shown(input_spec)}), but {reason}") from error
    if not torch.allclose(both[:1].double(), alone.double(), rtol=1e-2, atol=1e-2, equal_nan=True):
        raise InputError(
            f"expected {name} to say the same of an image whatever stands beside it in the batch, got other outputs; "
            "give batch = 1 in --config"
        )
    return both.cpu()


def _patterns(input_spec: InputSpec, device: torch.device) -> Images:
    """Two unlike images in [0, 1], the same for everyone."""
    shape = (1, input_spec.planes, input_spec.fit.height, input_spec.fit.width)
    steps = torch.arange(torch.Size(shape).numel(), device=device)
    first = (steps % 251).float().div(250).reshape(shape)
    return torch.cat([first, (steps % 241).flip(0).float().div(240).reshape(shape)])


def _expect_classes(input_spec: InputSpec, data_classes: int | None, name: str) -> None:
    if data_classes is None or input_spec.data_classes == data_classes:
        return
    hint = "give --class-map, which output each class of the data is"
    if not input_spec.class_map and input_spec.classes == data_classes + 1:
        hint = f"if output 0 is no class, give --class-map 1..{data_classes}"
    raise InputError(
        f"expected an output of {name} for each of the {data_classes} classes of the data, "
        f"got {input_spec.data_classes}; {hint}"
    )


def _shown(input_spec: InputSpec) -> str:
    size = f"{input_spec.fit.height}x{input_spec.fit.width}"
    return f"--size {size} --channels {input_spec.fit.channels} --layout {input_spec.layout}, {input_spec.dtype}"
