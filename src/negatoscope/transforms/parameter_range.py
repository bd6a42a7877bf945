"""What a setting of a transform may be: the range that a search explores, and where it changes nothing."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from negatoscope.errors import InputError


@dataclass(frozen=True)
class ParameterRange:
    """The closed range of a transform's number: ``Annotated[float, ParameterRange(0.25, 4.0, identity=1.0)]``.

    Args:
        low: Its lower end.
        high: Its upper end; the transform itself may allow more.
        identity: Where the transform leaves images as they are, None if it does so nowhere.

    Raises:
        InputError: The ends are no finite range, or `identity` lies outside.
    """

    low: float
    high: float
    identity: float | None = None

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:  # NaN too
            raise InputError(f"expected low < high, both finite, got {self.low} and {self.high}")
        if self.identity is not None and not self.low <= self.identity <= self.high:
            raise InputError(f"expected identity from {self.low} to {self.high}, got {self.identity}")


def parameter_ranges(function: Callable[..., Any]) -> dict[str, ParameterRange]:
    """The range of every setting that has one, in the order of the signature."""
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if get_origin(parameter.annotation) is Annotated:
            for note in get_args(parameter.annotation)[1:]:
                if isinstance(note, ParameterRange):
                    found[name] = note
    return found
