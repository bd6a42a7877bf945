"""The pictures of errors that an audit saved, ready to stand inside a page."""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negatoscope.auditing.gallery import Gallery, GalleryEntry
from negatoscope.documents import read_document
from negatoscope.errors import DataError
from negatoscope.reports.data_uri import GRAIN

_OTHERS = 3  # pairs shown of each transform but the first
_MAKE = "delete the folder and audit again"


@dataclass(frozen=True)
class Pair:
    """An image before and after a transform, each as a data URI.

    Args:
        entry: What the gallery says of it.
        before: The clean image.
        after: The transformed image.
        small: Whether its pixels are to be seen.
    """

    entry: GalleryEntry
    before: str
    after: str
    small: bool


def read_gallery(folder: Path) -> list[Pair]:
    """What `gallery.json` lists, with its pictures, in its order.

    Raises:
        DataError: The list or a picture is missing, damaged or outside the folder.
    """
    gallery = read_document(folder / "gallery.json", Gallery, what="the list of an audit's pictures", make=_MAKE)
    pairs = []
    for entry in gallery.entries:
        pictures = [_read_png(folder, name) for name in (entry.before, entry.after)]
        before, after = (f"data:image/png;base64,{base64.b64encode(picture).decode()}" for picture in pictures)
        pairs.append(Pair(entry, before, after, small=max(struct.unpack(">II", pictures[0][16:24])) < GRAIN))
    return pairs


def by_transform(pairs: Sequence[Pair], *, first: str) -> dict[str, list[Pair]]:
    """All pairs of the transform `first`, then a few of each other one."""
    specs = sorted(dict.fromkeys(pair.entry.spec for pair in pairs), key=lambda spec: spec != first)
    grouped = {spec: [pair for pair in pairs if pair.entry.spec == spec] for spec in specs}
    return {spec: members if spec == first else members[:_OTHERS] for spec, members in grouped.items()}


def _read_png(folder: Path, name: str) -> bytes:
    file = folder / name
    content = file.read_bytes() if Path(name).name == name and file.is_file() else b""
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or len(content) < 24:
        raise DataError(f"expected a PNG named {name} in {folder}, got none or a damaged one; {_MAKE}")
    return content
