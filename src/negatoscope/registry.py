"""Names and spec strings: "gtsrb(prepare='paper')" is the one name of a configured thing, wherever it is written."""

import ast
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

from negatoscope.errors import SpecError

Registered = TypeVar("Registered", bound=Callable[..., Any])


@dataclass(frozen=True)
class Spec:
    """A name and its keyword arguments; its text is canonical, without arguments that have their default value."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        listed = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return f"{self.name}({listed})" if listed else self.name


def parse_spec(text: str) -> Spec:
    """Read "name" or "name(key=literal, ...)"; nothing is evaluated but literals.

    Raises:
        SpecError: The text has another form.
    """
    expected = f"expected a spec such as name or name(key=0.5), got {text!r}"
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return Spec(node.id)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
            raise SpecError(expected)
        arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
    except (SyntaxError, TypeError, ValueError, MemoryError, RecursionError) as error:
        raise SpecError(expected) from error
    if None in arguments or len(arguments) < len(node.keywords):
        raise SpecError(expected)
    return Spec(node.func.id, {str(key): value for key, value in arguments.items()})


class Registry(Generic[Registered]):
    """Functions of one kind by name: those of a package's modules, and those of other packages' entry points.

    Args:
        kind: What one of them is called, as in "transform"; entry points stand in the group ``negatoscope.<kind>s``.
        package: The package whose modules are imported when a name is first asked for.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self._functions: dict[str, Registered] = {}
        self._discovered = False

    def register(self, function: Registered) -> Registered:
        """Add a function under its own name; use it as a decorator.

        Raises:
            SpecError: Another function has that name.
        """
        name = function.__name__
        holder = self._functions.get(name, function).__module__
        if holder != function.__module__:
            raise SpecError(f"expected a new {self.kind} name, got {name!r}, which {holder} has")
        self._functions[name] = function
        return function

    def names(self) -> list[str]:
        """All names, sorted."""
        self._discover()
        return sorted(self._functions)

    def get(self, name: str) -> Registered:
        """The function of that name.

        Raises:
            SpecError: There is none; the nearest name is suggested.
        """
        self._discover()
        if name not in self._functions:
            near = difflib.get_close_matches(name, self._functions, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.names())}"
            article = "an" if self.kind[0] in "aeiou" else "a"
            raise SpecError(f"expected the name of {article} {self.kind}, got {name!r:.80}; {hint}")
        return self._functions[name]

    def resolve(self, text: str) -> tuple[Spec, Callable[..., Any]]:
        """The canonical spec of `text`, and its function with the spec's arguments bound.

        Raises:
            SpecError: The name or an argument is unknown, missing or of the wrong type.
        """
        spec = parse_spec(text)
        function = self.get(spec.name)
        settings = {
            name: parameter
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        arguments = {name: _coerced(spec, name, value, settings) for name, value in spec.arguments.items()}
        missing = [name for name, p in settings.items() if p.default is p.empty and name not in arguments]
        if missing:
            raise SpecError(f"expected {missing[0]} in {text!r}; write {spec.name}({missing[0]}=...)")
        told = {name: arguments[name] for name, p in settings.items() if arguments.get(name, p.default) != p.default}
        return Spec(spec.name, told), partial(function, **arguments)

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for entry in entry_points(group=f"negatoscope.{self.kind}s"):
            self.register(entry.load())


def _coerced(spec: Spec, name: str, value: object, settings: Mapping[str, inspect.Parameter]) -> object:
    if name not in settings:
        allowed = f"it takes {', '.join(settings)}" if settings else "it takes none"
        raise SpecError(f"expected an argument of {spec.name}, got {name!r}; {allowed}")
    wanted = settings[name].annotation
    if get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            choices = ", ".join(map(repr, get_args(wanted)))
            raise SpecError(f"expected {name} of {spec.name} to be one of {choices}, got {value!r}")
        return value
    if wanted is float and type(value) is int:
        value = float(value)
    if isinstance(wanted, type) and type(value) is not wanted:
        raise SpecError(f"expected {name} of {spec.name} to be {wanted.__name__}, got {value!r}")
    return value
