"""Open any classifier by one text, and settle what it wants before anything is counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from negatoscope.errors import DataError, InputError
from negatoscope.models import MODELS, Found
from negatoscope.models.adapted import AuditClassifier, ask
from negatoscope.models.class_map import read_class_map
from negatoscope.models.told import read_told
from negatoscope.models.torch_module import as_found
from negatoscope.models.wants import Wants
from negatoscope.types import Images

PICKLES = (".bin", ".ckpt", ".joblib", ".p", ".pickle", ".pkl", ".pt", ".pth")
"""Endings of files that may hold any code."""

_FORMS = "model.onnx, model.pt2, weights.safetensors, package.module:factory, a Hugging Face folder or timm:NAME"


def open_classifier(
    model: str | Path | Callable[..., Any],
    *,
    told: Mapping[str, object] | None = None,
    data_classes: int | None = None,
    class_names: Sequence[str] = (),
    device: torch.device | str = "cpu",
) -> AuditClassifier:
    """A classifier of any kind, ready to be asked.

    Two images are sent through it, to see that it runs, how many outputs it has, and that what it says of an image does
    not depend on the image beside it.

    Args:
        model: What names it (see `MODELS`), or a torch module or another callable itself.
        told: What its file does not say: the names of `told.READERS`, or a TOML file with them under "wants".
        data_classes: How many classes the data have.
        class_names: What they are called, for a class map by names.
        device: Where it lives.

    Raises:
        DataError: A file is missing, damaged, a pickle, or reads other files than its own.
        InputError: It is of no known kind, something is neither said nor told, or it does not do what is told.
        MissingExtraError: An optional package is not installed.
    """
    device = torch.device(device)
    settings = read_told(told or {})
    found = _found(model, settings, device)
    name = settings.pop("name", found.name)
    class_map = settings.pop("class_map", ())
    for key in ("weights", "provider"):
        settings.pop(key, None)
    draft = Wants.from_dict({**found.said, **settings, "classes": 2}, name=name)
    answers = _probe(found, draft, device, name)
    classes = max(2, answers.shape[1])
    if settings.get("classes", classes) != classes:
        raise InputError(f"expected {settings['classes']} outputs of {name}, as --classes says, got {classes}")
    mapped = read_class_map(class_map, data_classes=data_classes, class_names=class_names, labels=found.labels)
    wants = replace(draft, classes=classes, class_map=mapped)
    _expect_classes(wants, data_classes, name)
    digest = found.sha256 or sha256(answers.double().numpy().tobytes()).hexdigest()
    classifier = AuditClassifier(name, found.kind, wants, found.run, device, digest, found.runs_code)
    with torch.no_grad():
        classifier(_patterns(wants, device))  # its answers are what `wants` says, or an error
    return classifier


def _found(model: str | Path | Callable[..., Any], told: Mapping[str, Any], device: torch.device) -> Found:
    if not isinstance(model, str | Path):
        return as_found(model, name=getattr(model, "__name__", type(model).__name__), device=device)
    text, path = str(model), Path(model)
    if path.suffix.lower() in PICKLES:
        raise DataError(
            f"expected a model that cannot run code, got {path.name}, which by its ending is a pickle; name what makes "
            "the network, package.module:factory, and give its state dict with --weights, or export it to ONNX"
        )
    for kind in MODELS.names():
        found = MODELS.get(kind)(text, told=told, device=device)
        if found is not None:
            return found
    raise InputError(f"expected {_FORMS}, got {text!r}; correct it")


def _probe(found: Found, wants: Wants, device: torch.device, name: str) -> Tensor:
    """Its answers to two images, which must be the same when it is asked about one alone."""
    images = _patterns(wants, device)
    try:
        with torch.no_grad():
            both = ask(found.run, images, wants=wants, name=name)
            alone = ask(found.run, images[:1], wants=wants, name=name)
    except InputError:
        raise
    except Exception as error:  # the user's own code may fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise InputError(f"expected {name} to take images as told ({_shown(wants)}), but {reason}") from error
    if not torch.allclose(both[:1].double(), alone.double(), rtol=1e-2, atol=1e-2, equal_nan=True):
        raise InputError(
            f"expected {name} to say the same of an image whatever stands beside it in the batch, got other outputs; "
            "give batch = 1 in --wants"
        )
    return both.cpu()


def _patterns(wants: Wants, device: torch.device) -> Images:
    """Two unlike images in [0, 1], the same for everyone."""
    shape = (1, wants.planes, wants.fit.height, wants.fit.width)
    steps = torch.arange(torch.Size(shape).numel(), device=device)
    first = (steps % 251).float().div(250).reshape(shape)
    return torch.cat([first, (steps % 241).flip(0).float().div(240).reshape(shape)])


def _expect_classes(wants: Wants, data_classes: int | None, name: str) -> None:
    if data_classes is None or wants.data_classes == data_classes:
        return
    hint = "give --class-map, which output each class of the data is"
    if not wants.class_map and wants.classes == data_classes + 1:
        hint = f"if output 0 is no class, give --class-map 1..{data_classes}"
    raise InputError(
        f"expected an output of {name} for each of the {data_classes} classes of the data, "
        f"got {wants.data_classes}; {hint}"
    )


def _shown(wants: Wants) -> str:
    size = f"{wants.fit.height}x{wants.fit.width}"
    return f"--size {size} --channels {wants.fit.channels} --layout {wants.layout}, {wants.dtype}"
