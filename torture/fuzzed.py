"""Coverage-guided fuzzing of the parsers that are written here, by atheris (libFuzzer), where that is installed."""

import itertools
import os
import sys
import types
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random

from torture.forked import run
from torture.parsers import PARSERS, Parser, modules_of
from torture.record import Check
from torture.samples import Samples

AIM = 1_000_000
EXECUTIONS = 5_000
"""Of one try, in one process."""


def checks(samples: Samples) -> list[Check]:
    """One for each parser; none where atheris is not installed."""
    if find_spec("atheris") is None:
        return []
    return [
        Check(f"fuzz {name}", AIM, partial(_try, samples, parser), each=EXECUTIONS) for name, parser in PARSERS.items()
    ]


def _try(samples: Samples, parser: Parser, choose: Random, place: Path) -> str:
    """Go on with the inputs that earlier tries have found to reach something new."""
    corpus = place.parents[1] / "corpus" / place.name.rpartition("-")[0]
    if not corpus.is_dir():
        corpus.mkdir(parents=True)
        for number, text in enumerate(parser.seeds(samples)):
            (corpus / f"seed-{number}").write_bytes(text)
    seed = choose.randrange(1, 2**31)
    ended = run(partial(_fuzz, parser, corpus, place, seed), place / "here", seconds=3600)
    found = [path.read_bytes() for path in sorted((place / "here").iterdir()) if not path.name.startswith("slow")]
    if ended.code or ended.hung or found:
        raised = [line for line in ended.error.splitlines() if "Error" in line or "Exception" in line]
        return f"exit code {ended.code}, {found[:1]!r:.300}: {' '.join(raised[:2]):.300}"
    return ""


def _fuzz(parser: Parser, corpus: Path, folder: Path, seed: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    for module in modules_of(parser):
        for name, function in list(vars(module).items()):
            if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
                setattr(module, name, atheris.instrument_func(function))
    executions = itertools.count(1)

    def read(content: bytes) -> None:
        parser(content, folder)
        if next(executions) == EXECUTIONS:
            os._exit(0)  # libFuzzer's own end would wait for threads that were not forked

    limits = ["-timeout=60", "-rss_limit_mb=4000", "-max_len=20000", "-verbosity=0"]
    atheris.Setup([sys.argv[0], f"-seed={seed}", *limits, str(corpus)], read)
    atheris.Fuzz()
