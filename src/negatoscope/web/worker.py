"""The one thread in which classifiers answer: newest first for each tab, answers before anything that takes long."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from negatoscope.errors import NegatoscopeError

Pause = Callable[[], None]
"""Called by work that takes long, between its parts: answers that wait meanwhile come first. It raises `Superseded`
where nobody waits for the rest."""

Work = Callable[[Pause], Any]

ANSWER = "answer"
"""The kind of work that comes before all other."""

MOST_WAITING = 64
"""Of all tabs together."""

_SUPERSEDED = "a newer request took this one's place"


class SupersededError(NegatoscopeError):
    """A newer request of the same tab took this one's place, or its tab is gone."""


class BusyError(NegatoscopeError):
    """More requests wait than can be answered soon."""


@dataclass(eq=False)
class _Job:
    tab: str
    kind: str
    work: Work
    future: "Future[Any]" = field(default_factory=Future)
    dropped: bool = False


class Worker:
    """Does work of tabs one after the other, in a thread of its own.

    Of each tab one piece of work of a kind waits at most: a newer one takes its place, and ends one of that kind that
    is under way at its next pause.
    """

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
        self._running: list[_Job] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="negatoscope-answers", daemon=True)
        self._thread.start()

    def submit(self, tab: str, kind: str, work: Work) -> "Future[Any]":
        """What becomes of `work`; its exception is a `SupersededError` where a newer request took its place.

        Raises:
            BusyError: Too much is waiting.
        """
        job = _Job(tab, kind, work)
        with self._changed:
            older = [each for each in self._waiting if (each.tab, each.kind) == (tab, kind)]
            if len(self._waiting) - len(older) >= MOST_WAITING:
                raise BusyError(f"expected at most {MOST_WAITING} requests at once, got more; try again in a moment")
            for each in older:
                self._waiting.remove(each)
            for each in self._running:
                each.dropped |= (each.tab, each.kind) == (tab, kind)
            self._waiting.append(job)
            self._changed.notify()
        for each in older:
            if each.future.set_running_or_notify_cancel():
                each.future.set_exception(SupersededError(_SUPERSEDED))
        return job.future

    def drop(self, future: "Future[Any]") -> None:
        """Nobody waits for that any more."""
        with self._changed:
            self._waiting = [job for job in self._waiting if job.future is not future]
            for job in self._running:
                job.dropped |= job.future is future

    def close(self) -> None:
        """End the thread when it has finished what it is doing."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _serve(self) -> None:
        while (job := self._next(wait=True)) is not None:
            self._do(job)

    def _next(self, *, wait: bool) -> _Job | None:
        """The answer that waits longest, else, if there is time, whatever else does."""
        with self._changed:
            while wait and not self._waiting and not self._closed:
                self._changed.wait()
            candidates = [job for job in self._waiting if job.kind == ANSWER] or (self._waiting if wait else [])
            if self._closed or not candidates:
                return None
            chosen = candidates[0]
            self._waiting.remove(chosen)
            return chosen

    def _do(self, job: _Job) -> None:
        def pause() -> None:
            while job.kind != ANSWER and (urgent := self._next(wait=False)):
                self._do(urgent)
            if job.dropped or self._closed:
                raise SupersededError(_SUPERSEDED)

        if not job.future.set_running_or_notify_cancel():
            return
        with self._under_way(job):
            try:
                job.future.set_result(job.work(pause))
            except Exception as error:  # whatever it is, the one who waits learns of it
                job.future.set_exception(error)

    @contextmanager
    def _under_way(self, job: _Job) -> Iterator[None]:
        with self._changed:
            self._running.append(job)
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(job)
