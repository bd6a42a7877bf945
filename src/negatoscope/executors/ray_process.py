"""A Ray cluster, used by a process of its own: whatever Ray does to that one, this one goes on or says why not."""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from negatoscope.errors import JobsError, NegatoscopeError, reason
from negatoscope.executors import Execution, Work
from negatoscope.executors.ray_cluster import RayCluster, unpacked
from negatoscope.executors.worker import Event

_SERVE = "from negatoscope.executors.ray_process import serve; serve()"
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
        in_use, runtime = _cluster_in_use()
        self.address = execution.address or in_use
        paths = os.pathsep.join(path for path in sys.path if isinstance(path, str))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        try:
            self._ask(pickle.dumps(work), count, replace(execution, address=self.address), runtime)
        except BaseException:
            self.close()
            raise

    def give(self, worker: int, job: Any) -> None:
        """Have a worker that is ready run a job."""
        self._ask("give", worker, pickle.dumps(job))

    def wait(self) -> tuple[int, Event]:
        """The next that a worker says.

        Raises:
            JobsError: There is no place for a worker in ten minutes, or the head of the cluster is lost.
        """
        worker, event = self._ask("wait")
        return worker, unpacked(event)

    def replace(self, worker: int) -> None:
        """Start another worker in the place of one."""
        self._ask("replace", worker)

    def close(self) -> None:
        """End all workers, whatever they do, and leave the cluster, or end it if it was started for them."""
        assert self.process.stdin, "a pipe"
        assert self.process.stdout, "a pipe"
        with suppress(OSError):
            pickle.dump(None, self.process.stdin)  # a process that was forked from this one may hold the pipe open
        with suppress(OSError):
            self.process.stdin.close()
        self._end(_END_SECONDS)
        self.process.stdout.close()

    def _ask(self, *message: Any) -> Any:
        assert self.process.stdin, "a pipe"
        assert self.process.stdout, "a pipe"
        try:
            pickle.dump(message, self.process.stdin)
            self.process.stdin.flush()
            answer = pickle.load(self.process.stdout)
        except Exception as error:  # the pipe is closed, or holds what is no answer
            cluster = f"the Ray cluster at {self.address}" if self.address else "Ray on this machine"
            again = "start one again, and the same command with its --address" if self.address else "the same command"
            ended = f"the process that used it ended with exit code {self._end(1.0)}"
            raise JobsError(f"expected {cluster} to stay, but {ended}; {again} resumes") from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _end(self, seconds: float) -> int:
        """Give the process so long to end by itself; its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def _cluster_in_use() -> tuple[str, dict[str, Any]]:
    """The address of a cluster that this process uses itself, and what its workers run in."""
    ray = sys.modules.get("ray")
    if not ray or not ray.is_initialized():
        return "", {}
    context = ray.get_runtime_context()
    return context.gcs_address, dict(context.runtime_env)


def serve() -> None:
    """Use a cluster for the process that started this one, until that says so or ends."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what Ray starts must not read questions
    os.dup2(2, 1)  # nor is what Ray prints an answer
    messages: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        with suppress(Exception):  # the other process has ended
            while True:
                messages.put(pickle.load(questions))
        messages.put(None)
        time.sleep(_END_SECONDS)
        os._exit(1)

    def answer(what: object) -> None:
        pickle.dump(what, answers)
        answers.flush()

    _pass_over_signals()
    threading.Thread(target=read, daemon=True).start()
    cluster = None
    try:
        cluster = RayCluster(*messages.get())
        _pass_over_signals()  # for which Ray has set handlers
        answer(None)
        while (message := messages.get()) is not None:
            name, *given = message
            found = getattr(cluster, name)(*given)
            while name == "wait" and found is None and messages.empty():
                found = cluster.wait()
            answer(found)
    except NegatoscopeError as error:
        answer(error)
        messages.get()
    except Exception as error:
        answer(JobsError(f"expected Ray to run jobs, but {type(error).__name__}: {reason(error)}; correct it"))
        messages.get()
    finally:
        if cluster:
            cluster.close()
        os._exit(0)


def _pass_over_signals() -> None:
    """They are sent to all at once, and the other process ends this one; what is started here gets them as usual."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)
