"""Where a result comes from: versions, commit, processor and data; no paths, no host names."""

import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

version = cache(metadata.version)
_PACKAGES = ("torch", "numpy", "scipy", "pillow", "pyarrow", "matplotlib")


@dataclass(frozen=True)
class DataProvenance:
    """Where the images of a result come from.

    Args:
        name: The dataset's name.
        spec: Its canonical spec.
        official: Whether every file is the published one, byte for byte.
        sha256: The checksum of each file by name.
        note: What else a reader must know of them, "" where there is nothing.
    """

    name: str
    spec: str
    official: bool
    sha256: Mapping[str, str]
    note: str


@dataclass(frozen=True)
class Provenance:
    """Everything that a reader needs to judge a result or to make it again.

    Args:
        negatoscope: The version of this package.
        commit: Of the checkout that it ran from, "+changes" where sources differ from it; None outside a checkout.
        command: The command line, or the Python call, that made the result; of paths the last part only.
        created: The day, as in "2026-11-25".
        versions: Of Python and the packages that decide numbers.
        system: Operating system and machine.
        hardware: The processor, its threads and the precision.
        data: The datasets that took part.
    """

    negatoscope: str
    commit: str | None
    command: str
    created: str
    versions: Mapping[str, str]
    system: str
    hardware: str
    data: tuple[DataProvenance, ...]


def record_provenance(
    *, command: str, hardware: str, data: Iterable[DataProvenance], packages: Iterable[str] = ()
) -> Provenance:
    """The provenance of a result that is made now, on this machine.

    Args:
        command: What made it.
        hardware: On which processor, with how many threads and in which precision.
        data: What took part.
        packages: What else decided its numbers, by the names that are imported; what has no version is left out.
    """
    others = {name: getattr(sys.modules.get(name), "__version__", None) for name in packages}
    return Provenance(
        negatoscope=version("negatoscope"),
        commit=commit(),
        command=command,
        created=datetime.now(UTC).date().isoformat(),
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
            **{name: str(found) for name, found in others.items() if found},
        },
        system=f"{platform.system()} {platform.machine()}",
        hardware=hardware,
        data=tuple(data),
    )


def packages_of(value: object) -> tuple[str, ...]:
    """The package that an object's class, or a function, was imported from; none of ours."""
    package = str(getattr(value, "__module__", None) or "").partition(".")[0]
    return (package,) if package not in ("", "__main__", "builtins", "negatoscope", "torch") else ()


def python_call(function: str, *arguments: object, **options: object) -> str:
    """A call as `Provenance.command` records it: of paths the last part, of objects their name."""
    words = [_shown(value) for value in arguments]
    words += [f"{name}={_shown(value)}" for name, value in options.items()]
    return f"{function}({', '.join(words)})"


def without_folders(text: str) -> str:
    """A value with every path in it cut down to its last part."""
    return (
        text
        if text.startswith("timm:")
        else re.sub(r"""(?:[a-z0-9+.-]+:/(?=/))?[^,:='"(]*[/\\](?=[^/\\,:='")])""", "", text).rstrip("/\\")
    )


def _shown(value: object) -> str:
    match value:
        case str() | Path():
            return repr(without_folders(str(value)))
        case list() | tuple():
            return f"[{', '.join(map(_shown, value))}]"
        case bool() | int() | float():
            return repr(value)
    if isinstance(spec := getattr(value, "spec", None), str):
        return _shown(spec)
    names = (getattr(value, name, None) for name in ("name", "__name__"))
    return next((name for name in names if isinstance(name, str)), type(value).__name__)


@cache
def commit() -> str | None:
    """The commit of the checkout that this package runs from, "+changes" where sources differ from it, else None.

    A process asks once: what it runs is what it loaded.
    """
    package = Path(__file__).resolve().parent  # as git names it
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or package != Path(top) / "src" / "negatoscope":
        return None
    changed = _git(package, "status", "--porcelain", "--", ".")
    return f"{_git(package, 'rev-parse', '--short=12', 'HEAD')}{'+changes' if changed else ''}"


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
