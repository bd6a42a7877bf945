"""The options of `negatoscope audit` that say what a model expects, for other commands that open one."""

import inspect
from collections.abc import Callable
from typing import get_args

from negatoscope.cli.audit import MODEL_PANEL, audit
from negatoscope.cli.options import with_options

_BEFORE = ("name", "weights", "weights_key")


def with_model_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options; its body reads them from its context, with `open_model`."""
    options = [
        parameter
        for name, parameter in inspect.signature(audit).parameters.items()
        if name in _BEFORE
        or any(getattr(note, "rich_help_panel", "") == MODEL_PANEL for note in get_args(parameter.annotation))
    ]
    return with_options(command, options)
