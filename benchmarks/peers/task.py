"""What every contestant trains: the same network, images, optimizer and schedule, written once for all processes."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from negatoscope.data import Dataset
from negatoscope.models.networks import PaperNetwork
from negatoscope.training.recipe import Recipe

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True)
class Task:
    """One epoch of training, augmentation and label smoothing off for everyone since peers have neither."""

    recipe: Recipe
    training: Dataset
    validation: Dataset
    epsilon: float

    @property
    def steps(self) -> int:
        """Optimizer steps, each on a whole batch."""
        return len(self.training) // self.recipe.batch_size

    def save(self, file: Path) -> None:
        """Write it where a worker reads it."""
        facts = {"recipe": self.recipe.to_dict(), "epsilon": self.epsilon, "classes": self.training.class_names}
        arrays: dict[str, Any] = {}
        for name, dataset in (("training", self.training), ("validation", self.validation)):
            arrays |= {f"{name}_images": np.asarray(dataset.images), f"{name}_labels": dataset.labels}
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)

    @classmethod
    def load(cls, file: Path) -> "Task":
        """Read what `save` wrote."""
        arrays = np.load(file)
        facts = json.loads(str(arrays["facts"]))

        def dataset(name: str) -> Dataset:
            labels = arrays[f"{name}_labels"]
            names = tuple(facts["classes"])
            return Dataset("benchmark", name, arrays[f"{name}_images"], labels, names, np.arange(len(labels)))

        recipe = Recipe.from_dict(facts["recipe"], where=str(file))
        return cls(recipe, dataset("training"), dataset("validation"), facts["epsilon"])


@dataclass
class Setup:
    """A peer's network, optimizer and images, in the form that it is measured in.

    Args:
        task: What is trained.
        form: "float32" as PyTorch has it by default; "bf16" under autocast with channels_last; "fast-layers" is the
            latter with our own class of network in place of PyTorch's layers.
    """

    task: Task
    form: str
    weights: nn.Module = field(init=False)
    network: nn.Module = field(init=False)
    optimizer: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        paper = paper_network(self.task)
        self.weights = (paper if self.form == "fast-layers" else in_pytorch_layers(paper)).to(DEVICE)
        self.layout = torch.contiguous_format
        self.network = self.weights
        if self.form != "float32":
            self.layout = torch.channels_last
            self.weights.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.network = UnderAutocast(self.weights)
        self.optimizer = _optimizer(self.weights, self.task)
        images = torch.from_numpy(np.asarray(self.task.training.images)).to(DEVICE)
        self.images = images.float().div_(255.0).contiguous(memory_format=self.layout)
        self.labels = torch.from_numpy(self.task.training.labels).long().to(DEVICE)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every image once, in a random order, from images that lie ready in memory."""
        for chosen in torch.split(torch.randperm(len(self.labels)).to(DEVICE), self.task.recipe.batch_size):
            yield self.images[chosen].contiguous(memory_format=self.layout), self.labels[chosen]


class UnderAutocast(nn.Module):
    """A network whose products run in bf16 and whose logits come out in float32, whoever calls it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Class scores."""
        with torch.autocast(images.device.type, torch.bfloat16):
            logits: Tensor = self.network(images)
        return logits.float()


def paper_network(task: Task) -> PaperNetwork:
    """The paper's network with the recipe's settings, its weights drawn from seed 0."""
    _, channels, size, _ = np.shape(task.training.images)
    classes = len(task.training.class_names)
    return PaperNetwork(channels=channels, size=size, classes=classes, settings=task.recipe.network, seed=0)


def in_pytorch_layers(paper: PaperNetwork) -> nn.Sequential:
    """The same network with the same weights in PyTorch's own layers, as a user of any peer would write it.

    ReLU comes after the pooling, which gives the same values on a quarter of the pixels: the quicker order.
    """
    settings = paper.settings
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=paper.conv1,
        relu1=nn.ReLU(),
        conv2=paper.conv2,
        pool=nn.MaxPool2d(settings.pool_size),
        relu2=nn.ReLU(),
        flat=nn.Flatten(),
        dropout1=nn.Dropout(settings.dropout_pool),
        dense1=paper.dense1,
        relu3=nn.ReLU(),
        dropout2=nn.Dropout(settings.dropout_first),
        dense2=paper.dense2,
        relu4=nn.ReLU(),
        output=paper.output,
    )
    return nn.Sequential(layers)


def _optimizer(network: nn.Module, task: Task) -> torch.optim.Optimizer:
    """The recipe's AdamW in its fused form and its one-cycle schedule, set before each step whoever takes it."""
    recipe = task.recipe
    assert (recipe.optimizer, recipe.schedule) == ("adamw", "one_cycle"), "what the recipe accurate has"
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    done = 0

    def set_rate(*_: object) -> None:
        nonlocal done
        position = (done + 0.5) / task.steps
        done += 1
        rate = recipe.learning_rate * min(position / recipe.warmup, (1 - position) / (1 - recipe.warmup))
        for group in optimizer.param_groups:
            group["lr"] = max(rate, 0.0)

    optimizer.register_step_pre_hook(set_rate)
    return optimizer
