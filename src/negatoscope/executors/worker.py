"""What a worker does, wherever it is: open the work once, then run job after job."""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from negatoscope.errors import NegatoscopeError, reason
from negatoscope.executors import Tell, Work
from negatoscope.memory import keep_freed_memory


@dataclass(frozen=True)
class Event:
    """What a worker says: that it is ready, how far its job is, that this ended or failed; or that the worker is lost.

    Args:
        kind: Which of these.
        what: How far the job is; the error that is the user's to mend; or why it failed, in words.
        trace: Where it failed.
    """

    kind: Literal["ready", "moved", "ended", "failed", "lost"]
    what: Any = None
    trace: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What a worker takes over from the process that starts it: names in texts mean the same then.

    Args:
        folder: Where relative paths begin.
        paths: Where Python looks for modules.
        variables: Of the environment, those of this package.
        threads: Of each job; None leaves them as they are.
    """

    folder: str
    paths: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    threads: int | None

    @classmethod
    def here(cls, threads: int | None) -> "Surroundings":
        """Those of this process."""
        variables = ((name, value) for name, value in os.environ.items() if name.startswith("NEGATOSCOPE_"))
        return cls(os.getcwd(), tuple(sys.path), tuple(variables), threads)  # noqa: PTH109

    def enter(self) -> None:
        """Make them those of this process."""
        with suppress(OSError):  # of another machine, where a text that needs it has a sentence of its own
            os.chdir(self.folder)
        sys.path += [path for path in self.paths if path not in sys.path]
        os.environ.update(self.variables)
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        keep_freed_memory()

    def set_threads(self) -> None:
        """Give the thread that calls this its share."""
        if self.threads:
            import torch

            torch.set_num_threads(self.threads)


class JobRunner:
    """Runs jobs; what goes wrong is an event, not raised, so that it crosses every border alike.

    Args:
        work: What the jobs have in common.
        opened: It, where it is open already.
    """

    def __init__(self, work: Work[Any, Any], opened: Any = None) -> None:
        self.work, self.opened = work, opened

    def open(self) -> Event:
        """Open the work."""

        def opening() -> None:
            if self.opened is None:
                self.opened = self.work.open()

        return _tried(opening, "ready")

    def run(self, job: Any, tell: Tell) -> Event:
        """Run a job."""
        return _tried(lambda: self.work.run(self.opened, job, tell), "ended")


def _tried(step: Callable[[], None], well: Literal["ready", "ended"]) -> Event:
    try:
        step()
    except NegatoscopeError as error:
        return Event("failed", error, traceback.format_exc())
    except Exception as error:  # of the user's model, or of anything else: the job is tried again
        return Event("failed", f"{type(error).__name__}: {reason(error)}", traceback.format_exc())
    return Event(well)
