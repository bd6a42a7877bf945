"""What a user tells of a classifier, in options, in Python or in a TOML file: the same names everywhere."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from negatoscope.errors import InputError
from negatoscope.models.input_spec import ChannelOrder, Dtype, Layout, Output, Range
from negatoscope.pixels import Resample

Reader = Callable[[Any], Any]


def read_options(values: Mapping[str, object]) -> dict[str, Any]:
    """Options as the command line, Python or TOML gives them, in one form; None is left out.

    A file under "input_spec" is read first, and the other values stand over what it says.

    Raises:
        InputError: A name is unknown, or a value does not fit it.
    """
    given = {name: value for name, value in values.items() if value is not None}
    held = load_config(_path(given.pop("input_spec"))) if "input_spec" in given else {}
    return held | {name: _read(name, value) for name, value in given.items()}


def load_config(path: Path) -> dict[str, Any]:
    """Read a TOML file of what a classifier wants.

    Raises:
        InputError: The file cannot be read, is not TOML, or says something impossible.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"expected TOML in {path}, but it cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected TOML in {path}, got a file that is not: {error}") from error
    try:
        return {name: _read(name, value) for name, value in values.items() if name != "input_spec"}
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read(name: str, value: object) -> Any:
    if name not in READERS:
        near = difflib.get_close_matches(name, READERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(READERS)}"
        raise InputError(f"expected the name of something that a classifier input_spec, got {name!r}; {hint}")
    reader, form = READERS[name]
    try:
        return reader(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"expected {name} to be {form}, got {value!r}") from error


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path):
        raise InputError(f"expected the path of a file, got {value!r}")
    return Path(value).expanduser()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, str):
        value = int(value)
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _numbers(value: Any) -> tuple[float, ...]:
    parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, int | float) else value
    return tuple(_number(part) for part in parts)


def _size(value: Any) -> tuple[int, int]:
    parts = value.lower().split("x") if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
    height, width = parts * 2 if len(parts) == 1 else parts
    return _whole(height), _whole(width)


def _class_map(value: Any) -> tuple[int, ...] | str:
    """Indices, or a text for `class_map.read_class_map`."""
    if isinstance(value, str | Path):
        return str(value)
    if any(type(index) is not int for index in value):
        raise TypeError
    return tuple(value)


def _one_of(choices: Any) -> tuple[Reader, str]:
    allowed = get_args(choices)

    def read(value: Any) -> Any:
        if value not in allowed:
            raise ValueError
        return value

    return read, f"one of {', '.join(allowed)}"


READERS: Mapping[str, tuple[Reader, str]] = {
    "name": (_text, "a text"),
    "weights": (_path, "the path of a file"),
    "size": (_size, "a whole number of pixels, or two such as 224x160 (height x width)"),
    "channels": _one_of(Literal["gray", "rgb"]),
    "channel_order": _one_of(ChannelOrder),
    "layout": _one_of(Layout),
    "range": _one_of(Range),
    "mean": (_numbers, "one number or one for each channel, such as 0.485,0.456,0.406"),
    "std": (_numbers, "one number or one for each channel, such as 0.229,0.224,0.225"),
    "resize": _one_of(Resample),
    "fit": _one_of(Literal["stretch", "crop"]),
    "crop_share": (_number, "a number"),
    "output": _one_of(Output),
    "output_name": (_text, "a text"),
    "classes": (_whole, "a whole number above 0"),
    "class_map": (_class_map, "a list of output numbers, or the name of a file with a line for each output"),
    "batch": (_whole, "a whole number above 0"),
    "dtype": _one_of(Dtype),
    "provider": (_text, "the name of an onnxruntime execution provider"),
}
"""For each name, what reads its value and what an error says that it should be."""
