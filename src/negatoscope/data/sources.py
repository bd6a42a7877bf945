"""What is published about a dataset, and where its files are: in a folder of the user's, the cache, or online."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, overload

import platformdirs
from filelock import FileLock

from negatoscope.data.base import Dataset, SourceFile
from negatoscope.errors import DataError, DataNotFoundError, MissingExtraError
from negatoscope.files import cannot_write, sha256_of
from negatoscope.registry import Registry

if TYPE_CHECKING:
    import requests

RETRIES = 2
"""How often a download is tried again at each address."""

TIMEOUT_SECONDS = 30
"""How long a download waits for the next bytes."""


@dataclass(frozen=True)
class OfficialFile:
    """What is published about one file."""

    md5: str
    size_bytes: int


@dataclass(frozen=True)
class Package:
    """A Python package that ships a dataset: its name, the folder in it, and the extra of ours that installs it."""

    name: str
    folder: str
    extra: str

    def locate(self) -> Path | None:
        """The folder; None where the package is not installed."""
        package = find_spec(self.name)
        return None if package is None or package.origin is None else Path(package.origin).parent / self.folder


Check: TypeAlias = Callable[[Mapping[str, Path], str], object]
"""``check(paths, name)`` raises DataError where ``paths[name]`` is not what it should be; `paths` are those at hand."""


@dataclass(frozen=True)
class Source:
    """What is published about one dataset.

    Args:
        name: That of its loader.
        title: What it is.
        citation: Who made it, and when.
        license: Of the images.
        home: The address of its page.
        class_names: One for each class.
        addresses: Where its files are, each ending in "/"; they are tried in turn.
        counts: Images per split.
        files: Its files by name.
        package: What ships it, where nobody publishes its files.
        check: What tells whether a copy of a file is right although its bytes are not the published ones. Without it
            only official files pass `negatoscope data verify`.
    """

    name: str
    title: str
    citation: str
    license: str
    home: str
    class_names: tuple[str, ...]
    addresses: tuple[str, ...]
    counts: Mapping[str, int]
    files: Mapping[str, OfficialFile]
    package: Package | None = None
    check: Check | None = None


DATASETS: Registry[Callable[..., Dataset]] = Registry("dataset", "negatoscope.data")
"""Every dataset by name, called as ``loader(locator, split, ...)``.

What it loads has the loader's name as its spec, and `load_dataset` adds the arguments; a loader that gives its own spec
keeps it.
"""

_SOURCES: dict[str, Source] = {}
_Loader = TypeVar("_Loader", bound=Callable[..., Dataset])


@overload
def register_dataset(loader: _Loader) -> _Loader: ...


@overload
def register_dataset(*, source: Source) -> Callable[[_Loader], _Loader]: ...


def register_dataset(
    loader: _Loader | None = None, *, source: Source | None = None
) -> _Loader | Callable[[_Loader], _Loader]:
    """Add a dataset under the name of the function that loads it; use it as a decorator.

    With a `source`, ``negatoscope data list``, ``fetch`` and ``verify`` know its files. One module is all it takes::

        TINY = Source(
            name="tiny",
            title="Tiny images of cats and dogs",
            citation="Nobody 2000, Tiny images",
            license="CC0 1.0",
            home="https://example.org/tiny/",
            class_names=("cat", "dog"),
            addresses=("https://example.org/tiny/files/",),
            counts={"train": 100, "test": 20},
            files={"tiny.npz": OfficialFile(md5="0123456789abcdef0123456789abcdef", size_bytes=12_345)},
        )

        @register_dataset(source=TINY)
        def tiny(locator: DataLocator, split: str) -> Dataset:
            path = locator.find("tiny")["tiny.npz"].path
            return replace(open_npz(path, split), spec="tiny", class_names=TINY.class_names)

    Args:
        loader: ``loader(locator, split, **settings)``, where a spec can set what is behind the first two.
        source: What is published about it; none for data that the user brings.

    Raises:
        SpecError: Another dataset has that name.
    """
    if source is not None:
        _SOURCES[source.name] = source
    return DATASETS.register if loader is None else DATASETS.register(loader)  # type: ignore[return-value]


def sources() -> dict[str, Source]:
    """What is published about each dataset whose files are not the user's own, by name."""
    DATASETS.names()  # imports the modules that register them
    return _SOURCES


