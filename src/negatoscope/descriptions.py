"""What a registered function says of itself: its parameters by its signature, the rest by its docstring."""

import inspect
import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from jaxtyping import AbstractArray

from negatoscope.errors import expect

Value = bool | int | float | str


@dataclass(frozen=True)
class ParameterRange:
    """The closed range of a number: ``Annotated[float, ParameterRange(0.25, 4.0, identity=1.0)]``.

    Args:
        low: The lower end of what a search explores.
        high: Its upper end; the function itself may allow more.
        identity: Where the function leaves images as they are, None if it does so nowhere.
        circular: Whether both ends are the same, as of angles all around.

    Raises:
        InputError: The ends are no finite range, or `identity` lies outside.
    """

    low: float
    high: float
    identity: float | None = None
    circular: bool = False

    def __post_init__(self) -> None:
        expect(-math.inf < self.low < self.high < math.inf, "low < high, both finite", f"{self.low} and {self.high}")
        inside = self.identity is None or self.low <= self.identity <= self.high
        expect(inside, f"identity from {self.low} to {self.high}", self.identity)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a registered function.

    Args:
        name: As a spec names it.
        type: Its type, or its choices.
        default: Its default; None where there is none.
        required: Whether it must be given.
        range: The range that a search explores, None where there is none.
        description: What the docstring says of it.
    """

    name: str
    type: str
    default: Value | None = None
    required: bool = False
    range: ParameterRange | None = None
    description: str = ""


@dataclass(frozen=True)
class Description:
    """One entry of a registry.

    Args:
        name: As a spec names it.
        kind: What it is, such as "attack", or of a transform "label_preserving", "path" or "control".
        summary: The first line of its docstring.
        parameters: What can be set.
        source: The work that it is from, "" where none is named.
        contains: Of a suite the specs of its transforms.
    """

    name: str
    kind: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    source: str = ""
    contains: tuple[str, ...] = ()


def describe(function: Callable[..., Any], *, name: str, kind: str) -> Description:
    """What a function's signature and docstring say."""
    text = inspect.getdoc(function) or ""
    source = re.search(r"^Source:\s+(.*?)(?:\n\n|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return Description(
        name=name,
        kind=kind,
        summary=text.partition("\n")[0].replace("`", ""),
        parameters=tuple(_parameter(parameter, text) for parameter in settings_of(function).values()),
        source=" ".join(source[1].split()) if source else "",
    )


def arguments_of(text: str) -> dict[str, str]:
    """What a docstring in Google's style says of each argument, in one line each.

    Args:
        text: The docstring without the indentation of its code.
    """
    section = re.search(r"^Args:\n((?: {4}.*\n?)*)", text, flags=re.MULTILINE)
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section[1], flags=re.MULTILINE) if section else []
    return {name: " ".join(description.split()) for name, description in entries}


def settings_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters that a spec can set: those that are keyword-only."""
    parameters = inspect.signature(function).parameters
    return {name: parameter for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}


def ranges_of(function: Callable[..., Any]) -> dict[str, ParameterRange]:
    """The range of every parameter that has one, in the order of the signature."""
    parameters = inspect.signature(function).parameters
    ranges = {name: range_of(parameter.annotation) for name, parameter in parameters.items()}
    return {name: range for name, range in ranges.items() if range is not None}


def coerced(value: object, annotation: Any) -> Any:
    """A literal as the annotated type has it: a whole number may stand for a float, nothing else is converted.

    Raises:
        TypeError: It is of another type, or none of the choices.
    """
    origin, options = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return coerced(value, options[0])
    if origin in (Union, UnionType):
        for option in _literals(options):
            with suppress(TypeError):
                return coerced(value, option)
        raise TypeError
    if origin is Literal:
        if any(type(value) is type(choice) and value == choice for choice in options):
            return value
        raise TypeError
    if annotation is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0  # -0.0 is 0.0
    expected = origin or annotation
    if isinstance(expected, type) and expected not in (Any, inspect.Parameter.empty) and type(value) is not expected:
        raise TypeError
    return value


def type_name(annotation: Any) -> str:
    """A type as a user would write it: "float", "int or None", "one of 'R', 'G'"."""
    origin, options = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(options[0])
    if origin is Literal:
        return f"one of {', '.join(map(repr, options))}"
    if origin in (Union, UnionType):
        return " or ".join(map(type_name, _literals(options)))
    return "None" if annotation is NoneType else str(getattr(annotation, "__name__", annotation))


def _literals(options: Iterable[Any]) -> list[Any]:
    """The types that a spec can write: no tensors, as Python alone can give."""
    return [option for option in options if not (isinstance(option, type) and issubclass(option, AbstractArray))]


def _parameter(parameter: inspect.Parameter, text: str) -> Parameter:
    required = parameter.default is parameter.empty
    return Parameter(
        name=parameter.name,
        type=type_name(parameter.annotation),
        default=None if required else parameter.default,
        required=required,
        range=range_of(parameter.annotation),
        description=arguments_of(text).get(parameter.name, ""),
    )


def literal_type(annotation: Any) -> Any:
    """The type that a spec writes for a parameter: without its range, and without the tensors that Python gives."""
    if get_origin(annotation) is Annotated:
        return literal_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        options = _literals(get_args(annotation))
        return options[0] if len(options) == 1 else annotation
    return annotation


def takes_tensors(annotation: Any) -> bool:
    """Whether a parameter may have one value for each image."""
    options = get_args(get_args(annotation)[0]) if get_origin(annotation) is Annotated else get_args(annotation)
    return len(_literals(options)) < len(options)


def range_of(annotation: Any) -> ParameterRange | None:
    """The range that a parameter's annotation gives, None where there is none."""
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((note for note in notes if isinstance(note, ParameterRange)), None)
