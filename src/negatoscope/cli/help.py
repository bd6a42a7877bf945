"""How help says what a value is: by its option's own word, such as NUMBER, and never by Python's type."""

from typing import Any

from typer.core import TyperCommand, TyperGroup


class _Types:
    """Leaves Python's type out of the help of arguments and of --help."""

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)  # type: ignore[misc]
        for each in params:
            if each.param_type_name == "argument" or "--help" in each.opts:
                each.display_type_rich = lambda ctx: None
        return params


class Command(_Types, TyperCommand):
    """A command whose help does so."""


class CommandGroup(_Types, TyperGroup):
    """A group of commands whose help does so."""
