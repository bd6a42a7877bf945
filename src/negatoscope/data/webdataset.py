"""WebDataset shards: tars in which ``KEY.jpg`` is an image and ``KEY.cls`` its class number."""

import re
from pathlib import PurePosixPath

import numpy as np

from negatoscope.data.archives import CLASS_SUFFIX, TarMembers
from negatoscope.data.base import Dataset
from negatoscope.data.class_folders import SUFFIXES
from negatoscope.data.containers import printable
from negatoscope.data.labels import labeled
from negatoscope.errors import DataError, UndividedError
from negatoscope.stores import AnyPath, path_of

MAX_SHARDS = 100_000

_RANGE = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")


def shard_paths(text: str) -> list[AnyPath]:
    """The files that a path with one range in its name stands for: "shards-{000..009}.tar" is ten.

    Raises:
        DataError: The range is empty or absurd, or a shard is missing.
    """
    found = _RANGE.search(text)
    if found is None:
        return [path_of(text)]
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first < MAX_SHARDS:
        raise DataError(f"expected a range of 1 to {MAX_SHARDS} shards, got {found[0]} in {text}; correct it")
    numbers = (str(number).zfill(len(found[1])) for number in range(first, last + 1))
    paths = [path_of(text[: found.start()] + number + text[found.end() :]) for number in numbers]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DataError(f"expected the shard {missing[0]}{more}, it is missing; add it")
    return paths


def open_shards(text: str, split: str, members: TarMembers) -> Dataset:
    """The images of shards, in the order in which they lie there; classes have numbers and no names.

    Raises:
        DataError: An image has no class.
        UndividedError: `split` is not "test": shards do not say what they are.
    """
    if split != "test":
        got = f"{split}; name the shards of that split alone"
        raise UndividedError(f"expected no split beside the shards {text}, got {got}")
    positions = [position for position, name in enumerate(members.names) if _is_image(name)]
    labels = np.array([_class(members, position) for position in positions], dtype=np.int64)
    return labeled(members, labels, path=text, split=split, files=members.paths, positions=positions)


def _is_image(name: str) -> bool:
    """Whether a member is its sample's image: what comes after the first dot says which part of a sample it is."""
    base = PurePosixPath(name).name
    return not base.startswith(".") and base[len(_key(base)) :].lower() in SUFFIXES


def _key(name: str) -> str:
    """A member's path up to the first dot of its last part."""
    folder, slash, base = name.rpartition("/")
    return f"{folder}{slash}{base.partition('.')[0]}"


def _class(members: TarMembers, position: int) -> int:
    name, shard = members.names[position], members.places[position].shard
    beside = f"{_key(name)}{CLASS_SUFFIX}"
    text = members.classes[shard].get(beside, b"").decode("ascii", "replace").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        got = repr(text) if text else "nothing"
        where = members.paths[shard]
        raise DataError(f"expected a class number in {printable(beside)} of {where}, got {got}; correct it")
    return int(text)
