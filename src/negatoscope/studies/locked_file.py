"""A file that a command goes on from, for one process at a time; a folder may hold several."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from negatoscope.errors import OutputError, expect
from negatoscope.files import holding


@contextmanager
def locked_file(file: Path) -> Iterator[None]:
    """The file, which need not be there yet, within a block.

    Raises:
        OutputError: Another process holds it, or its folder cannot be written.
    """
    lock = file.with_name(f".{file.name}.lock")
    with holding(lock, wait=False) as held:
        free = f"{file} to be free"
        expect(held, free, "another run that writes to it; wait or give another --out", OutputError)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
