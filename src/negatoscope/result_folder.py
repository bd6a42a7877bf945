"""The folder that results are written to: the user's own or, of a URL, one in the cache whose files go to a store.

The store is what counts: what is there is fetched first, each file goes there as soon as it is whole (`files`), and the
folder is removed in the end. So a run that was stopped resumes on any machine.
"""

import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TypeVar
from uuid import uuid4

from negatoscope.copies import named
from negatoscope.errors import DataError, OutputError, StoreError, expect
from negatoscope.files import holding, write_errors, write_whole
from negatoscope.stores import AnyPath, StorePath, folder_for, is_inside, note_of, path_of

Result = TypeVar("Result")

PLAN = "plan.json"
"""What names a folder of results as such: of others nothing is fetched but names."""

LOCK = ".lock"
"""The object that says that a run writes to a place; it is there while one does."""

RENEWED_SECONDS = 15.0
"""How often a run that goes on renews it."""

EXPIRED_SECONDS = 60.0
"""How long it must have stayed the same before another run takes it over."""


@contextmanager
def result_folder(out: str | AnyPath, *, keeps: tuple[str, ...] = ()) -> Iterator[Path]:
    """The folder to write to for `out`, a folder or a URL, for as long as the block runs.

    Of a URL, errors in the block name that and not the folder in the cache.

    Args:
        out: Where results are to be.
        keeps: How the names of files begin that a run goes on from, besides those of audits and searches.

    Raises:
        OutputError: Another run writes to the URL, or the cache cannot be written.
        StoreError: The store cannot be reached or refuses.
    """
    place = path_of(out)
    if isinstance(place, Path):
        yield place
        return
    folder = folder_for(place)
    with holding(folder.with_name(f"{folder.name}.lock"), wait=False) as held:
        expect(held, f"{place} to be free", "another run that writes to it; wait or give another --out", OutputError)
        with _Lock(place, folder), named(place, folder):
            try:
                shutil.rmtree(folder, ignore_errors=True)  # what a killed run has left
                fetch(place, folder, keeps=keeps)
                write_whole(note_of(folder), place.url.encode())
                yield folder
            finally:
                note_of(folder).unlink(missing_ok=True)
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def result_names(out: str | AnyPath, *, keeps: tuple[str, ...] = ()) -> Iterator[Path]:
    """A folder that has the names of what `out` holds, and its plans, for who writes nothing; of a folder it is that.

    Args:
        out: Where results are.
        keeps: How the names of files begin that are read, besides plans.

    Raises:
        StoreError: The store cannot be reached or refuses.
    """
    place = path_of(out)
    if isinstance(place, Path):
        yield place
        return
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "results"
        with named(place, folder):
            fetch(place, folder, keeps=keeps, whole=False)
            yield folder


def fetch(place: StorePath, folder: Path, *, keeps: tuple[str, ...] = (), whole: bool = True) -> None:
    """Make a new `folder` hold the results at `place`; of what is no result of ours only the names, as empty files.

    Args:
        place: Where they are.
        folder: What is made.
        keeps: As in `result_folder`.
        whole: Whether all of an audit or a search is needed, or of its files but the plan the names alone.

    Raises:
        DataError: A name leads out of the folder.
        OutputError: The folder cannot be written.
        StoreError: The store cannot be reached or refuses.
    """
    names = [name for name in place.entries() if name != LOCK]
    for name in names:
        got = f"{name!r}, which leads out of it; remove it"
        expect(is_inside(name), f"names of results in {place}", got, DataError)
    plans = [name for name in names if name.rpartition("/")[2] == PLAN]
    homes = (*keeps, *(name.removesuffix(PLAN) for name in plans)) if whole else (*keeps, *plans)

    def copy(name: str) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        (place / name).download(file) if name.startswith(homes) else file.touch()

    with write_errors(folder):
        folder.mkdir(parents=True)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(copy, names))


def fetched(place: StorePath, read: Callable[[Path], Result], *, what: str) -> Result:
    """What is read from a copy of the results at `place`, whose files are here as long as that lasts.

    Args:
        place: Where they are.
        read: Reads it.
        what: What they are, as in "a finished audit".

    Raises:
        DataError: There is nothing, or as `read` says.
        OutputError: There is no room for the copy.
        StoreError: The store cannot be reached or refuses.
    """
    temporary = Path(mkdtemp(prefix="negatoscope-"))
    folder = temporary / place.name
    try:
        with named(place, folder):
            fetch(place, folder)
            expect(any(folder.iterdir()), f"the folder of {what} in {place}", "nothing; correct it", DataError)
            result = read(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    weakref.finalize(result, shutil.rmtree, temporary, ignore_errors=True)
    return result


class _Lock:
    """A lock on a place in a store, held within a block.

    It is an object that only one run can create, where the store has conditional writes. A run that lives renews it;
    one that finds it and sees it renewed gives up, and takes it over where it stays the same. No clock is compared. A
    run that was killed on this machine has left its name beside the folder in the cache, so that nothing is waited for.
    """

    def __init__(self, place: StorePath, folder: Path) -> None:
        self.place, self.folder, self.file = place, folder, place / LOCK
        self.note = folder.with_name(f"{folder.name}.holder")
        self.holder, self.ended = uuid4().hex, threading.Event()
        self.thread = threading.Thread(target=self._renew, name="negatoscope-lock", daemon=True)

    def __enter__(self) -> None:
        earlier = self.note.read_text(encoding="utf-8") if self.note.is_file() else ""
        if (found := self._read()) is not None:
            if not (earlier and found.startswith(earlier)):
                self._expect_expired(found)
            self.file.remove()
        write_whole(self.note, self.holder.encode())
        try:
            self.file.write_bytes(self.holder.encode(), new=True)
        except FileExistsError as error:
            raise self._held() from error
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        with suppress(StoreError):  # what the block says of it counts
            if self._is_ours():
                self.file.remove()
                self.note.unlink(missing_ok=True)

    def _renew(self) -> None:
        number = 0
        while not self.ended.wait(RENEWED_SECONDS):
            number += 1
            with suppress(StoreError):  # writing results says so
                if not self._is_ours():
                    note_of(self.folder).unlink(missing_ok=True)  # so that nothing more is written
                    return
                self.file.write_bytes(f"{self.holder} {number}".encode())

    def _expect_expired(self, found: str) -> None:
        ends = time.monotonic() + EXPIRED_SECONDS
        while time.monotonic() < ends:
            time.sleep(EXPIRED_SECONDS / 30)
            if self._read() != found:
                raise self._held()

    def _held(self) -> OutputError:
        return OutputError(
            f"expected {self.place} to be free, but another run writes to it; wait or give another --out"
        )

    def _is_ours(self) -> bool:
        return (self._read() or "").startswith(self.holder)

    def _read(self) -> str | None:
        with suppress(FileNotFoundError):
            return self.file.read_text()
        return None
