"""Two small classifiers of digits that come with the package, and the digits that they are first shown.

The plain one was trained on MNIST as it is; the mended one is the same network, hardened against negatives. As models
of an audit they are ``negatoscope.web.models:plain`` and ``negatoscope.web.models:mended``. They are made by
``python -m negatoscope.web.models``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.errors import expect
from negatoscope.hardening.saved import load_hardened
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.types import Images, Logits

FOLDER = Path(__file__).parent
"""Where the files are: a file of weights for each classifier, the digits, and what was measured."""

NAMES = ("plain", "mended")
"""The classifiers, the one that others are compared with first."""

NAMED = tuple(f"negatoscope.web.models:{name}" for name in NAMES)
"""The same as models of an audit."""

DIGITS, DIGITS_OF = "digits", "mnist:test"
"""What the dataset of digits is called, and what it is a part of."""

FIRST_DIGIT = 45
"""Where the digit stands that is on the table at first: a nine, whose negative the plain classifier calls 0."""

OPTIONS: Mapping[str, Any] = {"size": 28, "channels": "gray"}
"""What an audit of one of them needs to be given."""


@dataclass(frozen=True, kw_only=True)
class ShippedModel:
    """What was measured of a classifier on MNIST's 10,000 test images.

    Args:
        name: "plain" or "mended".
        parameters: How many weights it has.
        size_bytes: Of its file.
        clean_accuracy: In [0, 1].
        negative_accuracy: On their negatives.
    """

    name: str
    parameters: int
    size_bytes: int
    clean_accuracy: float
    negative_accuracy: float


@dataclass(frozen=True, kw_only=True)
class ShippedModels:
    """How the classifiers were made: `models.json` beside them.

    Args:
        command: What made them.
        data: What they were trained on and judged by.
        license: That of the digits.
        models: What was measured.
    """

    schema: Literal[2] = 2
    command: str
    data: str
    license: str
    models: tuple[ShippedModel, ...]


class DigitNetwork(nn.Module):
    """Three 3x3 convolutions of 16, 32 and 32 filters, each halved by max-pooling, and a linear layer.

    It has 16,938 parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 32)
        self.layers = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths))
        self.output = nn.Linear(widths[-1] * 3 * 3, 10)

    def forward(self, images: Images) -> Logits:
        """Class scores for gray images of 28x28 pixels in [0, 1]."""
        values: Tensor = images
        for layer in self.layers:
            values = functional.max_pool2d(functional.relu(layer(values)), 2)
        logits: Tensor = self.output(values.flatten(1))
        return logits


def load(name: str, *, device: torch.device | str = "cpu") -> ClassifierAdapter:
    """The classifier of that name.

    Raises:
        DataError: Its file is missing or damaged.
    """
    path = FOLDER / f"{name}.safetensors"
    return replace(load_hardened(path, DigitNetwork().eval(), device=device), name=name)


def plain() -> ClassifierAdapter:
    """The classifier as it was trained."""
    return load("plain")


def mended() -> ClassifierAdapter:
    """The same network behind a wrapper that shows it the more natural one of an image and its negative."""
    return load("mended")


def shipped_models(class_names: Sequence[str], *, device: torch.device | str = "cpu") -> list[ClassifierAdapter]:
    """Both, for data of so many classes.

    Raises:
        InputError: These are not ten.
    """
    got = f"{len(class_names)}; name a model of your own"
    expect(len(class_names) == 10, "data of 10 classes for the classifiers that come with the package", got)
    return [load(name, device=device) for name in NAMES]


def open_digits() -> Dataset:
    """Fifty digits of MNIST's test set, five of each, which no classifier was trained on."""
    return replace(open_dataset(FOLDER / "digits.zip"), spec=DIGITS)
