"""Documents on disk: typed objects to JSON and back, with a schema number, and settings out of TOML.

A document is a frozen dataclass. What is read is checked against its types, names and values, and whatever is wrong is
one sentence. pydantic does the checking: of the libraries that know dataclasses its errors say most (the place, the
value, the values that are allowed), it writes JSON Schema, and it is loaded only when a document is read or written.
"""

import inspect
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from negatoscope.descriptions import arguments_of
from negatoscope.errors import DataError, InputError, shown, suggest
from negatoscope.files import write_whole
from negatoscope.stores import AnyPath

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails
    from pydantic_core.core_schema import DataclassSchema

SCHEMA = 2
"""The version of every document that has a field `schema`."""

T = TypeVar("T")

_NAMED = {
    "missing": "a value",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "mapping_type": "a table",
    "none_required": "nothing",
}
_ADAPTERS: "dict[Any, TypeAdapter[Any]]" = {}
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def to_json(document: object) -> bytes:
    """A document as JSON, indented by one space, with a line break at its end."""
    plain = _adapter(type(document)).dump_python(document, mode="json")
    return (json.dumps(plain, indent=1) + "\n").encode()


def to_plain(document: object) -> Any:
    """A document as the lists, tables, texts and numbers that JSON has."""
    return _adapter(type(document)).dump_python(document, mode="json")


def write_document(path: AnyPath, document: object) -> None:
    """Write a document as JSON, whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    write_whole(path, to_json(document))


def read_document(path: AnyPath, kind: type[T], *, what: str, make: str) -> T:
    """Read a document that `write_document` wrote.

    Args:
        path: The file.
        kind: Its type.
        what: How an error calls it, as in "the summary of an audit".
        make: What an error says to do where it is missing, damaged or of an earlier schema, as in "audit again".

    Raises:
        DataError: The file is missing, damaged, of an earlier schema, or not of this type.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"expected {what} in {path}, but there is no such file; {make}") from error
    except OSError as error:
        raise DataError(f"expected {what} in {path}, but it cannot be read: {error.strerror}; {make}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected {what} in {path}, got a file that is no JSON; {make}") from error
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema != SCHEMA and any(field.name == "schema" for field in fields(kind)):  # type: ignore[arg-type]
        raise DataError(f"expected {what} of schema {SCHEMA} in {path}, got schema {schema}; {make}")
    try:
        return from_plain(values, kind)
    except InputError as error:
        raise DataError(f"expected {what} in {path}, but {error}; {make}") from error


def read_toml(path: AnyPath, *, what: str) -> dict[str, Any]:
    """The tables of a TOML file that a user wrote.

    Args:
        path: The file.
        what: How an error calls it, as in "a recipe".

    Raises:
        InputError: It cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"expected {what} in {path}, but it cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # of tomllib, of the decoding, of absurd numbers and nesting
        raise InputError(f"expected {what} as TOML in {path}, got a file that is not: {error}") from error


def read_settings(path: AnyPath, kind: type[T], *, what: str, error: type[InputError] = InputError) -> T:
    """A typed object from a TOML file that a user wrote.

    Args:
        path: The file.
        kind: Its type.
        what: How an error calls it, as in "a recipe".
        error: What is raised where anything is wrong; its sentence names the file.
    """
    where = ""
    try:
        values = read_toml(path, what=what)
        where = f"{path}: "
        return from_plain(values, kind)
    except InputError as problem:
        raise error(f"{where}{problem}") from problem


def from_plain(values: object, kind: type[T]) -> T:
    """A typed object from plain data: no name may be unknown, no type other than declared, no value impossible.

    A whole number may stand for a float, and a list for a tuple; nothing else is converted.

    Raises:
        InputError: Something is wrong; the sentence says where, what was expected and what came.
    """
    from pydantic import ValidationError

    try:
        found: T = _adapter(kind).validate_json(json.dumps(values, default=str), strict=True, extra="forbid")
    except ValidationError as error:
        raise InputError(_sentence(error.errors(include_url=False), values, kind)) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"expected {kind.__name__} as plain data, got {shown(values)}") from error
    return found


def expect_choices(document: Any, error: type[InputError] = InputError) -> None:
    """Hold each field that has a choice of words for its type against them; for a dataclass that checks itself.

    Raises:
        InputError: One of them is another word; or `error`, if that is given.
    """
    for field in fields(document):
        value, choices = getattr(document, field.name), get_args(field.type)
        if get_origin(field.type) is Literal and value not in choices:
            raise error(f"expected {field.name} to be one of {', '.join(choices)}, got {value!r}")


def json_schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a document; each field is described as the docstring of its class describes it."""
    from pydantic.json_schema import GenerateJsonSchema

    class Described(GenerateJsonSchema):
        def dataclass_schema(self, schema: "DataclassSchema") -> dict[str, Any]:
            described = super().dataclass_schema(schema)
            meanings = _meanings(schema["cls"])
            for name, values in described["properties"].items():
                values |= {"description": meanings[name]} if name in meanings else {}
            described["description"] = inspect.cleandoc(schema["cls"].__doc__ or "").partition("\n\nArgs:\n")[0]
            return described

    return _adapter(kind).json_schema(schema_generator=Described)


