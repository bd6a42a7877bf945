"""The pictures on the table: those of a dataset, read when asked for, and those that the page sends, kept in memory."""

import io
import secrets
import threading
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, UInt8

from negatoscope.data import Dataset
from negatoscope.errors import DataError, expect
from negatoscope.pixels import AS_STORED, ResizeSpec, decode, resize_image, to_picture
from negatoscope.types import IndexArray

Pixels = UInt8[np.ndarray, "channels height width"]

MOST_BYTES = 20_000_000
"""Larger files are refused before they are read to their end."""

MOST_KEPT = 200_000_000
"""Bytes of pixels that are kept of all that was sent, and again of the dataset; what was used least goes first."""

SIDE = 1024
"""Of a larger picture the page shows the longer side with this many pixels; classifiers see it as it is."""


@dataclass(frozen=True, eq=False)
class TablePicture:
    """A picture at the sizes that classifiers expect.

    Args:
        id: As the page calls it.
        label: Its class, None where that is unknown.
        name: What its source calls it, "" for nothing.
        width: In pixels, of the file.
        height: In pixels, of the file.
        shown: Its pixels for the eye, 0 to 255: its own, or fewer where they are very many.
        sized: Its pixels for each classifier, as an audit reads them.
        clean: What classifiers answered about it clean, by their position: the confidence of each class.
    """

    id: str
    label: int | None
    name: str
    width: int
    height: int
    shown: Pixels
    sized: dict[ResizeSpec, UInt8[np.ndarray, "_ _ _"]]
    clean: dict[int, Float[np.ndarray, " classes"]] = field(default_factory=dict)

    @cached_property
    def size_bytes(self) -> int:
        """What its pixels take in memory."""
        return self.shown.nbytes + sum(pixels.nbytes for pixels in self.sized.values())


class Pictures:
    """The pictures that there are, by id.

    Args:
        dataset: Where pictures come from that nobody has to send; None for none.
        sizes: What classifiers expect.
    """

    def __init__(self, dataset: Dataset | None, sizes: Iterable[ResizeSpec]) -> None:
        self.dataset, self.sizes = dataset, tuple(dict.fromkeys(sizes))
        self._read, self._sent = _Kept(), _Kept()
        self._decoding = threading.Lock()  # one at a time: a large one takes a few hundred megabytes

    def positions(self, name: str) -> IndexArray:
        """Where the dataset's images of a class stand, or all of them for "".

        Raises:
            DataError: There is no such class.
        """
        if self.dataset is None:
            return np.arange(0)
        if not name:
            return np.arange(len(self.dataset))
        names = self.dataset.class_names
        expect(name in names, "the name of a class", repr(name[:80]), DataError)
        return np.flatnonzero(self.dataset.labels == names.index(name))

    def describe(self, position: int) -> dict[str, object]:
        """A dataset's image as a list on the page has it."""
        assert self.dataset is not None, "positions come from a dataset"
        return {
            "id": f"d{position}",
            "label": self.dataset.class_names[self.dataset.labels[position]],
            "name": self._name(position),
        }

    def get(self, identifier: str) -> TablePicture:
        """The picture of that id.

        Raises:
            DataError: There is none, or it cannot be read.
        """
        if kept := self._sent.get(identifier) or self._read.get(identifier):
            return kept
        digits = identifier[1:]
        known = self.dataset is not None and identifier[:1] == "d" and digits.isascii() and digits.isdecimal()
        if not known or len(digits) > 12 or int(digits) >= len(self.dataset or ()):
            gone = "one that is not here any more; choose or send it again"
            raise DataError(f"expected the id of a picture, got {gone}")
        return self._of_dataset(int(digits))

    def receive(self, content: bytes) -> TablePicture:
        """Keep the picture of a file that the page sends; of 16 bits of gray it uses as many as the dataset's files.

        Raises:
            DataError: The bytes are damaged, no image, or one of absurd size.
        """
        with self._decoding:
            bits = AS_STORED if self.dataset is None else replace(self.dataset.decoding, window=None)
            pixels = decode(content, name="the file", decoding=bits)
            picture = self._sized(f"u{secrets.token_hex(8)}", pixels, label=None, name="")
        self._sent.put(picture)
        return picture

    def _of_dataset(self, position: int) -> TablePicture:
        assert self.dataset is not None, "the position is of its images"
        with self._decoding:
            pixels = np.ascontiguousarray(self.dataset.images[position])
            label = int(self.dataset.labels[position])
            picture = self._sized(f"d{position}", pixels, label=label, name=self._name(position))
        self._read.put(picture)
        return picture

    def _sized(self, identifier: str, pixels: Pixels, *, label: int | None, name: str) -> TablePicture:
        sized = {size: resize_image(pixels, size) for size in self.sizes}
        height, width = pixels.shape[1:]
        return TablePicture(identifier, label, name, width, height, _for_the_eye(pixels), sized)

    def _name(self, position: int) -> str:
        """Private names, which may tell who is shown, are left out."""
        named = self.dataset is not None and bool(self.dataset.names) and not self.dataset.private
        return str(self.dataset.names[position]) if named and self.dataset else ""


class _Kept:
    """Pictures by id, up to `MOST_KEPT` bytes of them."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[str, TablePicture] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, identifier: str) -> TablePicture | None:
        with self._lock:
            if identifier in self._pictures:
                self._pictures.move_to_end(identifier)
            return self._pictures.get(identifier)

    def put(self, picture: TablePicture) -> None:
        with self._lock:
            replaced = self._pictures.pop(picture.id, None)
            self._pictures[picture.id] = picture
            self._bytes += picture.size_bytes - (replaced.size_bytes if replaced else 0)
            while len(self._pictures) > 1 and self._bytes > MOST_KEPT:
                self._bytes -= self._pictures.popitem(last=False)[1].size_bytes


def png(pixels: Pixels) -> bytes:
    """Pixels as a PNG file."""
    content = io.BytesIO()
    to_picture(pixels).save(content, "PNG", compress_level=1)
    return content.getvalue()


def data_url(pixels: Pixels) -> str:
    """Pixels as an address that a page can show."""
    return f"data:image/png;base64,{b64encode(png(pixels)).decode()}"


def _for_the_eye(pixels: Pixels) -> UInt8[np.ndarray, "channels _ _"]:
    height, width = pixels.shape[1:]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return pixels
    short, wide = (max(1, round(side * scale)) for side in (height, width))
    return resize_image(pixels, ResizeSpec(short, wide, "gray" if len(pixels) == 1 else "rgb"))
