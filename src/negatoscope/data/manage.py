"""What `negatoscope data` does: list, fetch and verify data files, and clean the cache."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from negatoscope.cache import cache_folder
from negatoscope.copies import copies_folder
from negatoscope.data import DATASETS, DataLocator, SourceFile
from negatoscope.data.cache import downloads_folder, lock_of
from negatoscope.data.locator import LocalCopy, identify
from negatoscope.data.prepare import leftovers, prepared_folder
from negatoscope.data.sources import Source, sources
from negatoscope.errors import DataError, DataNotFoundError, SpecError
from negatoscope.files import holding, write_errors
from negatoscope.stores import note_of

State = Literal["official", "unofficial copy", "damaged", "incomplete", "not here", "elsewhere"]


@dataclass(frozen=True)
class Entry:
    """One dataset and the copy of it that would be used.

    Args:
        name: As in a spec.
        title: What it is.
        license: Of the images; "" where nothing is published.
        size_bytes: Of the official files; 0 where nothing is published.
        state: "official", "unofficial copy", "damaged" (a file in the cache is not the official one), "incomplete"
            (files are missing), "not here", or "elsewhere" (nothing is published; its loader knows where it is).
        origin: The option or variable that named the folder, "cache", or the package that ships it; "" without a copy.
        folder: Where the copy is.
        files: Those that are there.
        missing: Those that are not.
    """

    name: str
    title: str
    license: str
    size_bytes: int
    state: State
    origin: str = ""
    folder: Path | None = None
    files: tuple[SourceFile, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """One file that was checked; `problem` says what is wrong with it, "" where it is valid."""

    dataset: str
    origin: str
    path: Path
    sha256: str
    official: bool
    problem: str


@dataclass(frozen=True)
class Cleaned:
    """What was removed, and what was left because a process uses it."""

    removed: tuple[Path, ...]
    size_bytes: int
    in_use: tuple[Path, ...]


def list_datasets(*, data_dir: Path | None = None) -> list[Entry]:
    """Every dataset and where it is, by checksum only: `verify` looks into the files.

    Raises:
        DataError: A named folder does not exist, or a file cannot be read.
    """
    locator = DataLocator(data_dir, download=False)
    return [_entry(name, locator) for name in DATASETS.names()]


def fetch(name: str, *, data_dir: Path | None = None) -> tuple[Entry, bool]:
    """Download a dataset into the cache unless there is a copy; a damaged one in the cache is repaired.

    Returns:
        The dataset as it is now, and whether anything was downloaded.

    Raises:
        SpecError: There is no such dataset, or none that anybody publishes.
        MissingExtraError: A package ships it that is not installed.
        DataNotFoundError: It cannot be downloaded.
        DataError: Its addresses give other bytes, or a named folder does not exist.
        OutputError: The cache cannot be written.
    """
    locator = DataLocator(data_dir)
    entry = _entry(_published(name).name, locator)
    if entry.state in ("official", "unofficial copy"):
        return entry, False
    locator.fetch(name)
    return _entry(name, locator), True


def verify(names: Sequence[str] = (), *, data_dir: Path | None = None) -> list[Verified]:
    """Check every file of the named datasets, or of all, in every place: its checksum, structure, and each zip member.

    A copy that holds what another dataset publishes under the same file names is passed over, unless it is named.

    Raises:
        SpecError: There is no such dataset, or none that anybody publishes.
        DataNotFoundError: A dataset that is named has no file anywhere.
        DataError: A named folder does not exist.
    """
    locator = DataLocator(data_dir, download=False)
    named = [_published(name) for name in names or sorted(sources())]
    sets = [_verify_copy(source, copy) for source in named for copy in locator.copies(source.name)]
    absent = sorted(set(names) - {rows[0].dataset for rows in sets})
    if absent:
        raise DataNotFoundError(f"expected files of {absent[0]}, found none; run negatoscope data fetch {absent[0]}")
    valid = {tuple(row.path for row in rows) for rows in sets if not any(row.problem for row in rows)}
    return [
        row
        for rows in sets
        if names or not any(row.problem for row in rows) or tuple(row.path for row in rows) not in valid
        for row in rows
    ]


def clean(*, downloads: bool = False) -> Cleaned:
    """Remove prepared arrays, copies of objects in stores, and what interrupted runs left in the cache.

    What a process works on stays.

    Args:
        downloads: Whether downloaded files go, too.

    Raises:
        OutputError: The cache cannot be written.
    """
    removed: list[Path] = []
    in_use: list[Path] = []
    size_bytes = 0
    copies, results = _folders(copies_folder()), _folders(cache_folder() / "stores")
    for folder in [*_prepared_sets(), *copies, *results, *_folders(downloads_folder())]:
        with holding(lock_of(folder), wait=False) as held:
            if not held:
                in_use.append(folder)
                continue
            whole = downloads or folder.parent != downloads_folder()
            targets = leftovers(folder) + ([folder] * folder.is_dir() if whole else sorted(folder.glob("tmp*")))
            targets += [note for note in [note_of(folder)] if note.is_file()]
            size_bytes += sum(_remove(target) for target in targets)
            removed += targets
    return Cleaned(tuple(removed), size_bytes, tuple(in_use))


def _published(name: str) -> Source:
    DATASETS.get(name)
    if name not in sources():
        raise SpecError(
            f"expected one of {', '.join(sorted(sources()))}, got {name!r}, whose files nobody publishes; leave it out"
        )
    return sources()[name]


def _entry(name: str, locator: DataLocator) -> Entry:
    source = sources().get(name)
    if source is None:
        title = (DATASETS.get(name).__doc__ or "").partition("\n")[0].rstrip(".")
        return Entry(name, title, "", 0, "elsewhere")
    size_bytes = sum(file.size_bytes for file in source.files.values())
    absent = Entry(name, source.title, source.license, size_bytes, "not here", missing=tuple(source.files))
    copies = locator.copies(name)
    if not copies:
        return absent
    copy = min(copies, key=lambda copy: bool(copy.missing))  # the first whole one, else the first
    files = tuple(identify(source, path) for path in copy.paths.values())
    state: State = "damaged" if copy.origin == "cache" else "unofficial copy"
    if all(file.official for file in files):
        state = "official"
    if copy.missing:
        state = "incomplete"
    return replace(absent, state=state, origin=copy.origin, folder=copy.folder, files=files, missing=copy.missing)


def _verify_copy(source: Source, copy: LocalCopy) -> list[Verified]:
    rows = []
    for name, path in copy.paths.items():
        file = identify(source, path)
        problem = ""
        try:
            if source.check:
                source.check(copy.paths, name)
        except DataError as error:
            problem = str(error)
        if not problem and not file.official and (copy.origin == "cache" or source.check is None):
            problem = f"expected the official file in {path}, got another; run negatoscope data fetch {source.name}"
        rows.append(Verified(source.name, copy.origin, path, file.sha256, bool(file.official), problem))
    for path in (copy.folder / name for name in copy.missing):
        rows.append(Verified(source.name, copy.origin, path, "", False, f"expected {path}, it is missing; add it"))
    return rows


def _prepared_sets() -> list[Path]:
    """The folder of every key, also where only its lock or an interrupted run's remains are there."""
    top = prepared_folder()
    remains = {path.name[1:].rsplit(".", 2)[0] for path in top.glob(".*.tmp")}
    locks = {path.stem for path in top.glob("*.lock")}
    return sorted(top / name for name in remains | locks | {path.name for path in _folders(top)})


def _folders(top: Path) -> list[Path]:
    return sorted(path for path in top.glob("*") if path.is_dir() and not path.name.startswith("."))


def _remove(path: Path) -> int:
    """Remove a file, or a folder that first loses its name, so that nobody reads half of it; its size in bytes."""
    size_bytes = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    with write_errors(path):
        if path.is_dir():
            shutil.rmtree(path.rename(path.with_name(f".{path.name}.{os.getpid()}.tmp")))
        else:
            path.unlink()
    return size_bytes
