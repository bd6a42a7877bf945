"""Copies in the cache of a store's objects, for what only opens files of a disk, such as models and their weights.

A copy is whole, and is kept by the objects' URLs and versions: what changed in the store is copied anew.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from negatoscope.cache import cache_folder
from negatoscope.errors import DataError, NegatoscopeError, expect
from negatoscope.files import holding, remove_leftovers, writing_folder
from negatoscope.stores import AnyPath, StorePath, path_of


def copies_folder() -> Path:
    """Where copies are, each in a folder of its own beside its lock."""
    return cache_folder() / "copies"


def local_file(file: str | AnyPath) -> Path:
    """A file on the disk: the one that is named, or a copy of that object.

    Raises:
        DataError: There is no such object, or it changed while it was copied.
        InputError: The URL is of no known store.
        OutputError: The cache cannot be written.
        StoreError: The store cannot be reached or refuses.
    """
    place = path_of(file)
    return place if isinstance(place, Path) else local_files(place.parent, [place.name]) / place.name


def local_files(folder: StorePath, names: Sequence[str]) -> Path:
    """A folder on the disk with copies of some objects.

    Raises:
        DataError: There is no such object, or one changed while they were copied.
        OutputError: The cache cannot be written.
        StoreError: The store cannot be reached or refuses.
    """
    versions = _versions(folder, names)
    key = sha256(repr((folder.url, sorted(versions.items()))).encode()).hexdigest()[:16]
    home = copies_folder() / key
    copy = home / (folder.name or "store")
    with holding(home.with_name(f"{key}.lock")):
        if not copy.is_dir():
            remove_leftovers([home])
            with writing_folder(copy) as temporary:
                for name in names:
                    (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).download(temporary / name)
                expected = f"{folder} to stay as it is while it is read"
                expect(_versions(folder, names) == versions, expected, "a change; run the same again", DataError)
    return copy


@contextmanager
def named(place: StorePath, folder: Path) -> Iterator[None]:
    """Within it, errors name the place in the store instead of the folder."""
    try:
        yield
    except NegatoscopeError as error:
        error.args = (str(error).replace(str(folder), place.url),)
        raise


def _versions(folder: StorePath, names: Sequence[str]) -> dict[str, str]:
    try:
        return {name: (folder / name).version() for name in names}
    except FileNotFoundError as error:
        raise DataError(f"expected a file in {error.filename}, but there is no such object; correct it") from error
