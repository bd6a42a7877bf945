"""A Ray cluster, used by a process of its own: whatever Ray does to that one, this one goes on or says why not."""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import replace
from typing import Any

from negatoscope.errors import JobsError, NegatoscopeError
from negatoscope.executors import Execution, Work
from negatoscope.executors.ray_cluster import RayCluster
from negatoscope.executors.worker import Event

_SERVE = "import sys; sys.path[:] = {}; from negatoscope.executors.ray_process import serve; serve()"
_END_SECONDS = 60.0


class RayProcess:
    """A `RayCluster` in another process: Ray prints, handles signals, and ends a process whose cluster is gone.

    Args:
        work: What each worker opens.
        count: How many.
        execution: The cluster, and what each takes of it; without an address the one that this process uses, if any.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: There is no cluster at the address.
        JobsError: The cluster goes while it is asked, as in every method.
    """

    def __init__(self, work: Work[Any, Any], count: int, execution: Execution) -> None:
        self.address = execution.address or _address_in_use()
        line = [sys.executable, "-c", _SERVE.format(sys.path)]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self._ask(work, count, replace(execution, address=self.address))
        except BaseException:
            self.close()
            raise

    def give(self, worker: int, job: Any) -> None:
        """Have a worker that is ready run a job."""
        self._ask("give", worker, job)

    def wait(self) -> tuple[int, Event]:
        """The next that a worker says.

        Raises:
            JobsError: As `RayCluster.wait` does.
        """
        event: tuple[int, Event] = self._ask("wait")
        return event

    def replace(self, worker: int) -> None:
        """Start another worker in the place of one."""
        self._ask("replace", worker)

    def close(self) -> None:
        """End all workers, whatever they do, and leave the cluster, or end it if it was started for them."""
        assert self.process.stdin, "a pipe"
        assert self.process.stdout, "a pipe"
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _ask(self, *message: Any) -> Any:
        assert self.process.stdin, "a pipe"
        assert self.process.stdout, "a pipe"
        content = pickle.dumps(message)
        try:
            self.process.stdin.write(content)
            self.process.stdin.flush()
            answer = pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            cluster = f"the Ray cluster at {self.address}" if self.address else "Ray on this machine"
            again = "start one again, and the same command with its --address" if self.address else "the same command"
            ended = f"Ray ended the process that used it with exit code {self.process.wait()}"
            raise JobsError(f"expected {cluster} to stay, but {ended}; {again} resumes") from error
        if isinstance(answer, Exception):
            raise answer
        return answer


def _address_in_use() -> str:
    ray = sys.modules.get("ray")
    return str(ray.get_runtime_context().gcs_address) if ray and ray.is_initialized() else ""


def serve() -> None:
    """Use a cluster for the process that started this one, until it closes standard input or ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what Ray prints is no answer
    messages: queue.Queue[tuple[Any, ...]] = queue.Queue()
    clusters: list[RayCluster] = []

    def read() -> None:
        try:
            while True:
                messages.put(pickle.load(sys.stdin.buffer))
        except EOFError:
            for cluster in clusters:
                cluster.close()
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(0)  # also where the cluster is waited for

    def answer(what: object) -> None:
        answers.write(pickle.dumps(what))
        answers.flush()

    _ignore_signals()
    threading.Thread(target=read, daemon=True).start()
    try:
        clusters.append(RayCluster(*messages.get()))
        _ignore_signals()  # for which Ray has set handlers
        answer(None)
        while True:
            name, *given = messages.get()
            answer(getattr(clusters[0], name)(*given))
    except NegatoscopeError as error:
        answer(error)
        threading.Event().wait()


def _ignore_signals() -> None:
    """Signals that are sent to all at once: the process that started this one ends it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
