"""kill -9 at a random moment, then the same command again: the same bits as from one that was left alone."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from torture.forked import Body, Ended, command, finish, fork, kill, run
from torture.record import Check
from torture.samples import Samples

AIM = 170
"""Kills of each command; 1,000 in all at least."""
COMMANDS = {
    "training": "reproduce table1 --fast --recipe {recipe} --epsilons 0.0 --out out",
    "audit": "audit {onnx} --data {png} --suite none --transform negative --out out",
    "search": "search {onnx} --data {png} --space gamma(exponent=0.5..2) --budget 4 --out out",
    "study": "reproduce sensitivity --fast --plan {plan} --seeds 1 --out out",
    "harden": "harden {onnx} --fit {png} --data {png} --invariant negative --method average --suite none --out out",
    "preparation": "verify {onnx} --data mnist_sample:test --invariant negative --limit 20",
}
TIMED = {
    "*.json": re.compile(rb'^.*"(seconds\w*|milliseconds\w*|ratio|slowdown|inference_cost)": .*$', re.MULTILINE),
    "table1.csv": re.compile(rb",[^,\n]*$", re.MULTILINE),  # the last column
    "table1.md": re.compile(rb"[\d,]+ seconds in all"),
}
"""What says how long something took, by files' names."""
TIMED_PAGES = {"harden": ("out/report.html", "out/report.md")}
"""Pages of which no two are the same for that reason."""


def checks(samples: Samples) -> list[Check]:
    """One for each command."""
    return [Check(f"kill {name}", AIM, partial(_try, samples, name)) for name in COMMANDS]


@dataclass(frozen=True)
class Outcome:
    """What a command comes to: how it ends, and its files."""

    ended: Ended
    files: Mapping[str, bytes]


@cache
def _undisturbed(samples: Samples, name: str, place: Path) -> Outcome:
    ended = _run(command(*words(samples, COMMANDS[name])), place)
    if ended.code not in (0, 1):
        raise RuntimeError(f"expected an undisturbed command to end well, got {ended.code}: {ended.error}")
    return Outcome(ended, _files(place, name))


def _try(samples: Samples, name: str, choose: Random, place: Path) -> str:
    """Kill a command once, or twice, or three times."""
    whole = _undisturbed(samples, name, place.parents[1] / f"undisturbed-{name}")
    body = command(*words(samples, COMMANDS[name]))
    times = choose.choice((1, 1, 2, 3))
    delays = [_kill_after(choose.uniform(0, whole.ended.seconds), body, place) for _ in range(times)]
    ended = _run(body, place)
    return _differences(whole, Outcome(ended, _files(place, name)), delays)


def words(samples: Samples, text: str) -> list[str]:
    """The words of a command, with the places of samples in them."""
    files = {"png": "png", "onnx": "digits.onnx", "recipe": "recipe.toml", "plan": "plan.toml"}
    return [word.format(**{name: samples / file for name, file in files.items()}) for word in text.split()]


def _run(body: Body, place: Path) -> Ended:
    os.environ["NEGATOSCOPE_CACHE_DIR"] = str(place / "here/cache")
    return run(body, place / "here", seconds=600)


def _kill_after(seconds: float, body: Body, place: Path) -> float:
    """Kill a command after so many seconds, or sooner where it ends before; gives the seconds that it had."""
    os.environ["NEGATOSCOPE_CACHE_DIR"] = str(place / "here/cache")
    process = fork(body, place / "here")
    time.sleep(seconds)
    kill(process)
    was_killed = finish(process, place / "here", seconds=60).code < 0
    return seconds if was_killed else _kill_after(seconds / 2, body, place)


def _files(place: Path, name: str) -> dict[str, bytes]:
    """Every file that a command has left, but for the times that it measured."""
    here, files = place / "here", {}
    for path in sorted(path for path in here.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for pattern, times in TIMED.items():
            content = times.sub(b"", content) if path.match(pattern) else content
        files[str(path.relative_to(here))] = content
    return {path: content for path, content in files.items() if path not in TIMED_PAGES.get(name, ())}


def _differences(whole: Outcome, again: Outcome, delays: list[float]) -> str:
    after = f"after kills at {', '.join(f'{delay:.3f}' for delay in delays)} s"
    if again.ended.hung or again.ended.code != whole.ended.code:
        return f"exit code {again.ended.code} {after}: {again.ended.error[-300:]}"
    if odd := sorted(whole.files.keys() ^ again.files.keys()):
        return f"{'missing' if odd[0] in whole.files else 'left over'} {after}: {', '.join(odd[:3])}"
    differing = [name for name in whole.files if whole.files[name] != again.files[name]]
    if not differing:
        return ""
    lines = (outcome.files[differing[0]].splitlines() for outcome in (whole, again))
    first = next(((a, b) for a, b in zip(*lines, strict=False) if a != b), None)
    return f"other bytes {after}: {', '.join(differing[:3])}: {first!r:.300}"
