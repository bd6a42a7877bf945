"""Arrays of images in numpy's .npz files, read image by image; nothing pickled is ever loaded."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import chain

import numpy as np
from jaxtyping import UInt8

from negatoscope.data.base import Dataset
from negatoscope.data.class_folders import SPLIT_NAMES
from negatoscope.data.containers import MAX_BYTES, Container, opening, read_exactly, reading
from negatoscope.data.labels import labeled
from negatoscope.data.zips import ZipMembers
from negatoscope.errors import DataError, UndividedError
from negatoscope.pixels import MAX_PIXELS, DecodeSpec
from negatoscope.stores import AnyPath

NAMES = "class_names"
"""The key of an array of strings that names the classes, where there is one."""

_SKIPPED_BYTES = 1_000_000  # at a time
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_DIVIDED = {part: ((f"x_{part}", f"y_{part}"), (f"{part}_images", f"{part}_labels")) for part in SPLIT_NAMES}
_UNDIVIDED = (("images", "labels"), ("x", "y"))


@dataclass(frozen=True)
class Member:
    """An array in an .npz: where its values begin in the file `key`.npy, and what they are."""

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int


def open_npz(path: AnyPath, split: str) -> Dataset:
    """The images of an .npz: uint8, [n, height, width] or with channels first or last, and their labels.

    Their keys are ``x_SPLIT`` and ``y_SPLIT``, ``SPLIT_images`` and ``SPLIT_labels``, or, for test only, ``images`` and
    ``labels`` or ``x`` and ``y``; "validation" may be called "val".

    Raises:
        DataError: It is no .npz, has other keys, or arrays of another kind.
        UndividedError: Its arrays are of no split, and `split` is not "test".
    """
    with opening(path, "an .npz file"):
        opened = ZipMembers(path, "an .npz file")
    keys = [name.removesuffix(".npy") for name in opened.names if name.endswith(".npy")]
    pair, naming = _pair(path, split, keys), [NAMES] * (NAMES in keys)
    with opening(path, "an .npz file"):  # an array beside these may be of any kind
        images, labels, *named = (_member(opened, f"{key}.npy") for key in (*pair, *naming))
    container = NpzImages(path, opened, images)
    given = _array(path, opened, labels)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.shape != images.shape[:1]:
        raise DataError(f"expected {images.shape[0]} {labels.key} in {path}, got an array of {given.shape}")
    texts = [text for member in named for text in _array(path, opened, member).ravel().tolist()]
    names = [text.decode(errors="backslashreplace") if isinstance(text, bytes) else str(text) for text in texts]
    return labeled(container, given, path=path, split=split, files=[path], class_names=names)


class NpzImages(Container):
    """The images of one array, each read from the file on its own.

    Args:
        path: The .npz.
        opened: The same, opened.
        member: The array of images.

    Raises:
        DataError: The array does not hold images.
    """

    has_files = False

    def __init__(self, path: AnyPath, opened: ZipMembers, member: Member) -> None:
        self.axes = _axes(path, member)
        self.opened, self.member = opened, member
        self._file: BufferedIOBase | None = None
        super().__init__(tuple(f"{member.key}[{index}]" for index in range(member.shape[0])))

    def read(self, position: int) -> bytes:
        """The values of one image."""
        size_bytes = math.prod(self.member.shape[1:])
        start = self.member.start + position * size_bytes
        with reading(self.names[position]):
            file, self._file = self._file, None  # after a failure the next one starts anew
            if file is None or file.tell() > start:
                file = self.opened.stream(f"{self.member.key}.npy")
            while (ahead := start - file.tell()) > 0:  # not by `seek`, after which Python 3.13 compares no checksum
                read_exactly(file, min(ahead, _SKIPPED_BYTES))
            content = read_exactly(file, size_bytes)
            self._file = file
        return content

    def decode(self, content: bytes, position: int, decoding: DecodeSpec) -> UInt8[np.ndarray, "channels height width"]:
        """The image, channels first, its transparency dropped."""
        values = np.frombuffer(content, dtype=np.uint8).reshape(self.member.shape[1:])
        image = values[None] if values.ndim == 2 else values.transpose(self.axes)
        return np.ascontiguousarray(image[:3] if len(image) == 4 else image)


def _member(opened: ZipMembers, name: str) -> Member:
    with opened.stream(name) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{name} has the format {version}")
        try:
            shape, by_columns, dtype = _HEADERS[version](file)
        except Exception as error:  # numpy tries several ways to read it, which fail in theirs
            raise ValueError(f"{name} has a damaged header") from error
        start = file.tell()
    size_bytes = opened.members[opened.positions[name]].file_size - start
    if not dtype.hasobject and (min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size_bytes):
        raise ValueError(f"{name} has {size_bytes} bytes for values of {shape}")
    if by_columns and len(shape) > 1:
        raise DataError(
            f"expected {name} of {opened.path} in row-major order, but it is in Fortran (column-major) order; save "
            "numpy.ascontiguousarray(array)"
        )
    return Member(name.removesuffix(".npy"), shape, dtype, start)


def _pair(path: AnyPath, split: str, keys: Sequence[str]) -> tuple[str, str]:
    """The keys of the images and labels of a split."""

    def first_of(pairs: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
        return next((pair for pair in pairs if set(pair) <= set(keys)), None)

    pairs = [pair for part, name in SPLIT_NAMES.items() if name == split for pair in _DIVIDED[part]]
    pairs += _UNDIVIDED if split == "test" else ()
    if found := first_of(pairs):
        return found
    undivided = first_of(_UNDIVIDED) and not first_of(chain.from_iterable(_DIVIDED.values()))
    error = UndividedError if undivided else DataError
    expected = ", ".join(f"{images} and {labels}" for images, labels in pairs)
    raise error(f"expected {expected} in {path}, got {', '.join(keys) or 'nothing'}; rename its arrays")


def _axes(path: AnyPath, member: Member) -> tuple[int, ...]:
    """How to put the channels first."""
    shape = member.shape
    first, last = (len(shape) == 4 and shape[axis] in (1, 3, 4) for axis in (1, -1))
    if member.dtype != np.uint8 or len(shape) not in (3, 4) or 0 in shape[1:] or (len(shape) == 4 and first == last):
        raise DataError(
            f"expected {member.key} of {path} to be uint8 [n, height, width], or of four axes with 1, 3 or 4 channels"
            f" in either the second or the last, got {member.dtype} {list(shape)}; convert it"
        )
    if math.prod(shape[1:]) > 4 * MAX_PIXELS:
        raise DataError(f"expected at most {4 * MAX_PIXELS} values in an image of {path}, got {list(shape[1:])}")
    return (0, 1, 2) if first else (2, 0, 1)


def _array(path: AnyPath, opened: ZipMembers, member: Member) -> np.ndarray:
    size_bytes = math.prod(member.shape) * member.dtype.itemsize
    if member.dtype.hasobject:
        raise DataError(f"expected plain values in {member.key} of {path}, got pickled objects, which are never loaded")
    if size_bytes > MAX_BYTES:
        raise DataError(f"expected at most {MAX_BYTES} bytes in {member.key} of {path}, got {size_bytes}")
    with opening(path, "an .npz file"), opened.stream(f"{member.key}.npy") as file:
        read_exactly(file, member.start)
        return np.frombuffer(read_exactly(file, size_bytes), dtype=member.dtype).reshape(member.shape)
