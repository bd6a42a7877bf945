"""Where jobs run: in this process, in processes of their own, or on a Ray cluster; what a job does is the same."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from negatoscope.errors import expect, suggest

EXECUTORS = ("local", "processes", "ray")
_MOST_THREADS = 1024

Opened = TypeVar("Opened")
Job = TypeVar("Job")
JobType = TypeVar("JobType", contravariant=True)

Tell = Callable[[object], None]
"""Called by a job with how far it is, as plain data; of several calls the last one counts."""


@runtime_checkable
class Work(Protocol[Opened, JobType]):
    """What jobs have in common: plain data, of which each worker opens a model and images once.

    It and its jobs are frozen dataclasses of texts and numbers, with nothing open in them. What a job makes are files,
    which are there whole or not at all. So a job may run anywhere, and again.
    """

    def open(self) -> Opened:
        """What jobs are run with."""

    def run(self, opened: Opened, job: JobType, tell: Tell) -> None:
        """Make the files of a job."""


@dataclass(frozen=True)
class Execution:
    """Where jobs run.

    Args:
        executor: "local" is this process; "processes" are processes of this machine; "ray" is a Ray cluster.
        workers: How many jobs run at once; None is as many as there are processors for.
        address: Of a Ray cluster, such as "10.0.0.1:6379"; "" is the one that this process uses, or starts one on this
            machine that nobody else can reach.
        threads: Of each job. They may decide the last bits of a result, so their number depends on none of the others;
            None is one, and in this process as many as torch takes.
        gpus: Of each job.

    Raises:
        InputError: The executor is unknown, a number is below 1 or there are over 1,024 threads, or an option is of
            another executor.
    """

    executor: str = "local"
    workers: int | None = None
    address: str = ""
    threads: int | None = None
    gpus: int = 0

    def __post_init__(self) -> None:
        got = f"{self.executor!r:.80}; {suggest(self.executor, EXECUTORS)}"
        expect(self.executor in EXECUTORS, "--executor local, processes or ray", got)
        for option, number in (("--workers", self.workers), ("--threads", self.threads)):
            expect(number is None or number >= 1, f"{option} of at least 1", number)
        few = self.threads is None or self.threads <= _MOST_THREADS
        expect(few, f"--threads of at most {_MOST_THREADS:,}", self.threads)
        alone = self.executor != "local" or self.workers in (None, 1)
        expect(alone, "--executor processes or ray beside --workers", "local; give one of them")
        expect(self.executor == "ray" or not self.address, "--executor ray beside --address", self.executor)
        if self.executor != "local" and self.threads is None:
            object.__setattr__(self, "threads", 1)

    def count(self, jobs: int) -> int:
        """How many workers there are for so many jobs; this process is one."""
        if self.executor == "local":
            return 1
        processors = max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        return max(1, min(jobs, self.workers or processors // (self.threads or 1)))


LOCAL = Execution()
"""This process."""


@contextmanager
def using_threads(threads: int | None) -> Iterator[None]:
    """The block, with so many threads for torch; None leaves them as they are."""
    import torch

    earlier = torch.get_num_threads()
    torch.set_num_threads(threads or earlier)
    try:
        yield
    finally:
        torch.set_num_threads(earlier)
