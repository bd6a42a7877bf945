"""Where the user's cache is: downloads, arrays that are prepared, and what is on its way to a store."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The user's cache: ``NEGATOSCOPE_CACHE_DIR`` where that is set, else the platform's place."""
    named = os.environ.get("NEGATOSCOPE_CACHE_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("negatoscope"))
