"""What is published about each dataset, and the registry of what loads them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias, TypeVar, overload

from negatoscope.data.base import Dataset
from negatoscope.registry import Registry


@dataclass(frozen=True)
class OfficialFile:
    """What is published about one file; its md5 guards against accidents, not attackers."""

    md5: str
    size_bytes: int

    def is_at(self, path: Path) -> bool:
        """Whether the file there is this one, byte for byte."""
        if path.stat().st_size != self.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == self.md5


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
