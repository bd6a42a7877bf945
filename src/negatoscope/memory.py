"""How this process treats memory that it has freed."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as glibc's malloc.h numbers them
_RETAINED = 2**30  # bytes at the end of the heap that are not given back
_FROM_HEAP = 2**25  # larger blocks than this cannot come from glibc's heap


def keep_freed_memory() -> bool:
    """Have the C library keep freed memory for the next tensor rather than give it back to the system.

    Otherwise every large tensor of a training step or a batch comes as fresh pages, which the system clears first:
    about a third of the time of a step on a CPU. The setting holds for the whole process until it ends, so commands
    make it, and functions of this package never do. Up to a gigabyte of freed memory is retained.

    Returns:
        Whether it could be done: only glibc has this option.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no such function, or no way to ask
        return False
    return bool(set_option(_TRIM_THRESHOLD, _RETAINED)) and bool(set_option(_MMAP_THRESHOLD, _FROM_HEAP))


def release_freed_memory() -> None:
    """Give memory that is freed but lies between blocks in use back to the system, where the C library is glibc.

    It takes a few milliseconds at most: for between two stages of which the second needs other memory than the first.
    """
    with suppress(AttributeError, OSError, TypeError):  # no such function, or no way to ask
        ctypes.CDLL(None).malloc_trim(0)
