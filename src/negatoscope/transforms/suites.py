"""Named lists of transforms, each with a version, so that two audits years apart can be compared."""

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from typing import Any, Literal

from negatoscope.errors import SpecError
from negatoscope.transforms import describe_transform


@dataclass(frozen=True)
class Suite:
    """Transforms that are run together.

    Args:
        name: "negative", "semantic" or "all".
        version: Another number whenever the specs are others.
        specs: Their canonical spec strings.
    """

    name: str
    version: int
    specs: tuple[str, ...]


def suite_names() -> list[str]:
    """Every suite there is."""
    return list(_told())


def suite(name: str, *, channels: Literal["gray", "rgb"] = "rgb") -> Suite:
    """The suite of that name.

    Args:
        name: "negative", "semantic" or "all".
        channels: "gray" leaves out what has something to say of colour images only.

    Raises:
        SpecError: There is none; the nearest name is suggested.
    """
    told = _told()
    if name not in told:
        near = difflib.get_close_matches(name, told, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(told)}"
        raise SpecError(f"expected the name of a suite, got {name!r}; {hint}")
    parts = [name, *told[name].get("includes", ())]
    specs = dict.fromkeys(spec for part in parts for spec in told[part].get("specs", ()))
    kept = [spec for spec in specs if channels == "rgb" or not describe_transform(spec).color]
    return Suite(name, told[name]["version"], tuple(kept))


@cache
def _told() -> dict[str, Any]:
    return tomllib.loads(package_files("negatoscope.transforms").joinpath("suites.toml").read_text(encoding="utf-8"))
