"""The way people look at transforms today: one pass of a DataLoader over the images for each of them."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks import harness
from benchmarks.peers.pictures import _kornia, _of, _pillow
from negatoscope.data import Dataset as OurDataset
from negatoscope.registry import parse_spec
from negatoscope.transforms.suites import suite
from negatoscope.types import LabelArray, PixelArray

SIDE, BATCH = 32, 128
BatchTransform = Callable[[Any], Any]
LIBRARIES = {"PIL": _pillow, "kornia": _kornia}


def changes_of(package: str, spec: str) -> BatchTransform | None:
    """What a library does for one of our transforms, None where it lacks it or is not there."""
    return _of(package, LIBRARIES[package], parse_spec(spec))


@cache
def shared_specs() -> tuple[str, ...]:
    """Those of the suite "all" that Pillow has and, where it is installed, kornia."""
    packages = ["PIL", *(["kornia"] if harness.available("kornia") else [])]
    return tuple(spec for spec in suite("all").specs if all(changes_of(package, spec) for package in packages))


def pictures(dataset: OurDataset) -> list[Image.Image]:
    """Every image as a decoded picture of its own size."""
    return [Image.fromarray(np.asarray(image).transpose(1, 2, 0)) for image in dataset.images]


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pictures that are resized, changed and made tensors when they are asked for."""

    def __init__(self, held: Sequence[Image.Image], labels: LabelArray, batch_transform: BatchTransform | None) -> None:
        self.held, self.labels, self.batch_transform = held, labels, batch_transform

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = self.held[index].resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        changed = self.batch_transform(picture) if self.batch_transform else picture
        values = torch.from_numpy(np.array(changed, copy=True)).permute(2, 0, 1).contiguous()  # as ToTensor does
        return values.to(torch.float32).div(255), int(self.labels[index])


def with_pillow(
    network: nn.Module, held: Sequence[Image.Image], labels: LabelArray, specs: Sequence[str], *, workers: int
) -> list[float]:
    """Accuracy unchanged and under each transform, which Pillow makes picture by picture."""
    changes = [None, *(changes_of("PIL", spec) for spec in specs)]
    return [_accuracy(network, Pictures(held, labels, batch_transform), workers=workers) for batch_transform in changes]


def with_kornia(
    network: nn.Module, held: Sequence[Image.Image], labels: LabelArray, specs: Sequence[str]
) -> list[float]:
    """Accuracy unchanged and under each transform, which kornia makes on the batch."""
    changes = [None, *(changes_of("kornia", spec) for spec in specs)]
    return [
        _accuracy(network, Pictures(held, labels, None), workers=0, on_batch=batch_transform)
        for batch_transform in changes
    ]


def with_foolbox(
    network: nn.Module, images: PixelArray, labels: LabelArray, *, batch_size: int
) -> tuple[LabelArray, Float32[np.ndarray, " n"]]:
    """Predictions and confidences of all images and then of all negatives, which foolbox makes of tensors in memory.

    Its attack's `run` makes them without classifying them, which then happens once; its call would do so in vain.
    """
    import foolbox

    model, attack = foolbox.PyTorchModel(network, bounds=(0, 1)), foolbox.attacks.InversionAttack()
    made: list[list[Tensor]] = [[], []]
    with torch.no_grad():
        for start in range(0, len(images), batch_size):
            chosen = slice(start, start + batch_size)
            batch, truth = torch.from_numpy(np.array(images[chosen])).float() / 255, torch.from_numpy(labels[chosen])
            for outputs, shown in zip(made, (batch, attack.run(model, batch, truth)), strict=True):
                outputs.append(model(shown).softmax(dim=1))
    confidences, predictions = torch.cat([*made[0], *made[1]]).max(dim=1)
    return predictions.numpy(), confidences.numpy()


def _accuracy(network: nn.Module, pictures: Pictures, *, workers: int, on_batch: BatchTransform | None = None) -> float:
    right = 0
    with torch.no_grad():
        for images, truth in DataLoader(pictures, batch_size=BATCH, num_workers=workers):
            changed = on_batch(images) if on_batch else images
            right += int((network(changed).argmax(dim=1) == truth).sum())
    return right / len(pictures)
