"""A real classifier that has learned digits and not their negatives, and digits for it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from negatoscope.data import Dataset
from negatoscope.hardening import FitData
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier


@pytest.fixture(scope="session")
def digits() -> tuple[Dataset, Dataset]:
    """Real digits of scikit-learn, 8x8: two thirds to train and fit on, and 300 others."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images * 255 / 16).round().astype(np.uint8).reshape(-1, 1, 8, 8)
    parts = (slice(0, 1200), slice(1200, 1500))
    return tuple(  # type: ignore[return-value]
        Dataset.from_arrays(pixels[part], labels[part], name="digits", split=split)
        for part, split in zip(parts, ("train", "test"), strict=True)
    )


@pytest.fixture(scope="session")
def fit(digits: tuple[Dataset, Dataset]) -> FitData:
    """Digits that look as they should."""
    return FitData(np.asarray(digits[0].images), digits[0].labels)


@pytest.fixture(scope="session")
def network(fit: FitData) -> nn.Module:
    """A small convolutional network that has learned digits."""
    images = torch.from_numpy(fit.images).float() / 255
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(512, 10)),
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for step in range(120):
            batch = slice(100 * (step % 12), 100 * (step % 12) + 100)
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), torch.from_numpy(fit.labels)[batch]).backward()
            optimizer.step()
    return network.eval()


@pytest.fixture(scope="session")
def classifier(network: nn.Module) -> ClassifierAdapter:
    """The network, as an audit opens it."""
    return open_classifier(network, size=8, channels="gray", classes=10, name="reader")


@pytest.fixture(scope="session")
def onnx_reader(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as an ONNX file."""
    pytest.importorskip("onnx")
    file = tmp_path_factory.mktemp("onnx") / "reader.onnx"
    torch.onnx.export(
        network, (torch.zeros(1, 1, 8, 8),), str(file), dynamo=False, dynamic_axes={"x": {0: "n"}}, input_names=["x"]
    )
    return file
