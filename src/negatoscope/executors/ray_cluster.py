"""Workers that are actors of a Ray cluster, in a process that uses it for nothing else (`ray_process.py`)."""

import os
import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any

from negatoscope.errors import InputError, JobsError, expect, needed, reason
from negatoscope.executors import Execution
from negatoscope.executors.worker import Event, JobRunner, Surroundings

_PATIENCE_SECONDS = 600.0  # for the first worker on a cluster, which may start machines for it
_STORE_BYTES = 100_000_000  # of a cluster on this machine: what is sent are names and numbers
_TELL_SECONDS, _LISTEN_SECONDS = 1.0, 10.0
_LOOPBACK = "127.0.0.1"


class RayCluster:
    """So many actors, each with one job at a time, whose processors and GPUs Ray keeps for it.

    An actor's constructor does nothing that could fail; work is opened by a call, whose failure is an event. A lost
    actor is replaced by another one, never restarted by Ray, so that `TRIES` alone says how often a job runs.

    Args:
        work: What each opens, pickled, as jobs are and what actors say: nothing here needs to import it.
        count: How many.
        execution: The cluster, and what each takes of it.
        runtime: What Ray's workers run in (`runtime_env`), at an address; empty where nothing is asked for.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: There is no cluster at the address.
    """

    def __init__(self, work: bytes, count: int, execution: Execution, runtime: dict[str, Any]) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        self.ray = needed("ray", extra="ray", why="--executor ray")
        self.work, self.surroundings, self.execution = work, Surroundings.here(execution.threads), execution
        _connect(self.ray, execution, count, runtime)
        self.has_head = True
        self.head = self.ray.get_runtime_context().gcs_address
        taken = {"num_cpus": execution.threads or 1, "num_gpus": execution.gpus}
        self.actor_class = self.ray.remote(max_restarts=0, max_task_retries=0, max_concurrency=2, **taken)(_Actor)
        self.actors: dict[int, Any] = {}
        self.answers: dict[Any, tuple[int, bool]] = {}  # by reference: whose, and whether it says how far a job is
        self.busy: set[int] = set()
        self.began, self.any_ready = time.monotonic(), False
        try:
            for worker in range(count):
                self._start(worker)
        except BaseException:
            self.close()
            raise

    def _start(self, worker: int) -> None:
        self.actors[worker] = self.actor_class.remote(self.work, self.surroundings)
        self.answers[self.actors[worker].open.remote()] = worker, False

    def give(self, worker: int, job: bytes) -> None:
        """Have a worker that is ready run a job."""
        self.busy.add(worker)
        self.answers[self.actors[worker].run.remote(job)] = worker, False
        self._ask(worker)

    def _ask(self, worker: int) -> None:
        """Ask how far a job is, once at a time: the actor answers in a second, in the other one of its threads."""
        if (worker, True) not in self.answers.values():
            self.answers[self.actors[worker].progress.remote()] = worker, True

    def wait(self) -> tuple[int, Event] | None:
        """The next that a worker says, or that it is lost where it or its machine was ended; None after a second.

        Raises:
            JobsError: There is no place for a worker in ten minutes, or the head of the cluster is lost.
        """
        ready, _ = self.ray.wait(list(self.answers), timeout=1.0)
        if not ready:
            self._expect_head()
            if not self.any_ready and time.monotonic() - self.began > _PATIENCE_SECONDS:
                raise JobsError(f"expected room for {self._taken} on the cluster, got none in 10 minutes; free some")
            return None
        worker, is_progress = self.answers.pop(ready[0])
        event = self._answer(ready[0])
        self.any_ready |= event.kind == "ready"
        if not is_progress:
            self.busy.discard(worker)
            return worker, event
        if event.kind == "moved" and worker in self.busy:
            self._ask(worker)
            if event.what is not None:
                return worker, event
        return None

    def _expect_head(self) -> None:
        """Leave a cluster without a head: Ray would wait a minute and then end this process without a word."""
        try:
            _expect_listener(self.head)
        except OSError as error:
            self.has_head = False
            raise JobsError(
                f"expected the Ray cluster at {self.head} to stay, but its head does not answer; start one again, and "
                "the same command with its --address resumes"
            ) from error

    @property
    def _taken(self) -> str:
        return f"a worker (processors: {self.execution.threads}, GPUs: {self.execution.gpus})"

    def _answer(self, reference: Any) -> Event:
        try:
            event: Event = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            self._expect_head()
            return Event("lost", f"Ray lost it: {reason(error)}")
        return event

    def replace(self, worker: int) -> None:
        """Start another worker in the place of one."""
        self.answers = {reference: whose for reference, whose in self.answers.items() if whose[0] != worker}
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(self.actors[worker])
        self._start(worker)

    def close(self) -> None:
        """End all workers, whatever they do, and leave the cluster, or end it if it was started here."""
        if not self.has_head:  # nobody is there to end them
            return
        for actor in self.actors.values():
            with suppress(self.ray.exceptions.RayError):
                self.ray.kill(actor)
        self.ray.shutdown()


