"""Minutes of the whole of Table I, as `negatoscope reproduce table1` makes it: ten classifiers, one seed.

The command runs once, in a process of its own, from its start to its end: data, training, every pass that measures,
figures. Nobody else's program makes this table, so there is no peer. What it writes stays in out/bench/table1, and the
suite runs into an empty folder only: a table that was half there would be quicker.
"""

import subprocess
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import harness
from benchmarks.harness import Measure
from benchmarks.startup import COMMAND
from negatoscope.errors import expect
from negatoscope.reproduce.table1_document import read_table1

OUT = harness.ROOT / "out/bench"


def run(quick: bool) -> list[Measure]:
    """The whole table; of a quick run the command's own smoke run with two classifiers."""
    if quick:
        with TemporaryDirectory() as folder:
            few = ["--fast", "--datasets", "mnist_sample", "--epsilons", "0.0,0.1"]
            return _timed(Path(folder), few, "a smoke run")
    out = OUT / time.strftime("table1-%Y%m%d-%H%M%S")
    return _timed(out, ["--recipe", "sgd"], "the whole Table I, sgd, 10 classifiers, 1 seed")


def _timed(out: Path, options: list[str], name: str) -> list[Measure]:
    began = time.perf_counter()
    done = subprocess.run([*COMMAND, "reproduce", "table1", "--out", str(out), *options])
    expect(done.returncode == 0, "the command to end well", f"exit code {done.returncode}; see above")
    minutes = (time.perf_counter() - began) / 60
    runs = read_table1(out).runs
    training = sum(run.seconds for run in runs) / 60
    note = f"{len(runs)} classifiers; training {training:.3g} min, the rest measures, attacks and draws"
    measures = [harness.value(name, "min", minutes, note=note)]
    for dataset in dict.fromkeys(run.dataset for run in runs):
        for kind, robust in (("plain", False), ("robust", True)):
            found = [run for run in runs if run.dataset == dataset and bool(run.epsilon) is robust]
            epochs = ", ".join(sorted({str(len(run.epochs)) for run in found}))
            measures.append(
                harness.value(
                    f"training of one {kind} classifier, {dataset}",
                    "min",
                    median(run.seconds for run in found) / 60,
                    note=f"median of {len(found)}, {epochs} epochs",
                )
            )
    return measures
