"""What a user says of a classifier: the same names as options, as keyword arguments and in a TOML file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from negatoscope.copies import local_file
from negatoscope.documents import from_plain, read_toml
from negatoscope.errors import InputError, expect, shown, suggest
from negatoscope.models.layouts import Channels, Layout, Size
from negatoscope.pixels import Interpolation
from negatoscope.stores import path_of

OF_ONE_MODEL = ("name", "weights", "weights_key", "provider", "output_name")
"""Options of a model's own; what it expects may hold for models beside it, too."""

Range = Literal["0..1", "0..255", "-1..1"]
ChannelOrder = Literal["RGB", "BGR"]
Output = Literal["logits", "probabilities", "log_probabilities"]
_MOST_OUTPUTS = 10_000_000  # of a class map: more are a slip of the pen

Dtype = Literal["float16", "float32", "float64", "uint8", "int32", "int64"]


@dataclass(frozen=True)
class ModelOptions:
    """What is known of a classifier, from its user or its file; None is left open.

    Args:
        name: How reports call it.
        weights: The file with a factory's weights.
        weights_key: Where in that file they are: the name of the state dict, or what all their names begin with; a
            point goes one further in, as in "state_dict.model".
        size: Height and width of its images in pixels.
        channels: "gray" or "rgb".
        channel_order: "RGB" or "BGR".
        layout: How a batch is laid out.
        range: What [0, 1] becomes.
        mean: Subtracted after that, in the unit of `range`.
        std: Divided by after that, above 0, or below it for a negative.
        interpolation: The filter of the resizing.
        resize_mode: "stretch" or "crop".
        crop_pct: Of "crop": which share of the scaled sides is kept, in (0, 1].
        output: What its outputs are.
        output_name: Which output is read, where there are several.
        classes: How many outputs there are, at least 2.
        class_map: For each class of the data which output it is, from 0, or a text for `read_class_map`.
        batch: How many images it takes at once, at least 1, where that is fixed.
        dtype: Type of the numbers that it takes.
        provider: onnxruntime's execution provider.
    """

    name: str | None = None
    weights: Path | None = None
    weights_key: str | None = None
    size: Size | None = None
    channels: Channels | None = None
    channel_order: ChannelOrder | None = None
    layout: Layout | None = None
    range: Range | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation: Interpolation | None = None
    resize_mode: Literal["stretch", "crop"] | None = None
    crop_pct: float | None = None
    output: Output | None = None
    output_name: str | None = None
    classes: int | None = None
    class_map: tuple[int, ...] | str | None = None
    batch: int | None = None
    dtype: Dtype | None = None
    provider: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What is not left open, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}

    def over(self, others: "ModelOptions") -> "ModelOptions":
        """These, and where they leave something open, the others."""
        return replace(others, **self.given)


def read_options(values: Mapping[str, object]) -> ModelOptions:
    """Options as the command line, Python or TOML gives them; None is left out.

    A TOML file under "config" is read first, and the other values stand over what it says. Texts such as "224x160",
    "0.485,0.456,0.406" and "1..1000" may stand for numbers.

    Raises:
        InputError: A name is unknown, a value does not fit it, or the file cannot be read.
    """
    given = {name: value for name, value in values.items() if value is not None}
    config = given.pop("config", None)
    if isinstance(weights := given.get("weights"), str | Path):
        given["weights"] = local_file(weights)
    options = from_plain({name: _numbers_of(name, value) for name, value in given.items()}, ModelOptions)
    if config is None:
        return options
    if not isinstance(config, str | Path):
        raise InputError(f"expected config to be the path of a TOML file, got {shown(config)}")
    path = path_of(config)
    held = read_toml(path, what="a model's options")
    try:
        expect("config" not in held, "no config inside a file of options", repr(held.get("config")))
        return options.over(read_options(held))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def options_of_others(values: Mapping[str, object]) -> dict[str, Any]:
    """Those of the options of a model, with those of its TOML file, that hold for models beside it, too.

    Raises:
        InputError: As `read_options` says.
    """
    return {name: value for name, value in read_options(values).given.items() if name not in OF_ONE_MODEL}


def expect_known(options: Iterable[str], others: Iterable[str]) -> None:
    """Refuse what is the name of no option and of no other argument of a function.

    Args:
        options: The names that a caller gave.
        others: The function's own arguments.

    Raises:
        InputError: A name is unknown; the sentence has the nearest one.
    """
    known = [*others, *(field.name for field in fields(ModelOptions)), "config"]
    for name in options:
        if name not in known:
            raise InputError(f"expected no {name!r}; {suggest(name, known)}")


def _numbers_of(name: str, value: object) -> object:
    """Where a text or a single number may stand for several numbers, these."""
    if name not in _READERS:
        return value
    reader, form = _READERS[name]
    try:
        return reader(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"expected {name} to be {form}, got {shown(value)}") from error


def _size(value: Any) -> Size:
    parts = value.lower().split("x") if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
    height, width = (int(part) if isinstance(part, str) else part for part in (parts * 2 if len(parts) == 1 else parts))
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        raise ValueError
    return height, width


def _floats(value: Any) -> tuple[float, ...]:
    parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, Real) else list(value)
    if any(isinstance(part, bool) for part in parts):
        raise TypeError
    return tuple(map(float, parts))


def _outputs(value: Any) -> tuple[int, ...] | str:
    """Numbers of outputs; any other text is for `read_class_map`."""
    if not isinstance(value, str | Path):
        if any(type(index) is not int for index in value):
            raise TypeError
        return tuple(value)
    text = str(value)
    low, dots, high = text.partition("..")
    if dots and low.isdecimal() and high.isdecimal():
        first, last = int(low), int(high)
        if abs(last - first) > _MOST_OUTPUTS:
            raise ValueError
        return tuple(range(first, last + 1) if first <= last else range(first, last - 1, -1))
    parts = [part.strip() for part in text.split(",")]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else text


_READERS: Mapping[str, tuple[Callable[[Any], object], str]] = {
    "size": (_size, "a whole number of pixels, or two such as 224x160 (height x width)"),
    "mean": (_floats, "one number or one for each channel, such as 0.485,0.456,0.406"),
    "std": (_floats, "one number or one for each channel, such as 0.229,0.224,0.225"),
    "class_map": (_outputs, "a list of output numbers, or the name of a file with a line for each output"),
}
"""For each option of several numbers, what reads it and what an error says that it should be."""
