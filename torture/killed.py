"""kill -9 at a random moment, then the same command again: the same bits as from one that was left alone."""

import time
from functools import partial
from pathlib import Path
from random import Random

from torture.forked import Body, finish, fork, kill
from torture.outcomes import COMMANDS, body_of, cache_in, differences, outcome, undisturbed
from torture.record import Check
from torture.samples import Samples

AIM = 170
"""Kills of each command; 1,000 in all at least."""


def checks(samples: Samples) -> list[Check]:
    """One for each command."""
    return [Check(f"kill {name}", AIM, partial(_try, samples, name)) for name in COMMANDS]


def _try(samples: Samples, name: str, choose: Random, place: Path) -> str:
    """Kill a command once, or twice, or three times."""
    whole = undisturbed(samples, name, place.parents[1] / f"undisturbed-{name}")
    times, body = choose.choice((1, 1, 2, 3)), body_of(samples, name)
    moments = [_kill_after(choose.uniform(0, whole.ended.seconds), body, place / "here") for _ in range(times)]
    wrong = differences(whole, outcome(samples, name, place / "here"))
    return f"after kills at {', '.join(f'{moment:.3f}' for moment in moments)} s, {wrong}" if wrong else ""


def _kill_after(seconds: float, body: Body, here: Path) -> float:
    """Kill a command after so many seconds, or sooner where it ends before; gives the seconds that it had."""
    cache_in(here)
    process = fork(body, here)
    time.sleep(seconds)
    kill(process)
    was_killed = finish(process, here, seconds=60).code < 0
    return seconds if was_killed else _kill_after(seconds / 2, body, here)