def _meanings(kind: type) -> dict[str, str]:
    """What the docstrings of a class, and of those that it is made from, say of its fields."""
    meanings = {"schema": f"The version of the document's form: {SCHEMA}."}
    for base in reversed(kind.__mro__):
        meanings |= arguments_of(inspect.cleandoc(base.__doc__ or ""))
    return meanings


def _adapter(kind: Any) -> "TypeAdapter[Any]":
    if kind not in _ADAPTERS:
        from pydantic import TypeAdapter

        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _sentence(errors: "Sequence[ErrorDetails]", values: object, kind: type) -> str:
    error = errors[0]
    path = _path(error, values)
    place = ".".join(map(str, path))
    if error["type"] == "value_error":  # a check of the class itself, which is a sentence already
        return str(error["ctx"]["error"])
    if error["type"] in _UNKNOWN:
        known = _fields_at(kind, path[:-1])
        return f"expected no {place!r}; {suggest(str(path[-1]), known)}"
    if error["type"] == "missing":
        return f"expected {place}, which is missing"
    allowed = dict.fromkeys(_allowed(other) for other in errors if _path(other, values) == path)
    return f"expected {place or kind.__name__} to be {' or '.join(allowed)}, got {shown(error['input'])}"


def _path(error: "ErrorDetails", values: object) -> list[int | str]:
    """Where in the values something is wrong: pydantic's place without the names of a union's members."""
    path: list[int | str] = []
    for part in error["loc"]:
        held = isinstance(values, Mapping) and part in values
        listed = isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)
        if held or listed:
            values = values[part]  # type: ignore[index]
            path.append(part)
        elif error["type"] == "missing" and part == error["loc"][-1]:
            path.append(part)
    return path


def _allowed(error: "ErrorDetails") -> str:
    expected = error.get("ctx", {}).get("expected") or _NAMED.get(error["type"])
    return str(expected or error["msg"].removeprefix("Input should be ").rstrip("."))


def _fields_at(kind: Any, path: Sequence[object]) -> list[str]:
    """The names of the fields of the dataclass that a path of names and positions leads to."""
    for part in path:
        if isinstance(part, int):  # of a list, whose dataclass is known already
            continue
        if is_dataclass(kind):
            kind = next((field.type for field in fields(kind) if field.name == part), None)
        kind = next((each for each in _dataclasses_in(kind)), None)
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []


def _dataclasses_in(kind: Any) -> list[Any]:
    """The dataclasses that a type is made of: itself, or what a list, a table or a choice of it holds."""
    if is_dataclass(kind):
        return [kind]
    return [found for part in getattr(kind, "__args__", ()) for found in _dataclasses_in(part)]
