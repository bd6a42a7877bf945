"""The options that say where a command's jobs run, and what they come to."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from negatoscope.cli.options import Address, Context, ExecutorName, Threads, Workers, with_options

if TYPE_CHECKING:
    from negatoscope.executors import Execution
    from negatoscope.hardware import Hardware


def _options(
    executor: ExecutorName = "local", workers: Workers = None, address: Address = "", threads: Threads = None
) -> None:
    pass


_OPTIONS = inspect.signature(_options).parameters


def with_execution(command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options before its `dry_run`; its body reads them with `execution_of`."""
    return with_options(command, list(_OPTIONS.values()), before="dry_run")


def execution_of(context: Context, hardware: "Hardware") -> "Execution":
    """Where the command's jobs run; until it ends, torch has the threads here that each job has."""
    from negatoscope.executors import Execution, using_threads

    given = {name: context.params[name] for name in _OPTIONS}
    execution = Execution(**given, gpus=int(hardware.device.type == "cuda"))
    context.with_resource(using_threads(execution.threads))
    return execution
