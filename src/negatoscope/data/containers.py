"""Encoded images by position: each is read on access, and decoded in whatever thread its reader likes."""

import csv
import os
import struct
import tarfile
import threading
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from negatoscope.errors import DataError
from negatoscope.pixels import AS_STORED, DecodeSpec, decode
from negatoscope.stores import AnyPath, StorePath
from negatoscope.types import IndexArray

AHEAD = 32
"""How many images a container hears of before they are read."""

MAX_BYTES = 256_000_000
"""Larger image files are refused: a small archive can claim any size."""

BROKEN = (
    OSError,
    EOFError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    ValueError,
    csv.Error,
    struct.error,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
)
"""What the libraries raise that read files, where one is missing or damaged."""


class Container(ABC):
    """Encoded images by position.

    Reading keeps a place in a file, so it is one thread's at a time, and cheap at ascending positions; decoding is
    anybody's.

    Args:
        names: What each image is called; no path outside the container is in it.

    Attributes:
        has_file_names: Whether names are those of files, so that one without an ending may be DICOM.
        has_files: Whether images are files, which a `DecodeSpec` may say something of; else they are values of 8 bits.
        states_bits: Whether these files say themselves how many bits they use.
        packages: What decodes images beside Pillow, by the names that are imported.
    """

    has_file_names = False
    has_files = True
    states_bits = False
    packages: tuple[str, ...] = ()

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.lock: AbstractContextManager[object] = threading.Lock()

    def prepare(self, positions: IndexArray) -> None:  # noqa: B027 (most have nothing to do)
        """Hear which images are read next, if it helps."""

    @abstractmethod
    def read(self, position: int) -> bytes:
        """The bytes of one image.

        Raises:
            DataError: They cannot be had, or are more than `MAX_BYTES`.
        """

    def decode(self, content: bytes, position: int, decoding: DecodeSpec) -> UInt8[np.ndarray, "channels height width"]:
        """The pixels that these bytes hold.

        Raises:
            DataError: They hold none.
        """
        return decode(content, name=printable(self.names[position]), decoding=decoding)


class LazyImages(Sequence[Any]):
    """Images of a container at their own size, read and decoded on access; safe in threads.

    Args:
        container: Where they are.
        positions: Which of them, in which order.
        decoding: Which values are black and white.
    """

    def __init__(self, container: Container, positions: IndexArray, decoding: DecodeSpec = AS_STORED) -> None:
        self.container, self.positions, self.decoding = container, positions, decoding

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return LazyImages(self.container, self.positions[index], self.decoding)
        return self.decode(self.read(index), index)

    def take(self, indices: IndexArray) -> "LazyImages":
        """The images at `indices`, in that order."""
        return LazyImages(self.container, self.positions[indices], self.decoding)

    def read(self, index: int) -> bytes:
        """An image's bytes.

        Raises:
            DataError: They cannot be had, or are too many.
        """
        with self.container.lock:
            self.container.prepare(self.positions[index : index + AHEAD])
            return self.container.read(int(self.positions[index]))

    def decode(self, content: bytes, index: int) -> UInt8[np.ndarray, "channels height width"]:
        """The pixels that `read` gave the bytes of.

        Raises:
            DataError: They are no image.
        """
        return self.container.decode(content, int(self.positions[index]), self.decoding)


class FolderFiles(Container):
    """Files of a folder.

    Args:
        top: The folder.
        names: The files' paths from there, separated by "/".
    """

    has_file_names = True

    def __init__(self, top: Path, names: Sequence[str]) -> None:
        super().__init__(names)
        self.top = top

    def read(self, position: int) -> bytes:
        """The whole file."""
        name = self.names[position]
        with reading(name), (self.top / name).open("rb") as file:
            expect_size(name, os.fstat(file.fileno()).st_size)
            return file.read()


class StoreFiles(Container):
    """Objects of a store, several of which are asked for at a time, since each request takes its time.

    Args:
        top: What stands for their folder.
        sizes: Their sizes in bytes, by their paths from there.
    """

    has_file_names = True

    def __init__(self, top: StorePath, sizes: Mapping[str, int]) -> None:
        super().__init__(list(sizes))
        self.top, self.sizes = top, list(sizes.values())
        self._coming: dict[int, Future[bytes]] = {}
        self._readers: ThreadPoolExecutor | None = None

    def __reduce__(self) -> tuple[type["StoreFiles"], tuple[StorePath, dict[str, int]]]:
        return StoreFiles, (self.top, dict(zip(self.names, self.sizes, strict=True)))

    def prepare(self, positions: IndexArray) -> None:
        """Ask for these, and forget what else was asked for."""
        self._readers = self._readers or ThreadPoolExecutor(AHEAD // 2, "negatoscope-store")
        earlier, self._coming = self._coming, {}
        for position in positions.tolist():
            if position in earlier:
                self._coming[position] = earlier.pop(position)
            elif self.sizes[position] <= MAX_BYTES:
                self._coming[position] = self._readers.submit((self.top / self.names[position]).read_bytes)
        for future in earlier.values():
            future.cancel()

    def read(self, position: int) -> bytes:
        """The whole object."""
        name = self.names[position]
        expect_size(name, self.sizes[position])
        with reading(name):
            coming = self._coming.pop(position, None)
            return coming.result() if coming else (self.top / name).read_bytes()


def expect_size(name: str, size_bytes: int) -> None:
    """Raise unless an image file has a size that images have.

    Raises:
        DataError: It is larger than `MAX_BYTES`.
    """
    if size_bytes > MAX_BYTES:
        raise DataError(f"expected at most {MAX_BYTES} bytes in {printable(name)}, got {size_bytes}")


def read_exactly(file: BufferedIOBase, size_bytes: int) -> bytes:
    """The next bytes of a file.

    Raises:
        EOFError: It has fewer.
    """
    content = file.read(size_bytes)
    if len(content) < size_bytes:
        raise EOFError(f"{size_bytes - len(content)} bytes are missing")
    return content


def reading(name: str) -> AbstractContextManager[None]:
    """Within it, whatever goes wrong in reading an image is a `DataError` with its name."""
    return reporting(f"expected a readable image, but {printable(name)} is none: ", "")


def opening(path: AnyPath, kind: str) -> AbstractContextManager[None]:
    """Within it, whatever is wrong with a file as a whole is a `DataError`; `kind` is what it should be: "a zip"."""
    return reporting(f"expected {kind} in {path}, got one that cannot be read (", "); fetch it again")


@contextmanager
def reporting(before: str, after: str) -> Iterator[None]:
    """Within it, what a library raises for a broken file is a `DataError` with its reason between two texts."""
    try:
        yield
    except DataError:
        raise
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{before}{printable(reason.partition(chr(10))[0])}{after}") from error


def printable(name: str) -> str:
    """A name that any file can hold: bytes that are no text are written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()
