"""A run that is killed, as a process and without warning, resumes to the bits of a run that was not."""

import hashlib
import importlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch

from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.models.networks import NetworkSettings
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import train

KILLS = 10
EPOCHS, STEPS_PER_EPOCH = 12, 3
STEPS = EPOCHS * STEPS_PER_EPOCH


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_run_that_is_killed_ten_times_resumes_to_the_same_bits(tmp_path: Path) -> None:
    arguments = [sys.executable, __file__, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["exits"] == [-signal.SIGKILL] * KILLS
    assert result["last"] == list(range(result["last"][0], STEPS + 1))
    assert result["last"][0] > 1, "the last process resumed and did not begin anew"
    assert result["killed"] == result["whole"]


def _kill_and_compare(folder: Path) -> str:
    """Train once undisturbed, and once in processes that are killed at random moments until the last may end."""
    generator = random.Random(KILLS)
    _, whole = _finish(folder / "whole")
    exits = [
        _kill_after(step, folder / "killed", pause_seconds=generator.uniform(0, 0.03))
        for step in sorted(generator.sample(range(1, STEPS), KILLS))
    ]
    last, killed = _finish(folder / "killed")
    return json.dumps({"exits": exits, "last": last, "killed": killed, "whole": whole})


def _kill_after(step: int, folder: Path, *, pause_seconds: float) -> int | None:
    """Kill a process while it does the step after `step`, or measures and keeps what an epoch has come to."""
    process, pipe = _start(folder)
    while pipe.recv() < step:
        pipe.send("continue")
    pipe.send("continue")
    time.sleep(pause_seconds)
    process.kill()
    process.join()
    return process.exitcode


def _finish(folder: Path) -> tuple[list[int], str]:
    """The steps that a process still had to do, and the hash of the weights."""
    process, pipe = _start(folder)
    steps = []
    while isinstance(message := pipe.recv(), int):
        steps.append(message)
        pipe.send("continue")
    process.join()
    return steps, message


def _start(folder: Path) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """A process that trains; it sends each step, and then waits for an answer."""
    context = multiprocessing.get_context("fork")  # so that PyTorch is imported once
    here, there = context.Pipe()
    process = context.Process(target=_train, args=(folder, there))
    process.start()
    there.close()
    return process, here


def _train(folder: Path, pipe: Connection) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 60)
    images = generator.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8)
    dataset = Dataset("noise", "train", images, labels, ("a", "b", "c"), np.arange(60))
    recipe = Recipe(
        "killed",
        epochs=EPOCHS,
        batch_size=20,
        shift=1,
        selection="best_validation",
        network=NetworkSettings(dropout_pool=0.25, dropout_first=0.5),
    )

    def progress(moment: TrainingProgress) -> None:
        pipe.send(moment.step)
        pipe.recv()

    hardware = Hardware(torch.device("cpu"), "float32")
    trained = train(
        recipe, dataset, validation=dataset, epsilon=0.1, hardware=hardware, folder=folder, progress=progress
    )
    weights = [tensor.contiguous().numpy().tobytes() for tensor in trained.network.state_dict().values()]
    pipe.send(hashlib.sha256(b"".join(weights)).hexdigest())


if __name__ == "__main__":
    importlib.import_module("torch._dynamo")  # else each process does so for its optimizer, in a second
    sys.stdout.write(_kill_and_compare(Path(sys.argv[1])))
