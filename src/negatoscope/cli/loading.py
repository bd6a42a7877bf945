"""How a command that computes begins."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

from negatoscope.memory import keep_freed_memory


@contextmanager
def loading() -> Iterator[None]:
    """Import large packages within the block: nobody looks for garbage in what they define, neither now nor later.

    From then on the process also keeps the memory that it has freed, and Arrow takes its memory where everything else
    does: a pool of its own holds on to what a long audit has freed.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # read when pyarrow is first imported
    keep_freed_memory()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
