"""One thread answers: newest first for each tab, answers before what takes long, and nothing that fails ends it."""

import threading
from concurrent.futures import Future
from typing import Any

import pytest

from negatoscope.web.worker import ANSWER, MOST_WAITING, BusyError, SupersededError, Worker


class Held:
    """Work that begins, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self, pause: Any) -> str:
        self.begun.set()
        assert self.let_go.wait(20)
        return "done"


def held(worker: Worker, tab: str = "other") -> tuple[Held, "Future[Any]"]:
    work = Held()
    future = worker.submit(tab, ANSWER, work)
    assert work.begun.wait(20)
    return work, future


def test_of_a_tab_only_the_newest_request_waits(worker: Worker) -> None:
    work, first = held(worker, "one")
    middle = [worker.submit("one", ANSWER, lambda _, n=n: n) for n in range(20)]
    for future in middle[:-1]:
        with pytest.raises(SupersededError):
            future.result(timeout=0)  # at once, while the first is still under way
    work.let_go.set()
    assert first.result(20) == "done"
    assert middle[-1].result(20) == 19


def test_tabs_do_not_take_each_others_place(worker: Worker) -> None:
    work, _ = held(worker)
    futures = [worker.submit(f"tab{n}", ANSWER, lambda _, n=n: n) for n in range(20)]
    work.let_go.set()
    assert [future.result(20) for future in futures] == list(range(20))


def test_an_answer_comes_before_the_rest_of_what_takes_long(worker: Worker) -> None:
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def long(pause: Any) -> None:
        for part in range(3):
            order.append(f"part {part}")
            begun.set()
            assert go_on.wait(20)
            pause()

    curve = worker.submit("one", "curve", long)
    assert begun.wait(20)
    answer = worker.submit("one", ANSWER, lambda _: order.append("answer"))
    go_on.set()
    curve.result(20), answer.result(20)
    assert order == ["part 0", "answer", "part 1", "part 2"]


def test_a_newer_one_of_its_kind_ends_what_takes_long(worker: Worker) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def long(pause: Any) -> None:
        begun.set()
        assert go_on.wait(20)
        pause()
        raise AssertionError("nobody waits for this")

    first = worker.submit("one", "search", long)
    assert begun.wait(20)
    second = worker.submit("one", "search", lambda _: "newer")
    go_on.set()
    assert second.result(20) == "newer"
    with pytest.raises(SupersededError):
        first.result(20)


def test_what_a_closed_tab_asked_for_is_not_done(worker: Worker) -> None:
    work, _ = held(worker)
    done: list[int] = []
    futures = [worker.submit(f"tab{n}", ANSWER, lambda _, n=n: done.append(n)) for n in range(3)]
    worker.drop(futures[1])
    work.let_go.set()
    futures[0].result(20), futures[2].result(20)
    assert done == [0, 2]


def test_more_than_can_be_answered_soon_is_refused(worker: Worker) -> None:
    work, _ = held(worker)
    for n in range(MOST_WAITING):
        worker.submit(f"tab{n}", ANSWER, lambda _: None)
    with pytest.raises(BusyError, match="try again"):
        worker.submit("one more", ANSWER, lambda _: None)
    newest = worker.submit("tab0", ANSWER, lambda _: "newest")  # takes the place of its own
    work.let_go.set()
    assert newest.result(20) == "newest"


def test_work_that_fails_fails_alone(worker: Worker) -> None:
    def fail(pause: Any) -> None:
        raise RuntimeError("a model of the user's")

    with pytest.raises(RuntimeError, match="of the user's"):
        worker.submit("one", ANSWER, fail).result(20)
    assert worker.submit("one", ANSWER, lambda _: "still here").result(20) == "still here"


def test_a_future_that_was_cancelled_meanwhile_harms_nobody(worker: Worker) -> None:
    work, _ = held(worker)
    future = worker.submit("one", ANSWER, lambda _: 1)
    assert future.cancel()
    work.let_go.set()
    assert worker.submit("one", ANSWER, lambda _: 2).result(20) == 2
