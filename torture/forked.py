"""Commands in processes forked from this one, in which everything is imported once: a try takes milliseconds."""

import contextlib
import importlib
import os
import pkgutil
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import negatoscope
from negatoscope.cli.main import run as run_negatoscope

Body: TypeAlias = Callable[[], None]
"""What a process does."""

CRASHED = 70
"""The exit code of a process that an exception ended, which no command uses."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code (negative: the signal), what it printed, peak memory, and whether it hung."""

    code: int
    output: str
    error: str
    seconds: float
    peak_bytes: int
    hung: bool = False


def command(*words: str | Path) -> Body:
    """A command of negatoscope, as the body of a process."""

    def body() -> None:
        sys.argv = ["negatoscope", *map(str, words)]
        run_negatoscope()

    return body


def fork(body: Body, place: Path, printed: Path | None = None) -> int:
    """Start `body` in a process and a process group of its own, in the folder `place`; gives its id.

    What it prints goes to `printed` with the endings .out and .err; to `place` with these where that is not given.
    """
    place.mkdir(parents=True, exist_ok=True)
    for end in (".out", ".err"):
        _printed(printed or place, end).touch()  # it may be killed before it does that itself
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process == 0:
        _become(body, place, printed or place)
    return process


def finish(process: int, printed: Path, *, seconds: float) -> Ended:
    """Wait for a process that `fork` started, kill it with its whole group after `seconds`, and say how it ended."""
    began = time.perf_counter()
    hung = not _ends_within(process, seconds)
    if hung:
        kill(process)
    _, status, usage = os.wait4(process, 0)
    with contextlib.suppress(ProcessLookupError):  # processes of its own that it left
        os.killpg(process, signal.SIGKILL)
    output, error = (_printed(printed, end).read_text(errors="replace") for end in (".out", ".err"))
    took = time.perf_counter() - began
    return Ended(os.waitstatus_to_exitcode(status), output, error, took, usage.ru_maxrss * 1024, hung)


def run(body: Body, place: Path, *, seconds: float = 60) -> Ended:
    """Start `body` in a process of its own and wait for its end."""
    return finish(fork(body, place), place, seconds=seconds)


def kill(process: int) -> None:
    """Kill -9 of a process and of all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def import_what_is_used(bodies: Sequence[Body], folder: Path) -> None:
    """Import here all of negatoscope and what undisturbed processes import, for those that are forked later."""
    for module in pkgutil.walk_packages(negatoscope.__path__, "negatoscope."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("torch._dynamo")  # which an optimizer imports
    for number, body in enumerate(bodies):
        modules = folder / f"modules-{number}"

        def listed(body: Body = body, modules: Path = modules) -> None:
            try:
                body()
            finally:
                modules.write_text("\n".join(sys.modules))

        ended = run(listed, folder / f"import-{number}", seconds=600)
        if ended.code not in (0, 1):
            raise RuntimeError(f"expected an undisturbed command to end well, got {ended.code}: {ended.error}")
        for name in modules.read_text().split():
            with contextlib.suppress(Exception):  # what a package makes only as it runs
                importlib.import_module(name)


def _printed(printed: Path, end: str) -> Path:
    return printed.parent / f"{printed.name}{end}"


def _ends_within(process: int, seconds: float) -> bool:
    poll = select.poll()
    descriptor = os.pidfd_open(process)
    try:
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _become(body: Body, place: Path, printed: Path) -> NoReturn:
    """Everything that a new process does; it never returns to what its parent was doing."""
    code = CRASHED
    try:
        os.setpgid(0, 0)
        for descriptor, end in ((1, ".out"), (2, ".err")):
            file = os.open(_printed(printed, end), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(file, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(place)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        body()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
