"""Classifiers: the paper's network, one inference path, and whatever a user brings in."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

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
    """

    name: str
    kind: ModelKind
    run: Run
    sha256: str
    runs_code: bool
    declared: ModelOptions = field(default_factory=ModelOptions)
    labels: tuple[str, ...] = ()


MODELS: Registry[Callable[..., LoadedModel | None]] = Registry("model", "negatoscope.models")
"""Every kind by name, called as ``opener(text, options=..., device=...)``; None where the text names another kind."""

register_model = MODELS.register
