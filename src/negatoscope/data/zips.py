"""Zips, read where they lie: nothing is unpacked to the disk."""

import io
import os
import re
import stat
import struct
import weakref
import zipfile
import zlib
from contextlib import nullcontext
from functools import cached_property

from negatoscope.data.containers import Container, expect_size, opening, printable, reading, reporting
from negatoscope.errors import DataError
from negatoscope.stores import AnyPath, StorePath, size_of

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of the others, some unpack without bound
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_UNREADABLE = 0x61  # flags of members that are encrypted or patches
_UTF_8 = 0x800  # the flag of names that are not in code page 437
_LEAVES = re.compile(r"(|[A-Za-z]:.*|\.\.)/|.*/\.\.(/|$)")


class ZipMembers(Container):
    """Members of a zip, each read whole, its size and checksum verified, faster than by `zipfile`.

    Safe in threads and in forked processes, and can be sent to others, which open the file anew.

    Args:
        path: The zip.
        kind: How an error calls it.

    Raises:
        DataError: It cannot be read, or a member would leave its folder.
    """

    has_file_names = True

    def __init__(self, path: AnyPath, kind: str = "a zip") -> None:
        self.path, self.kind = path, kind
        with opening(path, kind):
            self._zip = zipfile.ZipFile(path.open("rb") if isinstance(path, StorePath) else path)
            assert self._zip.fp is not None, "it has just been opened"
            self._file = self._zip.fp
            weakref.finalize(self, self._zip.close)  # else what is collected first decides whether Python complains
            self._size_bytes = size_of(path)
        self.members = self._zip.infolist()
        links = (stat.S_ISLNK(member.external_attr >> 16) for member in self.members)
        names = ["" if link else tidy(member.filename) for link, member in zip(links, self.members, strict=True)]
        super().__init__(names)
        self._in_store = isinstance(path, StorePath)
        if not self._in_store:
            self.lock = nullcontext()  # places in the file are given with every read
        for member in self.members:
            if _LEAVES.match(member.filename.replace("\\", "/") + "/"):
                raise DataError(
                    f"expected members inside {kind} {path}, got {member.filename!r}, which leaves it; fetch it again"
                )

    def __reduce__(self) -> tuple[type["ZipMembers"], tuple[AnyPath, str]]:
        return ZipMembers, (self.path, self.kind)

    def read(self, position: int) -> bytes:
        """A member's bytes."""
        with reading(self.names[position]):
            return self._unpacked(position)

    def read_named(self, name: str) -> bytes:
        """The bytes of the member of that name.

        Raises:
            DataError: It is missing or damaged.
        """
        with reporting(f"expected {name} in {self.path}, got a missing or damaged member (", "); fetch the zip again"):
            return self._unpacked(self.positions[name])

    def stream(self, name: str) -> io.BufferedIOBase:
        """The member of that name, to be read piece by piece.

        Raises:
            Whatever `opening` and `reading` turn into a DataError.
        """
        member = self.members[self.positions[name]]
        if member.compress_type not in _METHODS:
            raise ValueError(f"{name} is neither deflated nor stored")
        file = self._zip.open(member)
        assert isinstance(file, io.BufferedIOBase), "zipfile gives them"
        return file

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where each name stands."""
        return {name: position for position, name in enumerate(self.names)}

    def _unpacked(self, position: int) -> bytes:
        member, name = self.members[position], self.names[position]
        expect_size(name, member.file_size)
        if member.compress_type not in _METHODS:
            raise DataError(f"expected {printable(name)} deflated or stored, got another compression; zip it again")
        if member.flag_bits & _UNREADABLE or member.compress_size > self._size_bytes:
            raise zipfile.BadZipFile("it is encrypted, a patch, or of absurd size")
        start = member.header_offset + _LOCAL_HEADER.size
        header = self._bytes_at(member.header_offset, _LOCAL_HEADER.size)
        signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        content = self._bytes_at(start, name_bytes + extra_bytes + member.compress_size)
        named = content[:name_bytes].decode("utf-8" if member.flag_bits & _UTF_8 else "cp437")
        if signature != b"PK\x03\x04" or named != member.orig_filename:
            raise zipfile.BadZipFile("its header is damaged")
        content = content[name_bytes + extra_bytes :]
        if member.compress_type == zipfile.ZIP_DEFLATED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, max(1, member.file_size))
        if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
            raise zipfile.BadZipFile("Bad CRC-32")
        return content

    def _bytes_at(self, start: int, size_bytes: int) -> bytes:
        if self._in_store:
            self._file.seek(start)
            return self._file.read(size_bytes)
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size_bytes, start)
        with self.path.open("rb") as file:  # Windows has no reading at a place that leaves the file's own place alone
            file.seek(start)
            return file.read(size_bytes)


def tidy(name: str) -> str:
    """A member's path from the archive's top, whatever wrote it."""
    return name.replace("\\", "/").removeprefix("./").lstrip("/")
