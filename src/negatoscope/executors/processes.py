"""Workers that are processes of this machine."""

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from negatoscope.executors import Execution, Work
from negatoscope.executors.worker import Event, JobRunner, Surroundings


@dataclass(frozen=True)
class _Process:
    process: BaseProcess
    connection: "Connection[Any, Any]"


class Processes:
    """So many processes, each with one job at a time; none outlives this one.

    Args:
        work: What each opens.
        count: How many.
        execution: How many threads each has.
    """

    def __init__(self, work: Work[Any, Any], count: int, execution: Execution) -> None:
        self.work, self.surroundings = work, Surroundings.here(execution.threads)
        self.workers: dict[int, _Process] = {}
        for worker in range(count):
            self._start(worker)

    def _start(self, worker: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, its = context.Pipe()
        arguments = (its, self.work, self.surroundings)
        process = context.Process(target=_serve, args=arguments, name=f"negatoscope-worker-{worker}", daemon=True)
        self.workers[worker] = _Process(process, ours)
        process.start()
        its.close()  # so that reading from ours ends where the process does

    def give(self, worker: int, job: Any) -> None:
        """Have a worker that is ready run a job."""
        with suppress(OSError):  # it was ended meanwhile, which wait() says
            self.workers[worker].connection.send(job)

    def wait(self) -> tuple[int, Event]:
        """The next that a worker says; that it is lost where it was ended from outside."""
        by_connection = {entry.connection: worker for worker, entry in self.workers.items()}
        connection = wait(list(by_connection))[0]
        assert isinstance(connection, Connection)
        worker = by_connection[connection]
        try:
            event: Event = connection.recv()
        except (EOFError, OSError):
            process = self.workers[worker].process
            process.join()
            return worker, Event("lost", f"its process ended with {_ending(process.exitcode)}")
        return worker, event

    def replace(self, worker: int) -> None:
        """Start another worker in the place of one."""
        self._end(worker)
        self._start(worker)

    def close(self) -> None:
        """End all workers, whatever they do."""
        for worker in self.workers:
            self.workers[worker].process.kill()
        for worker in self.workers:
            self._end(worker)

    def _end(self, worker: int) -> None:
        entry = self.workers[worker]
        entry.process.kill()
        entry.process.join()
        entry.connection.close()


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        hint = ", as happens where memory is short" if -code == getattr(signal, "SIGKILL", 9) else ""
        return f"signal {-code}{hint}"
    return f"exit code {code}"


def _serve(connection: "Connection[Any, Any]", work: Work[Any, Any], surroundings: Surroundings) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # sent to all at once: the first process ends the others
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    surroundings.enter()
    surroundings.set_threads()
    worker = JobRunner(work)
    connection.send(worker.open())
    while True:
        job = connection.recv()
        connection.send(worker.run(job, lambda what: connection.send(Event("moved", what))))


def _end_with_the_first() -> None:
    """So that no job goes on in a folder whose lock is free again, also where the first process was killed."""
    first = multiprocessing.parent_process()
    assert first is not None, "only started processes begin so"
    first.join()
    os._exit(1)