def cache_folder() -> Path:
    """The user's cache: ``NEGATOSCOPE_CACHE_DIR`` where that is set, else the platform's place."""
    named = os.environ.get("NEGATOSCOPE_CACHE_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("negatoscope"))


def downloads_folder() -> Path:
    """Where downloads are, each dataset's in a folder of its name."""
    return cache_folder() / "downloads"


def lock_of(folder: Path) -> Path:
    """The lock to hold while `folder` is filled or removed; it stays empty and is never removed, which is unsafe."""
    return folder.with_name(f"{folder.name}.lock")


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
        return [copy for origin, folder in self._folders(source) if (copy := _copy(source, origin, folder)).paths]

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
            raise MissingExtraError(
                f"{dataset} comes with {source.package.name}: pip install 'negatoscope[{source.package.extra}]'"
            )
        if not self.download or not source.addresses:
            raise self._not_found(source, "downloading is off" if source.addresses else "it has no download")
        try:
            return LocalCopy("cache", folder, download(source, folder, retries=RETRIES), ())
        except _DownloadError as error:
            raise self._not_found(source, f"the download failed: {error}") from error

    def _folders(self, source: Source) -> Iterator[tuple[str, Path]]:
        if source.package:
            folder = source.package.locate()
            if folder is not None:
                yield source.package.name, folder
            return
        for origin, folder in self.named.items():
            if not folder.is_dir():
                raise DataError(f"expected a folder with data in {origin}, got {folder}, which is none; correct it")
            yield origin, folder / source.name
            yield origin, folder
        yield "cache", downloads_folder() / source.name

    def _not_found(self, source: Source, reason: str) -> DataNotFoundError:
        partial, complete = self.copies(source.name), self.complete_copy(source.name)
        if complete:
            damaged = [name for name, path in complete.paths.items() if not _is_official(source.files[name], path)]
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
    try:
        paths = {name: folder / name for name in source.files if (folder / name).is_file()}
        own = {name: path for name, path in paths.items() if not _is_of_another(source, path)}
    except OSError as error:
        raise DataError(f"expected a folder that can be read, got {folder} ({error.strerror}); correct it") from error
    return LocalCopy(origin, folder, own, tuple(name for name in source.files if name not in own))


def _is_of_another(source: Source, path: Path) -> bool:
    """Whether the file is what another dataset publishes under the same name."""
    others = [other for other in sources().values() if other.name != source.name and path.name in other.files]
    return any(_is_official(other.files[path.name], path) for other in others)


def identify(source: Source, path: Path) -> SourceFile:
    """The file's sha256, and whether it is the published one.

    Raises:
        DataError: The file cannot be read.
    """
    return SourceFile(path.name, sha256_of(path), _is_official(source.files[path.name], path))


def _is_official(official: OfficialFile, path: Path) -> bool:
    return path.stat().st_size == official.size_bytes and md5_of(path) == official.md5


def md5_of(path: Path) -> str:
    """The file's md5 in hex: the checksum that these datasets publish; it guards against accidents, not attackers."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class _DownloadError(DataNotFoundError):
    """No address gives the file; the message says what each gave instead."""


def download(source: Source, folder: Path, *, retries: int) -> dict[str, Path]:
    """Fetch a dataset's files into `folder`: each verified before it takes its name, and only those not there yet.

    Two processes at once download once: the second waits.

    Raises:
        DataNotFoundError: No address gives a file.
        DataError: Every address that answers gives something else than the official file.
        OutputError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock_of(folder)):
            return {name: _download(source, name, folder, retries) for name in source.files}
    except OSError as error:
        raise cannot_write(folder, error) from error


def _download(source: Source, name: str, folder: Path, retries: int) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    failures = []
    for address in source.addresses:
        known = {name: f"md5:{source.files[name].md5}"}
        store = pooch.create(path=folder, base_url=address, registry=known, retry_if_failed=retries)
        try:
            return Path(store.fetch(name, downloader=_stream))
        except requests.RequestException as error:
            failures.append(f"{address} gave {_reason(error)}")
        except ValueError:
            failures.append(f"{address} gave other bytes")
    if any(failure.endswith("other bytes") for failure in failures):
        raise DataError(f"expected the official {name} of {source.name}, but {', '.join(failures)}; try again later")
    raise _DownloadError(", ".join(failures))


def _stream(url: str, output_file: str, _store: object) -> None:
    """Download, called as pooch calls it, with a progress bar on a terminal."""
    import requests
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    request = requests.get(url, stream=True, timeout=TIMEOUT_SECONDS, headers={"Accept-Encoding": "identity"})
    with request as response, progress, Path(output_file).open("wb") as file:
        response.raise_for_status()
        size_bytes = int(response.headers.get("Content-Length", 0)) or None
        task = progress.add_task(url.rpartition("/")[2], total=size_bytes)
        for block in response.iter_content(1 << 16):
            progress.advance(task, file.write(block))


def _reason(error: "requests.RequestException") -> str:
    import requests

    if error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"nothing for {TIMEOUT_SECONDS} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "a broken connection"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
