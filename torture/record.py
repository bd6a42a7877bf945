"""Checks, and torture.json: how often each was tried, with which seed, and which tries failed."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random

from negatoscope.errors import InputError
from negatoscope.files import holding, write_whole

TURNS = 20
Attempt = Callable[[Random, Path], str]
"""Tries once, with random choices of its own, in an empty folder of its own; gives what went wrong, or nothing."""


@dataclass(frozen=True)
class Check:
    """Something that is promised, what tries it, how often it is to be tried, and how many things one try tries."""

    name: str
    aim: int
    attempt: Attempt
    each: int = 1


@dataclass(frozen=True)
class Tried:
    """What is kept of a check: tries from number 0 on, in seconds; `failures` says of each what went wrong."""

    name: str
    tried: int = 0
    failed: int = 0
    seconds: float = 0.0
    seed: int = 0
    aim: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    def with_try(self, number: int, failure: str, *, seconds: float, each: int = 1) -> "Tried":
        """The same after one more try; a number that was tried before replaces what it came to."""
        failures = {key: what for key, what in self.failures.items() if key != str(number)}
        failures |= {str(number): failure} if failure else {}
        tried = max(self.tried, (number + 1) * each)
        return replace(
            self, tried=tried, failed=len(failures), seconds=round(self.seconds + seconds, 3), failures=failures
        )


class Record:
    """The file torture.json in a folder; several processes may write different checks of it at once."""

    def __init__(self, folder: Path) -> None:
        self.file, self._lock = folder / "torture.json", folder / ".torture.lock"

    def read(self) -> dict[str, Tried]:
        """Every check that was tried, by name."""
        if not self.file.is_file():
            return {}
        return {entry["name"]: Tried(**entry) for entry in json.loads(self.file.read_text())["checks"]}

    def write(self, tried: Tried) -> None:
        """Put one check in the place of what was kept of it."""
        with holding(self._lock):
            checks = sorted((self.read() | {tried.name: tried}).values(), key=lambda check: check.name)
            content = json.dumps({"checks": [asdict(check) for check in checks]}, indent=1, ensure_ascii=False)
            write_whole(self.file, (content + "\n").encode())


def take_turns(
    checks: Sequence[Check],
    record: Record,
    work: Path,
    *,
    seed: int,
    tries: int | None = None,
    again: bool = False,
    goes_on: Callable[[], bool] = lambda: True,
) -> None:
    """`carry_out` all of them, a share of each in turn, so that one that is stopped has tried everything."""
    for share in [TURNS] if again else range(1, TURNS + 1):
        for check in checks:
            most = (check.aim if tries is None else tries) * share // TURNS
            carry_out(check, record, work, seed=seed, tries=most, again=again, goes_on=goes_on)


def carry_out(
    check: Check,
    record: Record,
    work: Path,
    *,
    seed: int,
    tries: int | None = None,
    again: bool = False,
    goes_on: Callable[[], bool] = lambda: True,
) -> Tried:
    """Go on with a check where it was left until it has been tried as often as it should be.

    Each try's random choices follow from seed, name and number alone, so that any of them can be repeated.

    Args:
        check: What is tried.
        record: Where it is kept.
        work: A folder for each try's own, which is removed unless the try failed.
        seed: The one that it was begun with, where it goes on.
        tries: Another number of tries in all than the check's aim.
        again: Only repeat the tries that failed.
        goes_on: Asked before each try.

    Raises:
        InputError: The check was begun with another seed.
    """
    tried = record.read().get(check.name, Tried(check.name, seed=seed, aim=check.aim))
    if tried.seed != seed:
        raise InputError(f"expected the seed {tried.seed} that {check.name} was begun with, got {seed}; give that")
    tried, kept = replace(tried, aim=check.aim), time.monotonic()
    for number in _numbers(check, tried, tries=tries, again=again):
        if not goes_on():
            break
        began = time.perf_counter()
        place = work / f"{check.name.replace(' ', '-')}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        failure = check.attempt(Random(f"{seed} {check.name} {number}"), place)
        if not failure:
            shutil.rmtree(place)
        tried = tried.with_try(number, failure, seconds=time.perf_counter() - began, each=check.each)
        if failure or time.monotonic() - kept > 5:
            record.write(tried)
            kept = time.monotonic()
    record.write(tried)
    return tried


def _numbers(check: Check, tried: Tried, *, tries: int | None, again: bool) -> Sequence[int]:
    if again:
        return [int(number) for number in tried.failures]
    return range(tried.tried // check.each, -(-(check.aim if tries is None else tries) // check.each))
