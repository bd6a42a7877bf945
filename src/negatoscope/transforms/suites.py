"""Named lists of transforms, each with a version, so that two audits years apart can be compared."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from negatoscope.descriptions import Description
from negatoscope.documents import from_plain, read_toml
from negatoscope.errors import SpecError, expect, suggest
from negatoscope.transforms import describe_transform


@dataclass(frozen=True)
class Suite:
    """Transforms that are run together.

    Args:
        name: "negative", "semantic" or "all".
        version: Another number whenever the specs are others.
        summary: What they are.
        specs: Their canonical spec strings.
        includes: Other suites, whose transforms come after its own.
    """

    name: str
    version: int
    summary: str
    specs: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()


def suite(name: str, *, channels: Literal["gray", "rgb"] = "rgb") -> Suite:
    """The suite of that name.

    Args:
        name: "negative", "semantic" or "all".
        channels: "gray" leaves out what is of use for color images only.

    Raises:
        SpecError: There is none; the nearest name is suggested.
    """
    entries = _entries()
    expect(name in entries, "the name of a suite", f"{name!r:.80}; {suggest(name, entries)}", SpecError)
    specs = dict.fromkeys(spec for part in (name, *entries[name].includes) for spec in entries[part].specs)
    chosen = [spec for spec in specs if channels == "rgb" or not describe_transform(spec).color]
    return replace(entries[name], specs=tuple(chosen))


def describe_suites() -> list[Description]:
    """Every suite, with the specs of its transforms."""
    return [
        Description(entry.name, "suite", f"Version {entry.version}: {entry.summary}", contains=suite(entry.name).specs)
        for entry in _entries().values()
    ]


@cache
def _entries() -> dict[str, Suite]:
    tables = read_toml(Path(__file__).with_name("suites.toml"), what="suites")
    return {name: from_plain({"name": name, **table}, Suite) for name, table in tables.items()}
