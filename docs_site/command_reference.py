"""Pages of the command line: every command, option, default and example, as the command line itself has them."""

from collections.abc import Iterator
from typing import Any

import typer

from docs_site.docstrings import cell
from negatoscope.cli.main import app

COMMAND: Any = typer.main.get_command(app)
"""The whole command line."""


def command_pages() -> dict[str, str]:
    """The page of each command, and one that lists all."""
    context = COMMAND.make_context("negatoscope", [], resilient_parsing=True)
    listed = ["# Command line", "", COMMAND.help, "", "| command | what it does |", "|---|---|"]
    pages = {}
    for name, command in COMMAND.commands.items():
        found = [*_commands(command, name, context)]
        place = f"commands/{name}.md"
        for path, each, _ in found:
            anchor = "" if path == name else f"#{slug(f'negatoscope {path}')}"
            listed.append(
                f"| [`negatoscope {path}`]({place}{anchor}) | {cell(_plain(each.help).partition(chr(10) * 2)[0])} |"
            )
        pages[f"docs/reference/{place}"] = "\n".join(
            line for path, each, at in found for line in _lines(path, each, at)
        )
    return {"docs/reference/command_line.md": "\n".join([*listed, ""]), **pages}


def slug(text: str) -> str:
    """The id of a heading."""
    return text.replace(" ", "-")


def _commands(command: Any, name: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.make_context(name.rpartition(" ")[2], [], parent=parent, resilient_parsing=True)
    yield name, command, context
    for below, each in getattr(command, "commands", {}).items():
        yield from _commands(each, f"{name} {below}", context)


def _lines(path: str, command: Any, context: Any) -> Iterator[str]:
    yield from (f"{'##' if ' ' in path else '#'} negatoscope {path}", "", _plain(command.help), "")
    usage = [_argument(each) for each in command.params if each.param_type_name == "argument"]
    yield from ("```console", f"$ {' '.join([context.command_path, '[OPTIONS]', *usage])}", "```", "")
    if command.epilog:
        yield from ("For example:", "", "```console", f"$ {command.epilog.partition(':')[2].strip()}", "```", "")
    panels: dict[str, list[str]] = {}
    for parameter in command.params:
        panel = getattr(parameter, "rich_help_panel", None) or f"{parameter.param_type_name.capitalize()}s"
        name, help_text = parameter.get_help_record(context)
        name = _argument(parameter) if parameter.param_type_name == "argument" else name
        panels.setdefault(panel, []).append(f"| {_code(name)} | {cell(_plain(help_text))} |")
    for panel, rows in panels.items():
        yield from (f"| {panel} | what it is |", "|---|---|", *rows, "")


def _code(names: str) -> str:
    return ", ".join(f"`{cell(name)}`" for name in names.split(", "))


def _argument(parameter: Any) -> str:
    name = parameter.name.upper() + "..." * (parameter.nargs == -1)
    return name if parameter.required else f"[{name}]"


def _plain(text: str | None) -> str:
    """Help without the marks that keep a terminal from taking brackets for a style."""
    return (text or "").replace("\\[", "[")
