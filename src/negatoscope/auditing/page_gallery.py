"""The pictures of failures that an audit saved, ready to stand inside a page."""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from negatoscope.errors import DataError

_SMALL = 64  # pixels: a picture below this is shown with its grain, not smoothed
_OTHERS = 3  # pairs shown of each transform but the first
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Pair:
    """An image that is classified correctly when clean and misclassified under a transform.

    Args:
        spec: The transform.
        sample: Which image it is.
        name: What its source calls it, or nothing.
        before_prediction: The correct class.
        before_confidence: In [0, 1].
        after_prediction: The wrong class.
        after_confidence: In [0, 1].
        before: The image as a data URI.
        after: The transformed image as a data URI.
        small: Whether its pixels are to be seen.
    """

    spec: str
    sample: int
    name: str
    before_prediction: int
    before_confidence: float
    after_prediction: int
    after_confidence: float
    before: str
    after: str
    small: bool


def read_gallery(folder: Path) -> list[Pair]:
    """What `gallery.json` lists, with its pictures, in its order.

    Raises:
        DataError: The list or a picture is missing, damaged or outside the folder.
    """
    file = folder / "gallery.json"
    try:
        return [_pair(folder, entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"expected a gallery in {folder}, got a damaged one ({error}); delete it and audit again"
        ) from error


def by_transform(pairs: Sequence[Pair], *, first: str) -> list[tuple[str, list[Pair]]]:
    """All pairs of the transform `first`, then a few of each other one."""
    specs = sorted(dict.fromkeys(pair.spec for pair in pairs), key=lambda spec: spec != first)
    grouped = [(spec, [pair for pair in pairs if pair.spec == spec]) for spec in specs]
    return [(spec, members if spec == first else members[:_OTHERS]) for spec, members in grouped]


def _pair(folder: Path, entry: Mapping[str, Any]) -> Pair:
    before, after = (_picture(folder, entry[when]) for when in ("before", "after"))
    return Pair(
        spec=entry["spec"],
        sample=entry["sample"],
        name=entry["name"],
        before_prediction=entry["before_prediction"],
        before_confidence=entry["before_confidence"],
        after_prediction=entry["after_prediction"],
        after_confidence=entry["after_confidence"],
        before=_data_uri(before),
        after=_data_uri(after),
        small=max(struct.unpack(">II", before[16:24])) < _SMALL,
    )


def _picture(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise ValueError(f"{name} is not in the folder")
    content = (folder / name).read_bytes()
    if not content.startswith(_PNG) or len(content) < 24:
        raise ValueError(f"{name} is no PNG")
    return content


def _data_uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()
