"""Classifiers: the paper's network, one inference path, and whatever a user brings in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from negatoscope.registry import Registry

ModelKind = str
"""What a classifier came as, such as "onnx", "torch", "hugging_face" or "callable"."""

Run = Callable[[Tensor], Tensor]
"""A classifier as it comes: what it wants in, what it says out."""


@dataclass(frozen=True)
class LoadedModel:
    """A classifier as its file has it, before anybody has said what it lacks.

    Args:
        name: How reports call it.
        kind: What it came as.
        run: Maps a batch, laid out as the classifier wants it, to its answers.
        sha256: Of its file or files, or of its weights; "" where there are none.
        runs_code: Whether opening it runs code that its author or the user wrote.
        declared: What the file itself says of what it input_spec, under the names that a user would tell it with.
        labels: What the file calls its outputs, where it does.
    """

    name: str
    kind: ModelKind
    run: Run
    sha256: str
    runs_code: bool
    declared: Mapping[str, object] = field(default_factory=dict)
    labels: tuple[str, ...] = ()


MODELS: Registry[Callable[..., LoadedModel | None]] = Registry("model", "negatoscope.models")
"""Every kind of model by name, called as ``opener(text, options=..., device=...)``; None: the text names another."""

register_model = MODELS.register
