"""Real digits, and two real classifiers that have learned them."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier


def digits_of(part: slice, split: str) -> Dataset:
    """Digits of scikit-learn, 8x8."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images * 255 / 16).round().astype(np.uint8).reshape(-1, 1, 8, 8)
    return Dataset.from_arrays(pixels[part], labels[part], name="digits", split=split)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """300 digits that no classifier has learned."""
    return digits_of(slice(1200, 1500), "test")


def learned(network: nn.Sequential, *, name: str) -> ClassifierAdapter:
    """The network after a few passes over 1,200 other digits."""
    train = digits_of(slice(1200), "train")
    images = torch.from_numpy(np.asarray(train.images)).float() / 255
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(120):
        batch = slice(100 * (step % 12), 100 * (step % 12) + 100)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[batch]), torch.from_numpy(train.labels)[batch]).backward()
        optimizer.step()
    return open_classifier(network.eval(), size=8, channels="gray", classes=10, name=name)


@pytest.fixture(scope="session")
def classifier() -> ClassifierAdapter:
    """A small convolutional network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = (nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10))
        return learned(nn.Sequential(*layers), name="reader")


@pytest.fixture(scope="session")
def other() -> ClassifierAdapter:
    """A network without convolutions."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = (nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        return learned(nn.Sequential(*layers), name="another")
