"""Files by URL, as in "s3://bucket/folder/file": objects of a store, reached with fsspec.

A store has no folders, no renaming and no locks of files. It has whole objects, each of which is there or not, and
lists of those whose names begin alike.
"""

import errno
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from negatoscope.cache import cache_folder
from negatoscope.errors import InputError, NegatoscopeError, StoreError, needed, reason

STORES = {"s3": ("s3fs", "stores"), "gs": ("gcsfs", "gs"), "memory": ("fsspec", "stores")}
"""The beginnings of URLs, each with the package that reaches such a store and the extra that installs it."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_BLOCK_BYTES = 4 << 20  # that are asked for at once
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@dataclass(frozen=True, order=True)
class StorePath:
    """An object of a store, or what stands for a folder there; it has those methods of `Path` that readers of data use.

    Every method that asks the store raises `StoreError` where it cannot be reached or refuses.

    Args:
        url: As in "s3://bucket/folder/file", without "/" at its end.
        kind: What a list said that it is, "" for not yet known.
    """

    url: str
    kind: Literal["file", "directory", ""] = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "StorePath":
        return StorePath(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The end of the name, from its last dot on."""
        return PurePosixPath(self.name).suffix

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def parent(self) -> "StorePath":
        """What is before the last part."""
        return StorePath(self.url.rpartition("/")[0])

    def expanduser(self) -> "StorePath":
        """The same: a URL is absolute."""
        return self

    resolve = absolute = expanduser
    as_posix = __str__

    def exists(self) -> bool:
        """Whether there is such an object, or one whose name begins with this and "/"."""
        return bool(self._kind)

    def is_file(self) -> bool:
        """Whether there is such an object."""
        return self._kind == "file"

    def is_dir(self) -> bool:
        """Whether there are objects whose names begin with this and "/"."""
        return self._kind == "directory"

    def size_bytes(self) -> int:
        """The object's size.

        Raises:
            FileNotFoundError: There is none.
        """
        with self._asking() as (store, key):
            return int(store.info(key)["size"])

    def version(self) -> str:
        """What differs when the object is another one, under the same name.

        Raises:
            FileNotFoundError: There is none.
        """
        with self._asking() as (store, key):
            entry = store.info(key)
            if entry["type"] != "file":
                raise FileNotFoundError
            return f"{entry['size']} bytes, {entry.get('ETag') or entry.get('etag') or entry['created']}"

    def read_bytes(self, start: int = 0, end: int | None = None) -> bytes:
        """The object's bytes, or some of them.

        Raises:
            FileNotFoundError: There is none.
        """
        with self._asking() as (store, key):
            content: bytes = store.cat_file(key, start=start or None, end=end)
        return content

    def read_text(self, encoding: str = "utf-8") -> str:
        """The object as a text.

        Raises:
            FileNotFoundError: There is none.
        """
        return io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding).read()

    def open(self, mode: Literal["rb"] = "rb") -> io.BufferedReader:
        """The object as a file, of which a block is asked for when it is read.

        Raises:
            FileNotFoundError: There is none.
        """
        return io.BufferedReader(_ObjectFile(self), _BLOCK_BYTES)

    def iterdir(self) -> "Iterator[StorePath]":
        """What is right inside, in the order of names.

        Raises:
            FileNotFoundError: There is nothing.
        """
        with self._asking() as (store, key):
            entries = sorted((_last(entry["name"]), entry["type"]) for entry in store.ls(key, detail=True))
        for name, kind in entries:
            if name and name != self.name:  # an empty object may stand for the folder itself
                yield StorePath(f"{self.url}/{name}", "directory" if kind == "directory" else "file")

    def glob(self, pattern: str) -> "list[StorePath]":
        """The objects right inside whose names match a pattern; none where there is no such folder."""
        with suppress(FileNotFoundError):
            return [path for path in self.iterdir() if fnmatchcase(path.name, pattern) and path.is_file()]
        return []

    def entries(self) -> dict[str, int]:
        """The size of every object inside, however deep, by its path from here."""
        with self._asking() as (store, key):
            found = store.find(key, detail=True)
        inside = {name.removeprefix(f"{key}/"): int(entry["size"] or 0) for name, entry in sorted(found.items())}
        return {name: size for name, size in inside.items() if name and name != key and not name.endswith("/")}

    def write_bytes(self, content: bytes, *, new: bool = False) -> None:
        """Write the object whole.

        Raises:
            FileExistsError: There is one, and it is to be `new`.
        """
        with self._asking() as (store, key):
            store.pipe_file(key, content, mode="create" if new else "overwrite")

    def upload(self, file: Path) -> None:
        """Write the object whole, with a file's content."""
        with self._asking() as (store, key):
            store.put_file(str(file), key)

    def download(self, file: Path) -> None:
        """Copy the object to a file, whose folder is there.

        Raises:
            FileNotFoundError: There is none.
        """
        with self._asking() as (store, key):
            store.get_file(key, str(file))

    def move(self, target: "StorePath") -> None:
        """Give the object another name in its store: it is copied, then removed.

        Raises:
            FileNotFoundError: There is none.
        """
        with self._asking() as (store, key):
            store.cp_file(key, _store_of(target.url)[1])
            store.rm_file(key)

    def remove(self) -> None:
        """Remove the object, or all inside, documents first: what is removed in part is then not taken for whole."""
        names = sorted(self.entries(), key=last_to_write, reverse=True)
        with self._asking() as (store, key):
            for documents in (True, False):
                if chosen := [f"{key}/{name}" for name in names if name.endswith(DOCUMENT) == documents]:
                    store.rm(chosen)
            if not names and self.is_file():
                store.rm_file(key)

    @property
    def _kind(self) -> str:
        if self.kind:
            return self.kind
        with suppress(FileNotFoundError), self._asking() as (store, key):
            return str(store.info(key)["type"])
        return ""

    @contextmanager
    def _asking(self) -> "Iterator[tuple[Any, str]]":
        """The store and the object's name there; within it, whatever goes wrong is a `StoreError` with its cause.

        Only that there is no such object, or already one, stays what it is, and what is wrong with the disk.
        """
        try:
            yield _store_of(self.url)
        except (NegatoscopeError, FileExistsError):
            raise
        except Exception as error:  # of the store's library, and of what that uses
            if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                raise
            if isinstance(error, FileNotFoundError) and "bucket does not exist" not in str(error):
                raise FileNotFoundError(errno.ENOENT, "there is no such object", self.url) from error
            cause = (reason(error) or type(error).__name__).rstrip(".")
            todo = "check the name, the credentials and the network"
            raise StoreError(f"cannot reach {self.url}: {cause}; {todo}") from error


