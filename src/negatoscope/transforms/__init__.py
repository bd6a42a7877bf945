"""Pure functions from images to images that a person would say keep the meaning, and what they are compared with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

import torch

from negatoscope.registry import Registry, Spec
from negatoscope.transforms.parameter_range import ParameterRange, parameter_ranges
from negatoscope.types import Images

__all__ = [
    "TRANSFORMS",
    "ParameterRange",
    "TransformFacts",
    "TransformKind",
    "describe_transform",
    "register_transform",
]

TransformKind = Literal["label_preserving", "path", "control"]
"""Whether a person would still say the class (only these enter mean and worst case), or the transform lies on the
straight line to the negative, or it is what others are compared with."""

Registered = TypeVar("Registered", bound=Callable[..., Images])

TRANSFORMS: Registry[Callable[..., Images]] = Registry("transform", "negatoscope.transforms")
"""Every transform by name; add one with the decorator `register_transform`."""

_SAID: dict[str, tuple[TransformKind, bool]] = {}


@dataclass(frozen=True)
class TransformFacts:
    """A transform with its arguments.

    Args:
        spec: Its canonical spec.
        function: Images to images, the arguments bound.
        kind: "label_preserving", "path" or "control".
        color: Whether it has something of its own to say of colour images only.
        identity: The arguments that change nothing, empty if there are none.
        space: The range of each numerical argument.
    """

    spec: Spec
    function: Callable[..., Images]
    kind: TransformKind
    color: bool
    identity: Mapping[str, float]
    space: Mapping[str, ParameterRange]


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
        kind: Whether the meaning is kept. A function of another package's entry point needs no decorator if it is.
        color: Whether it leaves gray images alone, refuses them, or does to them what another transform does. An audit
            of a gray classifier has no use for it then.

    Raises:
        SpecError: Another function has that name.
    """

    def register(function: Registered) -> Registered:
        TRANSFORMS.register(function)
        _SAID[function.__name__] = (kind, color)
        return function

    return register if function is None else register(function)


def describe_transform(text: str) -> TransformFacts:
    """What is known of the transform that a spec names, tried out on one small image.

    Args:
        text: A spec such as "gamma(exponent=2.0)".

    Raises:
        SpecError: The name or an argument is unknown, missing or of the wrong type.
        InputError: An argument has an impossible value.
    """
    spec, bound = TRANSFORMS.resolve(text)
    bound(torch.full((1, 3, 4, 4), 0.5))
    kind, color = _SAID.get(spec.name, ("label_preserving", False))
    space = parameter_ranges(TRANSFORMS.get(spec.name))
    identity = {name: each.identity for name, each in space.items() if each.identity is not None}
    return TransformFacts(spec=spec, function=bound, kind=kind, color=color, identity=identity, space=space)
