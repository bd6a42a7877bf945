"""The command `negatoscope`: one line and exit code 2 for whatever the user got wrong, and one way to stop."""

import atexit
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated, Any, NoReturn, TextIO

import typer

from negatoscope import __version__
from negatoscope.cli import data
from negatoscope.cli.annotate import annotate
from negatoscope.cli.audit import audit
from negatoscope.cli.compare import compare
from negatoscope.cli.discussion import discussion
from negatoscope.cli.harden import harden
from negatoscope.cli.help import Command, CommandGroup
from negatoscope.cli.inspect import inspect
from negatoscope.cli.list import list as list_entries
from negatoscope.cli.match import match
from negatoscope.cli.recipes import epochs, recipes
from negatoscope.cli.search import search
from negatoscope.cli.sensitivity import claims, sensitivity
from negatoscope.cli.sequel import sequel
from negatoscope.cli.stopping import Stopped
from negatoscope.cli.table1 import figure1, table1
from negatoscope.cli.verify import verify
from negatoscope.cli.view import view
from negatoscope.errors import InputError, NegatoscopeError

_UsageError: Any = typer.BadParameter.__base__  # which typer does not name
_NO_HELP = {"help": False}
"""Of groups: else typer loads pydantic to turn an absent --help into a bool."""

app = typer.Typer(
    name="negatoscope",
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Does an image classifier still see what a person sees when a picture keeps its meaning but changes its look?",
    epilog="Start with:  negatoscope audit --help",
    context_settings={"default_map": _NO_HELP | {"reproduce": _NO_HELP, "data": _NO_HELP}},
)
reproduce = typer.Typer(
    cls=CommandGroup, no_args_is_help=True, help="Run the paper's experiments again, from scratch, on real data."
)
for group, command, example in (
    (app, audit, "audit model.onnx --data folder:test --out out/audit"),
    (app, annotate, "annotate folder:images --out images.toml"),
    (app, compare, "compare out/old out/new"),
    (app, harden, "harden model.onnx --fit folder:train --data folder:test --invariant negative --out out/harden"),
    (app, inspect, "inspect folder:scans --invariant negative --out out/inspect"),
    (app, verify, "verify out/harden/after-canonicalize/hardened.onnx --invariant negative --data mnist:test"),
    (app, search, "search model.onnx --data folder:test --space color --budget 100 --out out/search"),
    (app, view, "view"),
    (app, list_entries, "list transforms"),
    (reproduce, table1, "reproduce table1 --datasets mnist --epsilons 0.0,0.1 --seeds 3 --out out/table1"),
    (reproduce, figure1, "reproduce figure1 --table1 out/table1 --out out/figure1"),
    (reproduce, sensitivity, "reproduce sensitivity --studies mnist --factors 'optimizer,batch norm' --seeds 3"),
    (reproduce, discussion, "reproduce discussion --experiments a,c --datasets mnist --seeds 3"),
    (reproduce, claims, "reproduce claims --table1 out/table1 --sensitivity out/sensitivity --out claims.md"),
    (reproduce, recipes, "reproduce recipes --dataset mnist --out out/recipes"),
    (reproduce, epochs, "reproduce epochs --recipe sgd --dataset mnist"),
    (reproduce, match, "reproduce match --dataset mnist --trials 60"),
    (reproduce, sequel, "reproduce sequel --seeds 3 --out out/sequel"),
):
    paragraphs = (" ".join(lines.split()) for lines in (command.__doc__ or "").split("\n\n"))  # typer keeps line breaks
    group.command(cls=Command, help="\n\n".join(paragraphs), epilog=f"Example:  negatoscope {example}")(command)
app.add_typer(reproduce, name="reproduce")
app.add_typer(data.app, name="data")


def _print_version(is_given: bool) -> bool:
    if is_given:
        typer.echo(f"negatoscope {__version__}")
        raise typer.Exit
    return is_given


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


def main() -> None:
    """`run` as a process of its own, which ends without freeing torch piece by piece, a tenth of a second."""
    try:
        run()
    except SystemExit as end:
        atexit._run_exitfuncs()  # temporary folders and child processes
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(end.code or 0))
        raise


def run() -> None:
    """Run the command line and leave with its exit code.

    Ctrl-C, SIGTERM and a closed terminal stop every command in the same way: what was made is kept.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # of an encoding that has no minus sign or dash
    with _stoppable():
        try:
            _expect_text(sys.argv[1:])
            sys.exit(app(prog_name="negatoscope", standalone_mode=False) or 0)
        except _UsageError as error:
            if sentence := error.format_message():
                sentence = sentence.replace("Value error, ", "").rstrip(".")  # pydantic's beginning
                _leave(f"{sentence}; see {error.ctx.command_path} --help")
            sys.exit(2)  # a group without a command has shown its help
        except Stopped as stopped:
            _say(stopped.sentence(sys.argv[1:]))
            sys.exit(stopped.exit_code)
        except NegatoscopeError as error:
            _leave(str(error), error.exit_code)
        except OSError as error:  # of standard output: writing elsewhere has sentences of its own
            _give_up(sys.stdout)
            _leave(
                f"cannot use {error.filename or 'standard output'}: {error.strerror or error}; make room or correct it"
            )


def _expect_text(words: Sequence[str]) -> None:
    for word in words:
        if not word.isprintable() and word.encode(errors="replace").decode() != word:
            raise InputError(f"expected UTF-8, got {word!r}; rename it")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Raise `Stopped` on each signal that asks the process to end.

    SIGINT and SIGHUP that are ignored stay so: a shell has background commands of scripts ignore the first, so that
    Ctrl-C reaches only what is in the foreground, and nohup has them ignore the second. SIGTERM always stops.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise Stopped(number)

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    earlier = {number: signal.getsignal(number) for number in numbers}
    for number, handler in earlier.items():
        if number == signal.SIGTERM or handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _leave(sentence: str, exit_code: int = 2) -> NoReturn:
    _say("negatoscope: " + "\\n".join(sentence.splitlines()))
    sys.exit(exit_code)


def _say(sentence: str) -> None:
    """Say it on standard error; where that has no room either, the exit code has to do."""
    try:
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201
    except OSError:
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Write no more to it: what could not be written must not be tried again at the end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
