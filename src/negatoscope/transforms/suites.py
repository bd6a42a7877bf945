"""Named lists of transforms, each with a version, so that two audits years apart can be compared."""

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from typing import Literal

from negatoscope.descriptions import Description
from negatoscope.documents import from_plain
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


@dataclass(frozen=True)
class _Entry:
    """A suite as `suites.toml` has it."""

    version: int
    summary: str
    specs: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()


def suite_names() -> list[str]:
    """Every suite there is."""
    return list(_entries())


def suite(name: str, *, channels: Literal["gray", "rgb"] = "rgb") -> Suite:
    """The suite of that name.

    Args:
        name: "negative", "semantic" or "all".
        channels: "gray" leaves out what is of use for colour images only.

    Raises:
        SpecError: There is none; the nearest name is suggested.
    """
    entries = _entries()
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(entries)}"
        raise SpecError(f"expected the name of a suite, got {name!r:.80}; {hint}")
    specs = dict.fromkeys(spec for part in (name, *entries[name].includes) for spec in entries[part].specs)
    chosen = [spec for spec in specs if channels == "rgb" or not describe_transform(spec).color]
    return Suite(name, entries[name].version, tuple(chosen))


def describe_suites() -> list[Description]:
    """Every suite, with the specs of its transforms."""
    return [
        Description(name, "suite", f"Version {entry.version}: {entry.summary}", contains=suite(name).specs)
        for name, entry in _entries().items()
    ]


@cache
def _entries() -> dict[str, _Entry]:
    file = package_files("negatoscope.transforms").joinpath("suites.toml")
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: from_plain(table, _Entry) for name, table in tables.items()}
