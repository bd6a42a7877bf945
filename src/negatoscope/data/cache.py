"""The user's cache: downloads, and arrays that are prepared."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The user's cache: ``NEGATOSCOPE_CACHE_DIR`` where that is set, else the platform's place."""
    named = os.environ.get("NEGATOSCOPE_CACHE_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("negatoscope"))


def downloads_folder() -> Path:
    """Where downloads are, each dataset's in a folder of its name."""
    return cache_folder() / "downloads"


def lock_of(folder: Path) -> Path:
    """The lock to hold while `folder` is filled or removed; it stays empty and is never removed, which is unsafe."""
    return folder.with_name(f"{folder.name}.lock")
