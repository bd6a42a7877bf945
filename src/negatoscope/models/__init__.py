"""Classifiers: the paper's network, one inference path, and whatever a user brings in."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from negatoscope.descriptions import Description
from negatoscope.models.options import ModelOptions
from negatoscope.registry import Registry

ModelKind = str
"""What a classifier came as, such as "onnx", "torch", "hugging_face" or "callable"."""

Run = Callable[[Tensor], Tensor]
"""A classifier as it comes: a batch as it expects it, to its outputs."""


@dataclass(frozen=True)
class LoadedModel:
    """A classifier as its file has it, before the user's options complete it.

    Args:
        name: How reports call it.
        kind: What it came as.
        run: Maps a batch, laid out as the classifier expects it, to its outputs.
        sha256: Of its file or files, or of its weights; "" where there are none.
        runs_code: Whether opening it runs code that its author or the user wrote.
        declared: What the file itself says of its input and its outputs.
        labels: What the file calls its outputs, where it does.
        packages: What runs it beside torch, by the names that are imported.
        module: The torch module that it is, where it is one.
    """

    name: str
    kind: ModelKind
    run: Run
    sha256: str
    runs_code: bool
    declared: ModelOptions = field(default_factory=ModelOptions)
    labels: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    module: nn.Module | None = field(default=None, compare=False)


Opener = Callable[[str, ModelOptions, torch.device], LoadedModel | None]

MODELS: Registry[Opener] = Registry("model", "negatoscope.models")
"""Every kind by name, called as ``opener(text, options, device)``; None where the text names another kind."""

_FORMS: dict[str, str] = {}


def register_model(kind: ModelKind, *, form: str) -> Callable[[Opener], Opener]:
    """Add a kind of model; a decorator.

    Args:
        kind: What reports call it.
        form: How a user names one, as in "model.onnx".

    Raises:
        SpecError: There is another kind of that name.
    """

    def register(opener: Opener) -> Opener:
        MODELS.register(opener, kind)
        _FORMS[kind] = form
        return opener

    return register


def describe_models() -> list[Description]:
    """Every kind of model; the summary begins with how a user names one."""
    return [replace(entry, summary=f"{_form(entry.name)}: {entry.summary}") for entry in MODELS.describe()]


def model_forms() -> str:
    """How a user names a model of each kind, as errors list it."""
    return " or ".join(", ".join(map(_form, MODELS.names())).rsplit(", ", 1))


def _form(kind: ModelKind) -> str:
    return _FORMS.get(kind, kind)
