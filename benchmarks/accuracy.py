"""Seconds of training until an accuracy is reached, and whether bf16 costs any accuracy.

Time to accuracy: whole runs of the recipe `accurate` with fewer epochs, plain training, GTSRB validated by track; the
first epoch after which the validation images are classified so well ends the time. Validation itself is left out of
the time, and given beside it. bf16 against float32: a shortened recipe from the same seeds, so that runs are compared
in pairs. No peer takes part: peers have no recipe for this network, and `train` compares what they reach after equal
work.

A run is kept in out/bench/accuracy as soon as it is over, and not repeated as long as the code that trains is the same;
thus the suite can be stopped and started again.
"""

import itertools
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy import stats

from benchmarks import harness
from benchmarks.harness import Findings, Measure
from negatoscope.data import Dataset
from negatoscope.data.split import Split
from negatoscope.files import write_whole
from negatoscope.hardware import pick_hardware
from negatoscope.memory import keep_freed_memory
from negatoscope.reproduce.run_data import load_split, split_training
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe, named_recipe
from negatoscope.training.train import train

MARKS = {"mnist": (98.5, 99.0, 99.2), "gtsrb": (95.0, 97.0, 98.0)}
SEEDS = 5
EPOCHS = {"mnist": 5, "gtsrb": 8}
PAIRED = (("mnist", 0.0), ("mnist", 0.1), ("gtsrb", 0.0))
PAIRED_EPOCHS, PAIRED_IMAGES = 3, 10_000


@dataclass(frozen=True)
class Job:
    """One run: what is trained, from which seed, in which precision; few `images` if not 0."""

    recipe: Recipe
    epsilon: float
    seed: int
    precision: str
    images: int = 0


def run(quick: bool) -> Findings:
    keep_freed_memory()  # as commands do
    if quick:
        with TemporaryDirectory() as folder:
            return _run(Path(folder), quick=True)
    return _run(harness.ROOT / "out/bench/accuracy", quick=False)


def _run(folder: Path, *, quick: bool) -> Findings:
    seeds = range(2 if quick else SEEDS)
    images, epochs = (1000, 1) if quick else (PAIRED_IMAGES, PAIRED_EPOCHS)
    measures: list[Measure] = []
    reached: dict[str, object] = {}
    for dataset in () if quick else MARKS:
        split: Split = "track" if dataset == "gtsrb" else "last"
        recipe = replace(named_recipe("accurate", dataset), split=split, epochs=EPOCHS[dataset])
        runs = [_kept(Job(recipe, 0.0, seed, "auto"), folder) for seed in seeds]
        for mark in MARKS[dataset]:
            took = [seconds_to(mark / 100, each) for each in runs]
            reached[f"{dataset} {mark} %"] = took
            measures += _time(dataset, mark, took)
        measures.append(_final(dataset, runs))
    paired: dict[str, object] = {}
    for dataset, epsilon in PAIRED:
        recipe = replace(named_recipe("accurate", dataset), epochs=epochs)
        by_precision = {
            precision: [_kept(Job(recipe, epsilon, seed, precision, images), folder) for seed in seeds]
            for precision in ("bf16", "float32")
        }
        for kind in ("validation_accuracy", "negative_accuracy"):
            last = {name: [100 * each["history"][-1][kind] for each in runs] for name, runs in by_precision.items()}
            name = f"{dataset}, epsilon {epsilon}: {kind.replace('_', ' ')}, bf16 less float32"
            paired[name] = compared(last["bf16"], last["float32"])
            measures.append(_difference(name, last["bf16"], last["float32"], images=images, epochs=epochs))
    return Findings(measures, {"time_to_accuracy": reached, "paired": paired})


def seconds_to(mark: float, run: dict) -> dict[str, float] | None:  # type: ignore[type-arg]
    """Seconds until validation accuracy first reaches `mark`: of training alone, and with validation; None if never."""
    for index, epoch in enumerate(run["history"]):
        if epoch["validation_accuracy"] >= mark:
            training = sum(each["seconds"] for each in run["history"][: index + 1])
            return {"training": training, "with_validation": run["ends"][index], "epochs": index + 1}
    return None


