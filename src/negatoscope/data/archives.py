"""Zips and tars of images, read where they lie: nothing is unpacked to the disk."""

import gzip
import io
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from negatoscope.data.base import Dataset, SourceFile
from negatoscope.data.class_folders import Opener, open_class_folders
from negatoscope.data.containers import Container, expect_size, opening, read_exactly, reading
from negatoscope.data.zips import ZipMembers, tidy
from negatoscope.stores import AnyPath

CLASS_SUFFIX = ".cls"
"""Of the members of WebDataset shards that hold a class number."""

_MAX_CLASS_BYTES = 64
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)


def open_zip(path: AnyPath, split: str, opener: Opener = open_class_folders) -> Dataset:
    """The images of a zip of class folders, in the order of class and name.

    Raises:
        DataError: It is no zip, or holds no images of the split.
    """
    dataset = opener(ZipMembers(path), path, split, wrapped=True)
    return replace(dataset, files=(SourceFile.of_user(path),))


def open_tar(path: AnyPath, split: str, members: "TarMembers", opener: Opener = open_class_folders) -> Dataset:
    """The images of tars of class folders, in their own order, since a compressed one is read from the start.

    Raises:
        DataError: They hold no images of the split.
    """
    dataset = opener(members, path, split, wrapped=True, ordered=False)
    return replace(dataset, files=tuple(map(SourceFile.of_user, members.paths)))


class Place(NamedTuple):
    """Where a tar's member lies."""

    shard: int
    offset: int
    size_bytes: int


class TarMembers(Container):
    """Members of tars, compressed with gzip or not; one tar is open at a time.

    Links and devices are passed over. A compressed tar is unpacked up to the member that is read, and from its
    start again to go back.

    Args:
        paths: The tars.

    Attributes:
        places: For each member, which of the tars it is in, and where.
        classes: What the ".cls" members of each tar hold, by name.

    Raises:
        DataError: One of them cannot be read to its end.
    """

    has_file_names = True

    def __init__(self, paths: Sequence[AnyPath]) -> None:
        self.paths = paths
        self.places: list[Place] = []
        self.classes: list[dict[str, bytes]] = []
        entries: list[str] = []
        super().__init__(entries)
        self._shard, self._file = -1, io.BufferedIOBase()
        for shard, path in enumerate(paths):
            with opening(path, "a whole tar"):
                self.classes.append(self._scan(shard, entries))

    def __del__(self) -> None:
        self._file.close()

    def read(self, position: int) -> bytes:
        """The whole member."""
        place, name = self.places[position], self.names[position]
        expect_size(name, place.size_bytes)
        with reading(name):
            file = self._open(place.shard)
            file.seek(place.offset)
            return read_exactly(file, place.size_bytes)

    def _scan(self, shard: int, entries: list[str]) -> dict[str, bytes]:
        file, classes = _Headers(self._open(shard)), {}
        with tarfile.open(fileobj=file, mode="r:") as tar:
            last = -1
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else memory grows with their number
                if member.size < 0 or tar.offset <= last:
                    raise tarfile.ReadError("a header leads back")
                last = tar.offset
                if member.type in _REGULAR and member.name.endswith(CLASS_SUFFIX):
                    file.seek(member.offset_data)
                    classes[tidy(member.name)] = file.read(min(member.size, _MAX_CLASS_BYTES))
                elif member.type in _REGULAR or member.isdir():
                    entries.append(tidy(member.name) + "/" * member.isdir())
                    self.places.append(Place(shard, member.offset_data, member.size))
        if file.last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("a header is damaged or its end is missing")
        while self._file.read(1 << 20):  # what follows the end is nothing, but the checksum comes after it
            pass
        return classes

    def _open(self, shard: int) -> io.BufferedIOBase:
        if shard != self._shard:
            self._file.close()
            file = self.paths[shard].open("rb")
            self._file, self._shard = file, shard
            if file.peek(2)[:2] == b"\x1f\x8b":
                self._file = gzip.GzipFile(fileobj=file)
                self._file.myfileobj = file  # type: ignore[assignment] # it is closed with it
        return self._file


class _Headers(io.BufferedIOBase):
    """A tar as `tarfile` reads its headers.

    It holds what came last, for `tarfile` takes a damaged header for the end, and it refuses to read much at once, for
    headers of some kinds tell their own size.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file, self.last = file, b""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= 1 << 20:
            raise tarfile.ReadError("a header of absurd size")
        self.last = self.file.read(size)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()
