"""Packages that are not always there."""

import importlib
from types import ModuleType

from negatoscope.errors import MissingExtraError


def needed(module: str, *, extra: str, why: str) -> ModuleType:
    """The module, imported now.

    Raises:
        MissingExtraError: It is not installed; the text names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{why} needs {module}: pip install 'negatoscope[{extra}]'") from error
