"""Calls side by side in threads of this process, each with its share of torch's threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from negatoscope.executors import using_threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item], *, count: int) -> Iterator[Result]:
    """What a function makes of each item, in their order; so many items at once, of which none waits long.

    Operations on small tensors gain little from several threads, and Python's own work nothing: both do where each
    thread has items of its own.

    Args:
        function: Called from several threads; torch gives each call its share of the threads that it has now.
        items: Taken one by one, as calls end.
        count: How many calls run at once; 1 makes them in this thread.
    """
    if count == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with using_threads(max(1, torch.get_num_threads() // count)), ThreadPoolExecutor(count) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
