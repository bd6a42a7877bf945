"""Folders of the user's cache, and their locks."""

from pathlib import Path

from negatoscope.cache import cache_folder


def downloads_folder() -> Path:
    """Where downloads are, each dataset's in a folder of its name."""
    return cache_folder() / "downloads"


def lock_of(folder: Path) -> Path:
    """The lock to hold while `folder` is filled or removed; it stays empty and is never removed, which is unsafe."""
    return folder.with_name(f"{folder.name}.lock")
