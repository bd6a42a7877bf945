"""Prepared arrays, made once and cached as memory maps."""

import json
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np

from negatoscope.cache import cache_folder
from negatoscope.data.cache import lock_of
from negatoscope.data.containers import reporting
from negatoscope.files import holding, writing_folder

FORMAT = 1
"""Counted up when arrays prepared by an earlier version must not be used any more."""


def prepared_folder() -> Path:
    """Where prepared arrays are: a folder for each key, beside its lock."""
    return cache_folder() / "prepared"


def prepared(key: Mapping[str, object], make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays that `make` gives, made at most once for each `key` and from then on mapped from the disk.

    A key is everything that decides them: "dataset", the files' checksums and the preparation's settings.

    Safe against two processes at once (the second waits and reads) and against being killed (a folder takes its name
    when it is complete, never before).

    Raises:
        OutputError: The cache cannot be written or the disk is full.
        DataError: The arrays are there, but damaged.
    """
    text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
    folder = prepared_folder() / f"{key['dataset']}-{sha256(text.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        with holding(lock_of(folder)):
            if not folder.is_dir():  # another process may have made it since
                _make(folder, text, make)
    with reporting(f"expected prepared arrays in {folder}, got damaged ones (", "); run negatoscope data clean"):
        arrays = {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
        if not arrays or not (folder / "key.json").is_file():
            raise FileNotFoundError("a file is missing")
    return arrays


def leftovers(folder: Path) -> list[Path]:
    """What processes that were killed while they made `folder` left; hold its lock to look."""
    return sorted(folder.parent.glob(f".{folder.name}.*.tmp"))


def _make(folder: Path, text: str, make: Callable[[], Mapping[str, np.ndarray]]) -> None:
    for leftover in leftovers(folder):
        shutil.rmtree(leftover, ignore_errors=True)
    arrays = make()
    with writing_folder(folder) as temporary:
        for name, array in arrays.items():
            np.save(temporary / f"{name}.npy", array, allow_pickle=False)
        (temporary / "key.json").write_text(text, encoding="utf-8")
