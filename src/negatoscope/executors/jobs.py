"""Jobs, handed to workers as these become free: one that fails is tried again, and one that fails always is named."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Protocol, runtime_checkable

from negatoscope.errors import JobsError, NegatoscopeError
from negatoscope.executors import Execution, Job, Opened, Work
from negatoscope.executors.worker import Event, JobRunner

TRIES = 3
"""How often a job is run that fails, a worker is started that cannot open its work, and how many jobs are failed before
the first that ends."""

_NAMED = 3  # failed jobs that a sentence names
_LATER = 10  # jobs that come before one that failed is tried again: what was in its way may be gone


@runtime_checkable
class Pool(Protocol):
    """Workers, by their numbers."""

    def give(self, worker: int, job: Any) -> None:
        """Have a worker that is ready run a job."""

    def wait(self) -> tuple[int, Event]:
        """The next that a worker says."""

    def replace(self, worker: int) -> None:
        """Start another worker in the place of one that is lost or could not open its work."""

    def close(self) -> None:
        """End all workers, whatever they do."""


def run_jobs(
    work: Work[Opened, Job],
    jobs: Sequence[Job],
    *,
    execution: Execution,
    opened: Opened | None = None,
    moved: Callable[[Job, Any], None] = lambda job, what: None,
) -> Iterator[Job]:
    """Run jobs, and give each as it ends.

    Args:
        work: What they have in common.
        jobs: Plain data; `str` is what an error calls one.
        execution: Where they run.
        opened: What `work` opens, where this process has it: workers of other processes open it themselves.
        moved: Called with a job that runs, and with how far it is.

    Raises:
        NegatoscopeError: What only the user can mend failed a job or a worker; at once, and no other job goes on.
        JobsError: Jobs failed three times, after all others; or no worker can open its work, or no job ends, at once.
    """
    if jobs:
        with closing(_pool(work, opened, execution, execution.count(len(jobs)), moved)) as pool:
            yield from _Run(pool, jobs, moved).ended()


def _pool(work: Work[Any, Any], opened: Any, execution: Execution, count: int, moved: Callable[..., None]) -> Pool:
    if execution.executor == "processes":
        from negatoscope.executors.processes import Processes

        return Processes(work, count, execution)
    if execution.executor == "ray":
        from negatoscope.executors.ray_process import RayProcess

        return RayProcess(work, count, execution)
    return _Local(JobRunner(work, opened), moved)


class _Run:
    """Which jobs wait, which run where, and which failed."""

    def __init__(self, pool: Pool, jobs: Sequence[Any], moved: Callable[[Any, Any], None]) -> None:
        self.pool, self.moved = pool, moved
        self.waiting, self.left = deque(range(len(jobs))), len(jobs)
        self.jobs = jobs
        self.busy: dict[int, int] = {}
        self.idle: list[int] = []
        self.tries: Counter[int] = Counter()
        self.failed: dict[int, Event] = {}
        self.unopened = 0
        self.any_ended = False

    def ended(self) -> Iterator[Any]:
        """Each job that ends, until all have ended or failed."""
        while self.left:
            while self.idle and self.waiting:
                worker = self.idle.pop()
                self.busy[worker] = self.waiting.popleft()
                self.pool.give(worker, self.jobs[self.busy[worker]])
            worker, event = self.pool.wait()
            if event.kind == "ready":
                self.unopened = 0
                self.idle.append(worker)
            elif event.kind == "moved":
                self.moved(self.jobs[self.busy[worker]], event.what)
            elif event.kind == "ended":
                self.any_ended, self.left = True, self.left - 1
                self.idle.append(worker)
                yield self.jobs[self.busy.pop(worker)]
            else:
                self._fail(worker, event)
        if self.failed:
            raise self._error()

    def _fail(self, worker: int, event: Event) -> None:
        if isinstance(event.what, NegatoscopeError):
            raise event.what  # nobody but the user can mend it; stores were asked several times
        index = self.busy.pop(worker, None)
        if index is not None and event.kind == "failed":
            self.idle.append(worker)
        else:
            self.pool.replace(worker)
        if index is not None:
            self._try_again(index, event)
        elif worker in self.idle:  # it was ended from outside between two jobs
            self.idle.remove(worker)
        else:
            self.unopened += 1
            if self.unopened == TRIES:
                text = f"expected workers that open the model and the data, but {TRIES} could not ({event.what})"
                raise _with_trace(JobsError(f"{text}; correct it, the same command resumes"), event)

    def _try_again(self, index: int, event: Event) -> None:
        self.tries[index] += 1
        if self.tries[index] < TRIES:
            self.waiting.insert(_LATER, index)
            return
        self.failed[index], self.left = event, self.left - 1
        if len(self.failed) == TRIES and not self.any_ended:
            raise self._error()

    def _error(self) -> JobsError:
        named = "; ".join(f"{self.jobs[index]} ({event.what})" for index, event in list(self.failed.items())[:_NAMED])
        more = f" and {len(self.failed) - _NAMED} more" if len(self.failed) > _NAMED else ""
        others = "all others are done, " if len(self.jobs) > len(self.failed) else ""
        done = f"{self.left} did not finish, " if self.left else others
        jobs = "the job" if len(self.jobs) == 1 else f"{len(self.jobs)} jobs"
        text = f"expected {jobs} to finish, but {len(self.failed)} failed {TRIES} times: {named}{more}"
        return _with_trace(JobsError(f"{text}; {done}the same command resumes"), next(iter(self.failed.values())))


def _with_trace(error: JobsError, event: Event) -> JobsError:
    if event.trace:
        error.add_note(event.trace)
    return error


class _Local:
    """This process as the one worker."""

    def __init__(self, worker: JobRunner, moved: Callable[[Any, Any], None]) -> None:
        self.worker, self.moved = worker, moved
        self.job: Any = None
        self.is_open = False

    def give(self, worker: int, job: Any) -> None:
        self.job = job

    def wait(self) -> tuple[int, Event]:
        if not self.is_open:
            event = self.worker.open()
            self.is_open = event.kind == "ready"
            return 0, event
        raised: list[Exception] = []

        def tell(what: object) -> None:
            try:
                self.moved(self.job, what)
            except Exception as error:  # who watches may stop it all
                raised.append(error)
                raise

        event = self.worker.run(self.job, tell)
        if raised:
            raise raised[0]
        return 0, event

    def replace(self, worker: int) -> None:
        self.is_open = False

    def close(self) -> None:
        pass
