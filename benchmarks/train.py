"""Images per second of plain and of FGSM adversarial training, and what the networks are worth after equal work.

Equal footing: the paper's network (for peers in PyTorch's own layers, same weights), real images that lie ready in
memory, batch 128, epsilon 0.1, fused AdamW and the one-cycle schedule of the recipe `accurate`, augmentation off. A
step trains on a clean batch and on its adversarial copy, by everyone; "images" counts the clean ones. Ours is
`negatoscope.training.train.train`, held between its steps. Everyone has a process of their own and as many threads as
there are processors; they take a few steps each, in turn. Peers come as shipped (float32) and under bf16 autocast with
channels_last. Attacks follow the true labels. ART's trainer replaces half of a batch instead, so it gets batches twice
as large, of which half is replaced: as many clean and adversarial images as everyone else's step.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import harness
from benchmarks.harness import Measure
from benchmarks.peers.task import DEVICE, Task
from negatoscope.errors import expect
from negatoscope.reproduce.run_data import load_split, split_training
from negatoscope.training.recipe import named_recipe

PEERS = {
    "pytorch": "torch",
    "torchattacks": "torchattacks",
    "foolbox": "foolbox",
    "cleverhans": "cleverhans",
    "art": "art",
}
"""Contestants' libraries and the packages that they need."""

KEPT = {"MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_MMAP_MAX_": "0"}
"""glibc's settings under which a process keeps the memory that it frees."""

FORMS = {
    " float32": "peers as shipped (float32)",
    " bf16": "peers under bf16 and channels_last",
    ", memory kept": "a bf16 loop that keeps its memory, and one with our layers too",
}
"""How contestants' names end, and what a comparison with them is called."""

EXTRAS = ("pytorch bf16, memory kept", "pytorch fast-layers, memory kept")

STEPS = 24 if DEVICE.type == "cuda" else 8
"""Optimizer steps between two turns: on a GPU one takes a millisecond or less. GTSRB has images for 11 turns of 24."""


@dataclass(frozen=True)
class Heat:
    """One comparison: what is trained, by which peers, for how many rounds of `STEPS` steps."""

    title: str
    dataset: str
    epsilon: float
    peers: tuple[str, ...]
    rounds: int


def run(quick: bool) -> list[Measure]:
    rounds = 1 if quick else 9
    libraries = tuple(name for name, package in PEERS.items() if harness.available(package))
    heats = [
        Heat("FGSM adversarial training", "mnist", 0.1, libraries[:2] if quick else libraries, rounds),
        Heat("plain training", "mnist", 0.0, ("pytorch",), rounds),
    ]
    if not quick:
        best_attack = tuple(name for name in ("pytorch", "torchattacks") if name in libraries)
        heats.append(Heat("FGSM adversarial training", "gtsrb", 0.1, best_attack, rounds))
        heats.append(Heat("plain training", "gtsrb", 0.0, ("pytorch",), rounds))
    return [measure for heat in heats for measure in _run(heat, quick=quick)]


def task_of(dataset: str, *, epsilon: float, images: int, validation: int) -> Task:
    """The first real images of a dataset's shuffled training set, by the recipe `accurate` less augmentation."""
    recipe = replace(named_recipe("accurate", dataset), shift=0, label_smoothing=0.0)
    both = split_training(load_split(recipe.data, "train", data_dir=None, fast=False), recipe, seed=0, fast=False)
    there = len(both[0])
    expect(images <= there, f"at most {there:,} images, which {dataset} has to train on", f"{images:,}")
    shuffled = [np.random.default_rng(0).permutation(len(each)) for each in both]
    return Task(
        recipe,
        both[0].take(shuffled[0][:images], split="train"),
        both[1].take(shuffled[1][:validation], split="validation"),
        epsilon,
    )


def _run(heat: Heat, *, quick: bool) -> Iterator[Measure]:
    steps = 2 if quick else STEPS
    batch = named_recipe("accurate", heat.dataset).batch_size
    images = steps * batch * (heat.rounds + 1)
    task = task_of(heat.dataset, epsilon=heat.epsilon, images=images, validation=500 if quick else 5000)
    names = ["negatoscope", *(f"{peer} {form}" for peer in heat.peers for form in ("float32", "bf16"))]
    with TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "task.npz"
        task.save(file)
        workers = {name: stack.enter_context(start(name, file)) for name in [*names, *EXTRAS]}
        for worker in workers.values():
            worker.wait()
        contestants = {name: (lambda worker=worker: worker.advance(steps)) for name, worker in workers.items()}
        times = harness.take_turns(contestants, rounds=heat.rounds)
        reached = {name: workers[name].finish() for name in names}
    title = f"{heat.title}, {heat.dataset}"
    for ending, title_of_form in FORMS.items():
        chosen = {name: each for name, each in times.items() if name.endswith(("negatoscope", ending))}
        yield harness.measure(f"{title}, {title_of_form}", "images/s", chosen, amount=steps * batch)
    for kind in ("clean", "FGSM") if heat.epsilon else ("clean",):
        ours, *others = ((name, each[kind]) for name, each in reached.items())
        yield harness.value(
            f"{title}: {kind} validation accuracy",
            "%",
            ours[1],
            peers=dict(others),
            note=f"after {images:,} images, one run each; on {len(task.validation):,} images, FGSM on at most 1,000",
            higher_is_better=True,
        )


class Worker:
    """A contestant's process; it stands still between calls."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process, self.log = process, log

    def wait(self) -> None:
        """Until it is ready to take steps."""
        self._answer()

    def advance(self, steps: int) -> None:
        """Let it take steps."""
        self._ask(str(steps))
        self._answer()

    def finish(self) -> dict[str, float]:
        """Accuracies in percent."""
        self._ask("finish")
        return self._answer()

    def _ask(self, line: str) -> None:
        assert self.process.stdin is not None, "a pipe"
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None, "a pipe"
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"expected an answer of a contestant, it ended: {self.log.read_text()[-2000:]}")
        answer: dict[str, float] = json.loads(line)
        return answer


@contextmanager
def start(name: str, task: Path) -> Iterator[Worker]:
    """A contestant in a process of its own, which ends with the block."""
    plain_name, _, kept = name.partition(", ")
    log = task.with_name(f"{task.stem} {name}.log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.worker", plain_name, str(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=harness.ROOT,
            env=os.environ | (KEPT if kept else {}),
        )
    try:
        yield Worker(process, log)
    finally:
        process.kill()
        process.communicate()
