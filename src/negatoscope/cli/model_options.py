"""The options of `negatoscope audit` that say what a model expects, for other commands that open one."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_args

from negatoscope.cli.audit import MODEL_PANEL, audit

_BEFORE = ("name", "weights", "weights_key")


def with_model_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options; its body reads them from its context, with `open_model`."""
    own = inspect.signature(command, eval_str=True)
    options = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(audit).parameters.items()
        if name in _BEFORE
        or any(getattr(note, "rich_help_panel", "") == MODEL_PANEL for note in get_args(parameter.annotation))
    ]

    @functools.wraps(command)
    def call(**given: Any) -> None:
        command(**{name: given[name] for name in own.parameters})

    call.__signature__ = own.replace(parameters=[*own.parameters.values(), *options])  # type: ignore[attr-defined]
    return call
