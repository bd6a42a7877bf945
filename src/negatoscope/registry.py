"""Names and spec strings: "gtsrb(prepare='paper')" is the one name of a configured thing, wherever it is written."""

import ast
import importlib
import inspect
import math
import pkgutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from negatoscope.descriptions import Description, coerced, describe, settings_of, type_name
from negatoscope.errors import SpecError, reason, suggest

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

    A literal is None, a bool, a finite number, a text that can be stored as UTF-8, or a list or tuple of these.

    Raises:
        SpecError: The text has another form.
    """
    expected = f"expected a spec such as name or name(key=0.5), got {text!r:.80}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python's own doubts about a literal
            node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return Spec(node.id)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
            raise SpecError(expected)
        arguments = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg}
        for value in arguments.values():
            _expect_plain(value)
    except (SyntaxError, TypeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise SpecError(expected) from error
    if len(arguments) < len(node.keywords):
        raise SpecError(expected)
    return Spec(node.func.id, arguments)


def split_list(text: str) -> list[str]:
    """The parts between commas outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def split_stages(text: str) -> list[str]:
    """The parts between the bars outside quotes of a composition: "gamma(exponent=2.0) | negative"."""
    parts, quote = [""], ""
    for letter in text:
        if letter == "|" and not quote:
            parts.append("")
            continue
        parts[-1] += letter
        if letter in ("'", '"') and quote in ("", letter):
            quote = "" if quote else letter
    return [part.strip() for part in parts]


def name_in(text: str) -> str:
    """The name of a spec without its arguments; of a composition the whole text.

    Raises:
        SpecError: The text has another form.
    """
    return text if len(split_stages(text)) > 1 else parse_spec(text).name


class Registry(Generic[Registered]):
    """Functions of one kind by name: those of a package's modules, and those of other packages' entry points.

    Args:
        kind: What one of them is called, as in "transform"; entry points stand in the group of its plural, as in
            ``negatoscope.transforms``.
        package: The package whose modules are imported when a name is first asked for.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self._functions: dict[str, Registered] = {}
        self._discovered = False

    def register(self, function: Registered, name: str = "") -> Registered:
        """Add a function under its own name, or another one; use it as a decorator.

        Raises:
            SpecError: Another function has that name.
        """
        name = name or function.__name__
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
            article = "an" if self.kind[0] in "aeiou" else "a"
            hint = suggest(name, self.names())
            raise SpecError(f"expected the name of {article} {self.kind}, got {name!r:.80}; {hint}")
        return self._functions[name]

    def settings(self, name: str) -> dict[str, inspect.Parameter]:
        """What a spec can set of the function of that name.

        Raises:
            SpecError: There is none.
        """
        return settings_of(self.get(name))

    def describe(self) -> list[Description]:
        """Every function: what it is, its parameters, where it is from."""
        return [describe(self.get(name), name=name, kind=self.kind) for name in self.names()]

    def resolve(self, text: str) -> tuple[Spec, Callable[..., Any]]:
        """The canonical spec of `text`, and its function with the spec's arguments bound.

        Raises:
            SpecError: The name or an argument is unknown, missing or of the wrong type.
        """
        spec = parse_spec(text)
        settings = self.settings(spec.name)
        arguments = {name: _argument(spec, name, settings) for name in spec.arguments}
        missing = [name for name, p in settings.items() if p.default is p.empty and name not in arguments]
        if missing:
            raise SpecError(f"expected {missing[0]} in {text!r:.80}; write {spec.name}({missing[0]}=...)")
        changed = {name: arguments[name] for name, p in settings.items() if arguments.get(name, p.default) != p.default}
        return Spec(spec.name, changed), partial(self.get(spec.name), **arguments)

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True  # before modules are imported, which may ask for names
        try:
            package = importlib.import_module(self.package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self.package}.{module.name}")
            plural = f"{self.kind[:-1]}ies" if self.kind.endswith("y") else f"{self.kind}s"
            for entry in entry_points(group=f"negatoscope.{plural}"):
                self.register(self._load(entry))
        except BaseException:
            self._discovered = False
            raise

    def _load(self, entry: EntryPoint) -> Registered:
        try:
            function: Registered = entry.load()
        except Exception as error:
            of = f" of the package {entry.dist.name}" if entry.dist else ""
            failed = f"{type(error).__name__}: {reason(error)}"
            text = f"expected to import the {self.kind} {entry.name!r}{of}, got {failed}; mend or uninstall it"
            raise SpecError(text) from error
        return function


def _expect_plain(value: object) -> None:
    """Refuse what neither a file's name, nor a Parquet column, nor a spec's own text could hold."""
    if isinstance(value, list | tuple):
        for part in value:
            _expect_plain(part)
    elif isinstance(value, str):
        if b"\0" in value.encode():  # which fails for half a surrogate pair
            raise ValueError
    elif not isinstance(value, bool | int | float | None) or not math.isfinite(value or 0):
        raise ValueError


def _argument(spec: Spec, name: str, settings: Mapping[str, inspect.Parameter]) -> object:
    if name not in settings:
        allowed = f"it takes {', '.join(settings)}" if settings else "it takes none"
        raise SpecError(f"expected an argument of {spec.name}, got {name!r:.80}; {allowed}")
    value, annotation = spec.arguments[name], settings[name].annotation
    try:
        return coerced(value, annotation)
    except TypeError as error:
        raise SpecError(f"expected {name} of {spec.name} to be {type_name(annotation)}, got {value!r:.80}") from error
