"""Where a result comes from: versions, commit, processor and data; no paths, no host names."""

import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import negatoscope
from negatoscope.data import Dataset
from negatoscope.training.hardware import Hardware

_PACKAGES = ("torch", "numpy", "scipy", "pillow", "pyarrow", "matplotlib")


def provenance(*, command: str, hardware: Hardware, datasets: Iterable[Dataset]) -> dict[str, Any]:
    """Everything that a reader needs to judge a result or to have it again, as plain data."""
    return {
        "negatoscope": negatoscope.__version__,
        "commit": commit(),
        "command": command,
        "created": datetime.now(UTC).date().isoformat(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "system": f"{platform.system()} {platform.machine()}",
        "hardware": hardware.description,
        "data": [describe_data(dataset) for dataset in datasets],
    }


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """A dataset's files by name and sha256, and whether they are the published ones."""
    unofficial = [file.name for file in dataset.files if not file.official]
    note = f"unofficial copy: {', '.join(unofficial)} differ from the published files" if unofficial else ""
    own = dataset.name.startswith("folder:")
    return {
        "name": dataset.name,
        "spec": dataset.spec,
        "official": not unofficial,
        "sha256": {file.name: file.sha256 for file in dataset.files},
        "note": "images of the user's own" if own else note,
    }


def commit() -> str | None:
    """The commit of the checkout that this package runs from, "+changes" where sources differ from it, else None."""
    package = Path(negatoscope.__file__).parent
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or package != Path(top) / "src" / "negatoscope":
        return None
    changed = _git(package, "status", "--porcelain", "--", ".")
    return f"{_git(package, 'rev-parse', '--short=12', 'HEAD')}{'+changes' if changed else ''}"


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def command_line(name: str, options: Mapping[str, object]) -> str:
    """The command that was given, without the options that only say where files are."""
    told = [f"--{key} {value}" if value is not True else f"--{key}" for key, value in options.items() if value]
    return " ".join(["negatoscope", name, *told])