def compared(ours: Sequence[float], others: Sequence[float]) -> dict[str, object]:
    """Differences of pairs: their mean, its 95 % t interval, and the exact sign-flip test of no difference.

    With n pairs the test's p-value is a multiple of ``1 / 2**n``, and at least twice that.
    """
    differences = np.subtract(ours, others)
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    flips = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    return {
        "bf16": list(ours),
        "float32": list(others),
        "differences": differences.tolist(),
        "mean_difference": float(differences.mean()),
        "interval_95": [float(interval.low), float(interval.high)] if np.ptp(differences) else [differences[0]] * 2,
        "sign_flip_p": float(np.mean(np.array(flips) >= abs(differences.sum()) - 1e-9)),
        "seed_deviation": {"bf16": statistics.stdev(ours), "float32": statistics.stdev(others)},
    }


def _kept(job: Job, folder: Path) -> dict:  # type: ignore[type-arg]
    """The run as it is kept, or done now and kept."""
    identity = sha256(repr((job, _code(), harness.machine(), harness.versions())).encode()).hexdigest()[:12]
    file = folder / f"{job.recipe.name}-{job.epsilon}-{job.precision}-seed{job.seed}-{identity}.json"
    if file.is_file():
        harness.console.print(f"  kept: {file.name}", style="dim")
    else:
        harness.console.print(f"  training: {file.name}", style="dim")
        write_whole(file, json.dumps(_trained(job)).encode())
    found: dict[str, object] = json.loads(file.read_text())
    return found


def _trained(job: Job) -> dict[str, object]:
    training, validation = _data(job)
    began, ends = time.monotonic(), list[float]()

    def report(progress: TrainingProgress) -> None:
        if len(progress.history) > len(ends):  # the first step of the next epoch
            ends.append(time.monotonic() - began)

    hardware = pick_hardware(precision=job.precision)
    trained = train(
        job.recipe,
        training,
        validation=validation,
        epsilon=job.epsilon,
        seed=job.seed,
        hardware=hardware,
        progress=report,
    )
    ends.append(time.monotonic() - began)
    return {"hardware": hardware.description, "history": [asdict(epoch) for epoch in trained.history], "ends": ends}


def _data(job: Job) -> tuple[Dataset, Dataset]:
    loaded = load_split(job.recipe.data, "train", data_dir=None, fast=False)
    training, validation = split_training(loaded, job.recipe, seed=job.seed, fast=False)
    if job.images:
        chosen = np.random.default_rng(job.seed).permutation(len(training))[: job.images]
        training = training.take(chosen, split="train")
    return training, validation


def _code() -> str:
    """What decides how training runs: the files of the package that take part."""
    source = harness.ROOT / "src/negatoscope"
    rooms = ("training", "models", "attacks")
    files = [source / "memory.py", *sorted(path for room in rooms for path in (source / room).glob("*.py"))]
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _time(dataset: str, mark: float, took: Sequence[dict[str, float] | None]) -> list[Measure]:
    """The median over seeds, those that never get there counting as longer than any; nothing if half of them do not."""
    there = sorted((each for each in took if each), key=lambda each: each["training"])
    if 2 * len(there) <= len(took):
        harness.console.print(f"  {dataset} {mark} %: reached by {len(there)} of {len(took)} seeds", style="yellow")
        return []
    middle = there[len(took) // 2]
    times = {"negatoscope": [each["training"] for each in there]}
    measure = harness.measure(f"time to {mark} % on {dataset}'s validation images", "s", times)
    note = f"reached by {len(there)} of {len(took)} seeds; {middle['with_validation']:.1f} s with validation"
    spread = measure.spread if len(there) == len(took) else {}  # of those that got there it would lie too low
    return [
        replace(
            measure,
            ours=middle["training"],
            spread=spread,
            note=f"{note}; after {middle['epochs']} epochs in the median run",
        )
    ]


def _final(dataset: str, runs: Sequence[dict]) -> Measure:  # type: ignore[type-arg]
    last = [100 * run["history"][-1]["validation_accuracy"] for run in runs]
    whole = statistics.median(sum(epoch["seconds"] for epoch in run["history"]) for run in runs)
    return harness.value(
        f"validation accuracy at the end, {dataset}",
        "%",
        statistics.mean(last),
        note=f"mean of {len(last)} seeds, {min(last):.2f} to {max(last):.2f}; after {whole:.1f} s of training",
    )


def _difference(name: str, ours: Sequence[float], others: Sequence[float], *, images: int, epochs: int) -> Measure:
    facts = compared(ours, others)
    low, high = facts["interval_95"]  # type: ignore[misc]
    note = f"95 % interval {low:+.3f} to {high:+.3f}, sign-flip p {facts['sign_flip_p']:.3g}"  # type: ignore[has-type]
    note += f"; {len(ours)} seeds, {epochs} epochs on {images:,} images"
    return harness.value(name, "points", float(np.subtract(ours, others).mean()), note=note)
