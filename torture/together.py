"""Two to eight processes at once with one cache and one folder to write to: all right, or a sentence."""

from functools import partial
from pathlib import Path
from random import Random
from time import sleep

from torture.forked import finish, fork
from torture.outcomes import QUICK, Outcome, body_of, cache_in, differences, files_of, undisturbed
from torture.record import Check
from torture.samples import Samples

AIM = 200
BUSY = "another run writes to it; wait or give another --out"


def checks(samples: Samples) -> list[Check]:
    """One, of rounds."""
    return [Check("together", AIM, partial(_try, samples))]


def _try(samples: Samples, choose: Random, place: Path) -> str:
    """One command several times, started within the time that one takes alone."""
    name, here = choose.choice(QUICK), place / "here"
    whole = undisturbed(samples, name, place.parents[1] / f"undisturbed-{name}")
    cache_in(here)
    processes = []
    for number in range(choose.randint(2, 8)):
        processes.append(fork(body_of(samples, name), here, place / f"printed-{number}"))
        sleep(choose.choice((0, 0, choose.uniform(0, whole.ended.seconds / 4))))
    ended = [finish(each, place / f"printed-{number}", seconds=600) for number, each in enumerate(processes)]
    files = files_of(name, here)
    done = [each for each in ended if each.code == whole.ended.code]
    refused = [each for each in ended if each.code == 2 and each.error.rstrip().endswith(BUSY)]
    if len(done) + len(refused) < len(ended) or not done:
        return f"{name}: exit codes {[each.code for each in ended]}: {[each.error[-200:] for each in ended]}"
    wrong = differences(whole, Outcome(done[0], files))
    return f"{name}: {wrong}" if wrong else ""
