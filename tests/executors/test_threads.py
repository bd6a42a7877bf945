"""Calls side by side in threads: in order, with their share of torch's threads, and ended with what asked for them."""

from collections.abc import Iterator
from threading import Barrier, current_thread, main_thread

import pytest
import torch

from negatoscope.executors import using_threads
from negatoscope.executors.threads import in_threads


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    with using_threads(4):
        yield


def test_results_come_in_the_order_of_items_and_calls_run_at_once() -> None:
    both = Barrier(2, timeout=60)

    def both_at_once(item: int) -> tuple[int, int]:
        both.wait()
        return item, torch.get_num_threads()

    assert list(in_threads(both_at_once, range(10), count=2)) == [(item, 2) for item in range(10)]
    assert torch.get_num_threads() == 4


def test_one_at_once_stays_in_this_thread_with_all_of_its_threads() -> None:
    def where(item: int) -> tuple[bool, int]:
        return current_thread() is main_thread(), torch.get_num_threads()

    assert set(in_threads(where, range(3), count=1)) == {(True, 4)}


def test_items_are_taken_no_further_ahead_than_calls_need_them() -> None:
    taken: list[int] = []
    items = (taken.append(item) or item for item in range(100))
    for done, item in enumerate(in_threads(lambda item: item, items, count=3)):
        assert item == done
        assert len(taken) <= done + 4


def test_a_call_that_fails_ends_all_and_gives_the_threads_back() -> None:
    called: list[int] = []

    def fail(item: int) -> int:
        called.append(item)
        if item == 5:
            raise ValueError("five")
        return item

    seen: list[int] = []
    with pytest.raises(ValueError, match="five"):
        seen.extend(in_threads(fail, range(1000), count=2))
    assert seen == list(range(5))
    assert max(called) <= 5 + 4
    assert torch.get_num_threads() == 4
