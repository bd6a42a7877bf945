"""The options that say where a command's jobs run, and what they come to."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from negatoscope.cli.options import Address, Context, ExecutorName, Threads, Workers, with_options
from negatoscope.errors import expect

if TYPE_CHECKING:
    from negatoscope.executors import Execution
    from negatoscope.hardware import Hardware


def _options(
    executor: ExecutorName = "local", workers: Workers = None, address: Address = "", threads: Threads = None
) -> None:
    pass


_OPTIONS = inspect.signature(_options).parameters


def with_execution(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options before its `dry_run`, checked first; its body reads them with `execution_of`."""

    @functools.wraps(command)
    def checked(**given: Any) -> None:
        _execution(given["context"])
        command(**given)

    return with_options(checked, list(_OPTIONS.values()), before="dry_run")


def _execution(context: Context, **others: Any) -> "Execution":
    from negatoscope.executors import Execution

    return Execution(**{name: context.params[name] for name in _OPTIONS}, **others)


def execution_of(context: Context, hardware: "Hardware") -> "Execution":
    """Where the command's jobs run; until it ends, torch has the threads here that each job has."""
    from negatoscope.executors import using_threads

    numbered = context.params["executor"] == "ray" and hardware.device.index is not None
    expect(not numbered, "--device cuda beside --executor ray, which chooses the GPU", str(hardware.device))
    execution = _execution(context, gpus=int(hardware.device.type == "cuda"))
    context.with_resource(using_threads(execution.threads))
    return execution