class _Actor:
    """A worker in an actor: one thread runs jobs, the other one tells how far they are."""

    def __init__(self, work: bytes, surroundings: Surroundings) -> None:
        self.work, self.surroundings = work, surroundings
        self.last: object = None

    def open(self) -> Event:
        self.surroundings.enter()
        self.surroundings.set_threads()
        self.worker = JobRunner(pickle.loads(self.work))
        return _packed(self.worker.open())

    def run(self, job: bytes) -> Event:
        self.surroundings.set_threads()
        self.last = None
        return _packed(self.worker.run(pickle.loads(job), self._tell))

    def _tell(self, what: object) -> None:
        self.last = what

    def progress(self) -> Event:
        time.sleep(_TELL_SECONDS)
        last, self.last = self.last, None
        return _packed(Event("moved", last))


def _packed(event: Event) -> Event:
    return event if event.what is None else replace(event, what=pickle.dumps(event.what))


def unpacked(event: Event) -> Event:
    """An event that an actor packed."""
    return replace(event, what=pickle.loads(event.what)) if isinstance(event.what, bytes) else event


def _connect(ray: Any, execution: Execution, count: int, runtime: dict[str, Any]) -> None:
    """Use the cluster at an address, or start one.

    Raises:
        InputError: There is none, or it lacks what a job takes, or others could reach one that is started.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    own = {"num_cpus": count * (execution.threads or 1), "object_store_memory": _STORE_BYTES}
    try:
        _hush()
        if execution.address:
            _ask_once()
            with _on_loopback() if _is_at_loopback(ray, execution.address) else nullcontext():
                ray.init(execution.address, runtime_env=runtime or None, **quiet)
        else:
            with _on_loopback():
                ray.init("local", include_dashboard=False, _node_ip_address=_LOOPBACK, **own, **quiet)
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        where = f"a Ray cluster at {execution.address}" if execution.address else "Ray to start on this machine"
        raise InputError(f"expected {where}, but {type(error).__name__}: {reason(error)}; correct it") from error
    if not execution.address:
        _expect_own(ray, execution)


def _is_at_loopback(ray: Any, address: str) -> bool:
    """Whether a cluster listens to this machine alone, whose address Ray replaces by one that others reach.

    Raises:
        OSError: Nothing listens at that host and port, which Ray would try again and again.
    """
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "://" in host:  # such as "auto"
        return False
    is_local = host in ("localhost", _LOOPBACK)
    with suppress(OSError):
        _expect_listener(f"{ray.util.get_node_ip_address()}:{port}" if is_local else address)
        return False
    _expect_listener(address)
    return is_local


def _expect_listener(address: str) -> None:
    """Raise the system's error where nothing listens at a host and port."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), _LISTEN_SECONDS).close()


def _ask_once() -> None:
    """Have Ray ask once, for most of a minute, whether a cluster is at an address, not twenty times."""
    from ray._private import ray_constants

    ray_constants.NUM_REDIS_GET_RETRIES = 1


def _expect_own(ray: Any, execution: Execution) -> None:
    """Hold a cluster that was started to what is promised: nobody else reaches it, and it has what a job takes."""
    address, gpus = ray.util.get_node_ip_address(), ray.cluster_resources().get("GPU", 0)
    try:
        expect(
            address == _LOOPBACK, f"Ray to listen at {_LOOPBACK}, to this machine alone", f"{address}; give --address"
        )
        expect(gpus >= execution.gpus, f"{execution.gpus} GPUs for each job", f"a machine with {gpus:g}")
    except InputError:
        ray.shutdown()
        raise


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray take 127.0.0.1 for this machine's address, which it replaces by one that others reach elsewhere."""
    from ray._private import ray_constants

    name, earlier = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", ray_constants.ENABLE_RAY_CLUSTER
    held = os.environ.get(name)
    os.environ[name], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = earlier
        os.environ.pop(name)
        os.environ.update({} if held is None else {name: held})


def _hush() -> None:
    """Keep Ray's thread from printing what an event says already."""
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None
