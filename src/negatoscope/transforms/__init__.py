"""Pure functions from images to images that keep the label a person would give, and what they are compared with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar, overload

import torch

from negatoscope.descriptions import Description, ranges_of
from negatoscope.descriptions import ParameterRange as ParameterRange
from negatoscope.registry import Registry, Spec, split_stages
from negatoscope.types import Images

TransformKind = Literal["label_preserving", "path", "control"]
"""Whether a person would still name the class (only these enter mean and worst case), or the transform lies on the
straight line to the negative, or it is what others are compared with."""

Registered = TypeVar("Registered", bound=Callable[..., Images])

MOST = 1000
"""The largest factor, exponent or steepness: beyond it nothing changes but for overflows in half precision."""

CLEAN = "clean"
"""What images are called that no transform changes."""

TRANSFORMS: Registry[Callable[..., Images]] = Registry("transform", "negatoscope.transforms")
"""Every transform by name; add one with the decorator `register_transform`."""

_TRAITS: dict[str, tuple[TransformKind, bool]] = {}


@dataclass(frozen=True)
class TransformFacts:
    """A transform with its arguments.

    Args:
        spec: Its canonical spec.
        function: Images to images, the arguments bound.
        kind: "label_preserving", "path" or "control".
        color: Whether it is of use for color images only.
        ranges: The range of each numerical parameter that has one.
        stages: Of several transforms one after the other, each of them; `spec` is then their text, without arguments.
    """

    spec: Spec
    function: Callable[..., Images]
    kind: TransformKind
    color: bool
    ranges: Mapping[str, ParameterRange]
    stages: tuple["TransformFacts", ...] = ()

    @property
    def identity(self) -> dict[str, float]:
        """The arguments that change nothing, empty if there are none."""
        return {name: range.identity for name, range in self.ranges.items() if range.identity is not None}


@overload
def register_transform(function: Registered) -> Registered: ...


@overload
def register_transform(
    *, kind: TransformKind = "label_preserving", color: bool = False
) -> Callable[[Registered], Registered]: ...


def register_transform(
    function: Any = None, *, kind: TransformKind = "label_preserving", color: bool = False
) -> Any:  # the overloads say more
    """Add a transform under its function's name; a decorator, bare or with arguments.

    Args:
        function: Images to images; settings are keyword-only.
        kind: What it is. An entry point of another package needs no decorator if it preserves labels.
        color: Whether it leaves gray images alone, refuses them, or does to them what another transform does. An audit
            of a gray classifier has no use for it then.

    Raises:
        SpecError: Another function has that name.
    """

    def register(function: Registered) -> Registered:
        TRANSFORMS.register(function)
        _TRAITS[function.__name__] = (kind, color)
        return function

    return register if function is None else register(function)


def describe_transform(text: str) -> TransformFacts:
    """The transform that a spec names, its arguments checked on one small image.

    Args:
        text: A spec such as "gamma(exponent=2.0)", or several, first to last: "gamma(exponent=2.0) | negative". "clean"
            changes nothing.

    Raises:
        SpecError: The name or an argument is unknown, missing or of the wrong type.
        InputError: An argument has an impossible value.
    """
    parts = split_stages(text)
    if len(parts) > 1:
        return _composed([describe_transform(part) for part in parts])
    if parts == [CLEAN]:
        return TransformFacts(Spec(CLEAN), torch.clone, "label_preserving", color=False, ranges={})
    spec, bound = TRANSFORMS.resolve(text)
    bound(torch.full((1, 3, 4, 4), 0.5))
    return TransformFacts(spec, bound, *_traits(spec.name), ranges=ranges_of(TRANSFORMS.get(spec.name)))


def describe_transforms() -> list[Description]:
    """Every transform, its kind that of `TransformKind`."""
    return [replace(entry, kind=_traits(entry.name)[0]) for entry in TRANSFORMS.describe()]


def combined_kind(kinds: Iterable[TransformKind]) -> TransformKind:
    """The kind of transforms one after the other: label-preserving if all are, else that of the first that is not."""
    return next((kind for kind in kinds if kind != "label_preserving"), "label_preserving")


def _composed(stages: Sequence[TransformFacts]) -> TransformFacts:
    return TransformFacts(
        spec=Spec(" | ".join(str(stage.spec) for stage in stages)),
        function=partial(_one_after_another, [stage.function for stage in stages]),
        kind=combined_kind(stage.kind for stage in stages),
        color=any(stage.color for stage in stages),
        ranges={},
        stages=tuple(stages),
    )


def _one_after_another(functions: Sequence[Callable[..., Images]], images: Images) -> Images:
    for function in functions:
        images = function(images)
    return images


def _traits(name: str) -> tuple[TransformKind, bool]:
    return _TRAITS.get(name, ("label_preserving", False))
