"""Disks that fill at a random byte, that become read-only, and clocks that are set back; then all is well again."""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from torture.forked import Ended, finish, fork, kill, run
from torture.outcomes import QUICK, Outcome, body_of, cache_in, differences, files_of, outcome, undisturbed
from torture.record import Check
from torture.samples import Samples

AIM = 200
YEARS = 10 * 365 * 86_400


def checks(samples: Samples) -> list[Check]:
    """Short files and clocks; where they can be mounted, disks that fill and disks that become read-only."""
    tries: dict[str, Callable[[Samples, str, Random, Path], str]] = {"limit of files": _limited, "clock": _clock_back}
    if _can_mount():
        tries |= {"full disk": _full, "read-only disk": _read_only}
    return [Check(name, AIM, partial(_try, samples, attempt)) for name, attempt in tries.items()]


def _try(samples: Samples, attempt: Callable[[Samples, str, Random, Path], str], choose: Random, place: Path) -> str:
    name = choose.choice(QUICK)
    wrong = attempt(samples, name, choose, place)
    return f"{name}: {wrong}" if wrong else ""


def _limited(samples: Samples, name: str, choose: Random, place: Path) -> str:
    """No file may be longer than a random length, as under `ulimit -f`."""
    whole, here = _whole(samples, name, place), place / "here"
    most = choose.randrange(1, max(map(len, whole.files.values())))
    body = body_of(samples, name)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        body()

    cache_in(here)
    ended = run(limited, here)
    return _wrong(ended, here) or differences(whole, outcome(samples, name, here))


def _full(samples: Samples, name: str, choose: Random, place: Path) -> str:
    """A disk with room for a random part of all files."""
    whole, here = _whole(samples, name, place), place / "here"
    with _mounted(here, size_bytes=choose.randrange(4096, sum(map(len, whole.files.values())) + 4096)):
        cache_in(here)
        ended = run(body_of(samples, name), here)
        if wrong := _wrong(ended, here):
            return wrong
        subprocess.run(["mount", "-o", "remount,size=1g", here], check=True)
        return differences(whole, outcome(samples, name, here))


def _read_only(samples: Samples, name: str, choose: Random, place: Path) -> str:
    """A disk that can only be read, from a random moment on: the first one then when no file is open."""
    whole, here = _whole(samples, name, place), place / "here"
    with _mounted(here, size_bytes=2**30):
        cache_in(here)
        process = fork(body_of(samples, name), here)
        end = time.monotonic() + choose.uniform(0, whole.ended.seconds)
        while time.monotonic() < end or (_remount(here, "ro") and time.monotonic() < end + 10):
            time.sleep(0.002)
        ended = finish(process, here, seconds=60)
        wrong = _broken_promise(ended)
        _remount(here, "rw")
        return wrong or differences(whole, outcome(samples, name, here))


def _clock_back(samples: Samples, name: str, choose: Random, place: Path) -> str:
    """What lies there is from the future, and time goes backwards."""
    whole, here = _whole(samples, name, place), place / "here"
    cache_in(here)
    process = fork(body_of(samples, name), here)
    time.sleep(choose.uniform(0, whole.ended.seconds))
    kill(process)
    finish(process, here, seconds=60)
    future = time.time() + choose.uniform(0, YEARS)
    for path in here.rglob("*"):
        os.utime(path, (future, future))
    body, began = body_of(samples, name), time.time()

    def backwards() -> None:
        time.time = lambda: 2 * began - _now() - YEARS
        body()

    ended = run(backwards, here)
    return differences(whole, Outcome(ended, files_of(name, here)))


_now = time.time


def _whole(samples: Samples, name: str, place: Path) -> Outcome:
    return undisturbed(samples, name, place.parents[1] / f"undisturbed-{name}")


def _wrong(ended: Ended, here: Path) -> str:
    left = [path.name for path in here.rglob("*.tmp")]
    return _broken_promise(ended) or (f"left {left[0]} after {ended.error[-200:]}" if left else "")


def _broken_promise(ended: Ended) -> str:
    """What is wrong with how a command ended that could not write: one sentence is promised, or that it had room."""
    lines = ended.error.splitlines()
    in_words = ended.code in (0, 1) or (ended.code == 2 and lines[-1:] and lines[-1].startswith("negatoscope: "))
    return "" if in_words and not ended.hung else f"exit code {ended.code}: {ended.error[-300:]}"


def _can_mount() -> bool:
    return os.geteuid() == 0 and shutil.which("mount") is not None


@contextmanager
def _mounted(here: Path, *, size_bytes: int) -> Iterator[None]:
    """A disk in memory with so many bytes, or a page more."""
    here.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "torture", here], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", here], check=True)


def _remount(here: Path, how: str) -> bool:
    """Whether it did not work, since a file is open."""
    return subprocess.run(["mount", "-o", f"remount,{how}", here], capture_output=True).returncode != 0
