"""Files that are there whole or not at all, also when the process is killed half-way.

Of a folder that is for a place in a store (`result_folder`) each file goes there, too, as soon as it is whole.
"""

import hashlib
import os
import shutil
from collections.abc import Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from negatoscope.errors import DataError, OutputError, expect
from negatoscope.stores import AnyPath, StorePath, is_temporary, last_to_write, place_of


def write_whole(path: AnyPath, content: bytes) -> None:
    """Write `content` under `path` in one step, folders included.

    Raises:
        OutputError: The folder cannot be written or the disk is full; nothing is left behind.
        StoreError: The store cannot be reached or refuses.
    """
    if isinstance(path, StorePath):
        path.write_bytes(content)
        return
    with writing(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to write to, which takes its name when the block ends well.

    Raises:
        OutputError: The folder cannot be written or the disk is full; nothing is left behind.
    """
    with replacing(path) as temporary, write_errors(path):
        yield temporary


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The same for a block whose own errors are not all about writing; those that are it marks with `write_errors`."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"  # "." has no name
    try:
        with write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with write_errors(path):
            _flush(temporary)
            temporary.replace(path)
            _upload(path)
    finally:
        with suppress(OSError):  # the folder may be none, and the name too long
            temporary.unlink()


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Errors of the system in this block are about writing `path`.

    Raises:
        OutputError: In place of such an error.
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` to fill, which takes its name when the block ends well.

    Raises:
        OutputError: The place cannot be written or the disk is full; nothing is left behind.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"  # "." has no name
    shutil.rmtree(temporary, ignore_errors=True)  # of a killed process that had the same id
    try:
        with write_errors(path):
            temporary.mkdir(parents=True)
            yield temporary
            with ThreadPoolExecutor() as together:  # which a disk writes as one
                list(together.map(_flush, filter(Path.is_file, temporary.rglob("*"))))
            temporary.replace(path)
            _upload(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove what killed processes left of files and folders that they wrote to `folders`; for who holds their lock.

    Raises:
        OutputError: It cannot be removed.
    """
    found = [path for folder in folders for path in folder.glob(".*.tmp") if is_temporary(path.name)]
    remove_all(found)


def remove_all(paths: Iterable[Path]) -> None:
    """Remove files and folders, those of them that are there.

    Raises:
        OutputError: One cannot be removed.
    """
    for path in paths:
        with write_errors(path):
            if place := place_of(path):
                place.remove()
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Give a file another name, its folder made, in place of a file that has it.

    Raises:
        OutputError: It cannot be moved.
    """
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        here, there = place_of(source), place_of(target)
        if here and there:
            here.move(there)


def expect_free(out: Path, *, own: Container[str], what: str) -> None:
    """Refuse a file in the place of a folder, and a folder that holds anything but files of some names.

    What processes are writing there, or have left as they were killed, is nobody's.

    Args:
        out: The folder.
        own: The names.
        what: What these files are.

    Raises:
        OutputError: It is one of these; nothing is written.
    """
    again = "give another --out"
    expect(out.is_dir() or not out.exists(), f"a folder to write to in {out}", f"a file; {again}", OutputError)
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    others = [name for name in names if name not in own and not is_temporary(name)]
    expect(not others, f"{out} to be empty or to hold {what}", f"{', '.join(others[:1])}; {again}", OutputError)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made if it is not there, for one process at a time; one in which nothing was made goes again.

    Raises:
        OutputError: Another process holds it, or it cannot be written.
    """
    lock, made_here = folder / ".lock", not folder.exists()
    with holding(lock, wait=False) as held:
        if not held:
            raise OutputError(f"expected {folder} to be free, but another run writes to it; wait or give another --out")
        try:
            yield
        finally:
            if made_here and list(folder.iterdir()) == [lock]:
                lock.unlink()
                folder.rmdir()


@contextmanager
def holding(lock: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock, its folder made if it is not there; False where another process has it and nobody is to wait.

    Raises:
        OutputError: The folder cannot be written.
    """
    file = FileLock(lock, timeout=-1 if wait else 0)
    with write_errors(lock.parent), suppress(Timeout):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file.acquire()
    try:
        yield file.is_locked
    finally:
        file.release()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The sentence for a place that cannot be written."""
    reason = error.strerror or f"the disk may be full ({error})"  # numpy tells of a write cut short without a reason
    if isinstance(error, FileExistsError) and error.filename and Path(error.filename).is_file():
        reason = f"{'it' if Path(error.filename) == path else error.filename} is a file, not a folder"
    return OutputError(f"cannot write {path}: {reason}; give another place or make room")


def sha256_of(path: AnyPath) -> str:
    """The file's sha256 in hex.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, hashlib.sha256).hexdigest()
    except OSError as error:
        raise DataError(f"expected a readable file, but {path} cannot be read: {error.strerror}") from error


def keep(path: Path) -> None:
    """Put a file that another library has written into the store that its folder is for, where it is for one.

    Raises:
        OutputError: It cannot be read.
    """
    with write_errors(path):
        _upload(path)


def _upload(path: Path) -> None:
    """Put what is whole on the disk into the store that its folder is for, documents last."""
    place = place_of(path)
    if place is None:
        return
    if path.is_file():
        place.upload(path)
        return
    names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
    for name in sorted(names, key=last_to_write):
        (place / name).upload(path / name)


def _flush(file: Path) -> None:
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())
