"""A classifier whose weights are untouched, behind something that looks at the whole orbit of an image."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier
from negatoscope.models.torch_module import digest_of
from negatoscope.transforms.groups import Group
from negatoscope.types import Images, Logits


class Wrapper(nn.Module, ABC):
    """What stands before a classifier, or around it.

    Args:
        group: What predictions are the same under.
    """

    method: ClassVar[str]
    """The name that it is registered under."""

    by_construction: ClassVar[bool] = False
    """Whether all images of an orbit get the same prediction, whatever the classifier is."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group

    def extra_repr(self) -> str:
        """What it is set to."""
        return f"group={self.group.name}"

    @abstractmethod
    def forward(self, classifier: Classifier, images: Images) -> Logits:
        """Logits for images in [0, 1]."""


@dataclass(frozen=True)
class WrappedClassifier(ClassifierAdapter):
    """A classifier behind a wrapper; both as they are for one without.

    Args:
        wrapper: In evaluation mode.
    """

    wrapper: Wrapper = field(kw_only=True)

    def __call__(self, images: Images) -> Logits:
        """Logits for images that have the size and channels of `input_spec.resize`."""
        if len(images) == 0:
            return super().__call__(images)
        logits: Logits = self.wrapper(without_wrapper(self), images)
        return logits[:, list(self.input_spec.class_map)] if self.input_spec.class_map else logits

    @torch.no_grad()
    def shown(self, images: Images) -> list[Tensor]:
        """The batches that the classifier behind the wrapper is shown for images."""
        batches: list[Tensor] = []
        classifier = without_wrapper(self)

        def recorded(batch: Images) -> Logits:
            batches.append(batch)
            return classifier(batch)

        self.wrapper(recorded, images)
        return batches


def wrap(classifier: ClassifierAdapter, wrapper: Wrapper) -> WrappedClassifier:
    """The classifier behind the wrapper; its name and its sha256 say so."""
    own = _values(classifier)
    own["name"] = f"{classifier.name} ({wrapper.method})"
    own["sha256"] = sha256(f"{classifier.sha256} {wrapper} {digest_of(wrapper)}".encode()).hexdigest()
    return WrappedClassifier(**own, wrapper=wrapper.eval())


def wrapper_of(classifier: ClassifierAdapter) -> Wrapper | None:
    """The wrapper of a classifier behind one."""
    return classifier.wrapper if isinstance(classifier, WrappedClassifier) else None


def without_wrapper(classifier: ClassifierAdapter) -> ClassifierAdapter:
    """The classifier that is behind a wrapper, which looks at all its outputs, whatever the data's classes are."""
    return ClassifierAdapter(**{**_values(classifier), "input_spec": replace(classifier.input_spec, class_map=())})


def _values(classifier: ClassifierAdapter) -> dict[str, Any]:
    return {field.name: getattr(classifier, field.name) for field in fields(ClassifierAdapter)}
