"""The command `negatoscope`: one line and exit code 2 for whatever the user got wrong."""

import os
import signal
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from negatoscope import __version__
from negatoscope.cli.audit import audit, compare
from negatoscope.cli.data import app as data_app
from negatoscope.cli.reproduce import app as reproduce_app
from negatoscope.errors import NegatoscopeError

_UNASKED = {"help": False}
"""Of groups: else typer loads pydantic to turn the nothing that was said of --help into a bool."""

app = typer.Typer(
    name="negatoscope",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Does an image classifier still see what a person sees when a picture keeps its meaning but changes its look?",
    epilog="Start with:  negatoscope audit --help",
    context_settings={"default_map": _UNASKED | {"reproduce": _UNASKED, "data": _UNASKED}},
)
app.command(epilog="Example:  negatoscope audit model.onnx --data folder:test --out out/audit")(audit)
app.command(epilog="Example:  negatoscope compare out/old out/new")(compare)
app.add_typer(reproduce_app, name="reproduce")
app.add_typer(data_app, name="data")


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"negatoscope {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar="", callback=_print_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line and leave with its exit code.

    A request to end, as schedulers make it, stops it as Ctrl-C does: what was made is kept and told.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except NegatoscopeError as error:
        _leave(str(error))
    except OSError as error:  # of standard output: writing elsewhere has sentences of its own
        with suppress(OSError):  # what was not written must not be tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(f"cannot use {error.filename or 'standard output'}: {error.strerror or error}; make room or correct it")


def _leave(sentence: str) -> NoReturn:
    print(f"negatoscope: {sentence}", file=sys.stderr)  # noqa: T201
    sys.exit(2)
