"""A contestant in a process of its own: ``python -m benchmarks.peers.worker NAME TASK``, driven line by line.

It says when it is ready. Each line on standard input is then a number of steps, answered when they are done, or
"finish", answered with accuracies.
Allocators, thread pools and what a library sets for its process are thus its own affair.
"""

import json
import os
import sys
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import nn

from benchmarks.peers.contestants import make
from benchmarks.peers.task import DEVICE, Task
from negatoscope.attacks.gradient import fgsm
from negatoscope.models.predict import predict
from negatoscope.types import Images, Labels

ATTACKED = 1000


def serve(name: str, file: Path, replies: IO[str]) -> None:
    """Reply until asked to finish, or until standard input ends."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (ART draws from it)
    task = Task.load(file)
    contestant = make(name, task)

    def answer(content: dict[str, float]) -> None:
        print(json.dumps(content), file=replies, flush=True)

    def next_steps() -> int:
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        answer({})
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        return 0 if line.strip() == "finish" else int(line)

    answer(accuracies(contestant.run(next_steps), task))


def accuracies(network: nn.Module, task: Task) -> dict[str, float]:
    """How the trained network does on validation images, clean and under FGSM, in percent, in float32."""
    images, labels = np.asarray(task.validation.images), task.validation.labels
    clean = predict(network, images, labels, device=DEVICE).predictions

    def attacked(batch: Images, truth: Labels) -> Images:
        return fgsm(network, batch, truth, epsilon=task.epsilon or 0.1).images

    robust = predict(network, images[:ATTACKED], labels[:ATTACKED], device=DEVICE, batch_transform=attacked).predictions
    return {
        "clean": 100 * float((clean == labels).mean()),
        "FGSM": 100 * float((robust == labels[:ATTACKED]).mean()),
    }


if __name__ == "__main__":
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to standard error
    serve(sys.argv[1], Path(sys.argv[2]), replies)