AnyPath: TypeAlias = Path | StorePath
"""Where a file or a folder is: on the disk or in a store."""

DOCUMENT = ".json"
"""How the files end that say that others are whole: of several they are written last and removed first."""


def last_to_write(name: str) -> tuple[bool, str]:
    """What puts names in the order in which files are written."""
    return name.endswith(DOCUMENT), name


def path_of(text: str | Path | StorePath) -> AnyPath:
    """The path that a text names: on the disk, "~" resolved, or by URL in a store; "file://" is the disk, too.

    Raises:
        InputError: A URL begins with something else, or has parts that are no names.
    """
    if isinstance(text, StorePath):
        return text
    url = None if isinstance(text, Path) else _URL.match(text)
    if url is None:
        return expand_home(text)
    scheme = url[1].lower()
    if scheme == "file":
        return Path(url2pathname(urlsplit(str(text)).path))
    if scheme not in STORES:
        known = ", ".join(f"{name}://" for name in (*STORES, "file"))
        raise InputError(f"expected a path or a URL that begins with one of {known}, got {str(text)!r}; correct it")
    inside = str(text)[url.end() :].rstrip("/")
    if {"", ".", ".."} & set(inside.split("/")):
        raise InputError(f"expected names between the slashes of {str(text)!r}, got none, '.' or '..'; correct it")
    return StorePath(f"{scheme}://{inside}")


def folder_for(place: StorePath) -> Path:
    """The folder in the cache where results are written that are to be at `place`."""
    return _folders() / sha256(place.url.encode()).hexdigest()[:16]


def note_of(folder: Path) -> Path:
    """The file beside such a folder that says, as long as a run may write there, which place it is for."""
    return folder.with_name(f"{folder.name}.url")


def place_of(path: Path) -> StorePath | None:
    """Where in a store a file of such a folder is to be; None of any other file, and of one that is not whole yet.

    Raises:
        StoreError: The folder is not for a store any more.
    """
    if _folders() not in path.parents:
        return None
    digest, *names = path.relative_to(_folders()).parts
    if not names or any(is_temporary(name) for name in names):
        return None
    try:
        url = note_of(_folders() / digest).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StoreError("expected to be the only run that writes there, but another one took over; stop it") from error
    return StorePath("/".join([url, *names]))


def is_inside(name: str) -> bool:
    """Whether a path leads to something inside the folder that it starts from."""
    return not {"", ".", ".."} & set(name.split("/")) and "\\" not in name


def is_temporary(name: str) -> bool:
    """Whether a file or a folder is one that takes its own name when it is whole."""
    return bool(re.fullmatch(r"\..+\.\d+\.tmp", name))


def _folders() -> Path:
    return cache_folder() / "stores"


def size_of(path: AnyPath) -> int:
    """The size of a file in bytes.

    Raises:
        OSError: It cannot be had.
        StoreError: The store cannot be reached.
    """
    return path.size_bytes() if isinstance(path, StorePath) else path.stat().st_size


def _store_of(url: str) -> tuple[Any, str]:
    scheme = url.partition("://")[0]
    package, extra = STORES[scheme]
    core = needed("fsspec.core", extra=extra, why=f"{scheme}://")
    needed(package, extra=extra, why=f"{scheme}://")
    store, key = core.url_to_fs(url, use_listings_cache=False)
    return store, str(key)


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]


class _ObjectFile(io.RawIOBase):
    """An object as a file that is read; each read is a request."""

    def __init__(self, path: StorePath) -> None:
        self.path, self.size_bytes, self.place = path, path.size_bytes(), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self.place = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size_bytes}[whence])
        return self.place

    def tell(self) -> int:
        return self.place

    def readinto(self, buffer: Any, /) -> int:
        target = memoryview(buffer).cast("B")
        content = self._next(len(target))
        target[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        return self._next(self.size_bytes)

    def _next(self, size_bytes: int) -> bytes:
        end = min(self.place + size_bytes, self.size_bytes)
        content = self.path.read_bytes(self.place, end) if end > self.place else b""
        self.place += len(content)
        return content


def expand_home(path: str | Path) -> Path:
    """The path, with the home folder of a user in the place of a "~" at its beginning.

    Raises:
        InputError: There is no such user.
    """
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError) as error:  # of a null byte
        user = Path(path).parts[0]
        raise InputError(f"expected a user's home folder as {user} in {str(path)!r}, got none; correct it") from error
