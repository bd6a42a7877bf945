"""The one inference path: training, reproduction and audit all count through it, in float32."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float32, Int64, Shaped, UInt64
from torch import Tensor

from negatoscope.errors import expect
from negatoscope.types import Images, IndexArray, LabelArray, Labels, Logits, PixelArray, TrackArray

Classifier = Callable[[Tensor], Tensor]
"""Anything that maps Images in [0, 1] to Logits."""

BatchTransform = Callable[[Images, Labels], Images]
"""What is done to a batch before the classifier sees it: a transform (which ignores the labels) or an attack."""

_ON_PROCESSOR, _ELSEWHERE = (128, 700_000), (512, 4_000_000)  # images and their values in one forward pass, at most
_OF_SMALL, _SMALL = 256, 3 * 32 * 32  # on a processor: so many at once of images that have no more values than that


@dataclass(frozen=True)
class Predictions:
    """A classifier's predictions for n images.

    Args:
        predictions: The class with the highest probability.
        confidences: Its softmax probability, in [0, 1].
        label_confidences: That of the label.
        label_ranks: How many classes score higher than the label; 0 where, and only where, it is the prediction.
    """

    predictions: Int64[np.ndarray, " n"]
    confidences: Float32[np.ndarray, " n"]
    label_confidences: Float32[np.ndarray, " n"]
    label_ranks: Int64[np.ndarray, " n"]


def predict(
    classifier: Classifier,
    images: PixelArray,
    labels: LabelArray,
    *,
    device: torch.device,
    batch_transform: BatchTransform | None = None,
    batch_size: int | None = None,
) -> Predictions:
    """Classify stored images, after `batch_transform` if one is given.

    A module is used as it stands: put it into evaluation mode first. Memory is bounded by `batch_size`.

    Args:
        classifier: Maps images in [0, 1] to logits.
        images: uint8, 0 to 255; a memory map is fine.
        labels: The true class of each image.
        device: Where the classifier lives.
        batch_transform: Called as ``batch_transform(images, labels)`` on each batch, images in [0, 1].
        batch_size: Images per forward pass; None takes what suits the device.

    Raises:
        InputError: `batch_size` is below 1.
    """
    if batch_size is None:
        batch_size = suitable_batch(device, values=int(np.prod(images.shape[1:])))
    expect(batch_size >= 1, "batch_size of at least 1", batch_size)
    parts: list[Predictions] = []
    for start in range(0, len(labels), batch_size):
        chosen = slice(start, start + batch_size)
        batch = to_images(torch.from_numpy(np.array(images[chosen])).to(device))
        truth = torch.from_numpy(np.array(labels[chosen])).to(device)
        changed = batch_transform(batch, truth) if batch_transform else batch
        parts.append(predict_images(classifier, changed, truth))
    if not parts:
        return predictions_of(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64))
    columns = (np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Predictions))
    return Predictions(*columns)


@torch.no_grad()
def predict_images(classifier: Classifier, images: Images, labels: Labels) -> Predictions:
    """Classify one batch that lies where the classifier lives."""
    return predictions_of(classifier(images), labels)


def row_columns(
    predictions: Predictions,
    *,
    labels: LabelArray,
    samples: IndexArray,
    hashes: UInt64[np.ndarray, " n"],
    tracks: TrackArray | None,
) -> dict[str, Shaped[np.ndarray, " _"] | None]:
    """The columns that `rows.make_rows` takes, for predictions about images.

    Args:
        predictions: What the classifier predicts.
        labels: The true class of each image.
        samples: Where each stands in its source split.
        hashes: `rows.hash_samples` of each.
        tracks: Of which object each is a frame, where that is known.
    """
    return {
        "sample": samples,
        "sample_hash": hashes,
        "track": tracks,
        "label": labels,
        "prediction": predictions.predictions,
        "confidence": predictions.confidences,
        "label_confidence": predictions.label_confidences,
        "label_rank": predictions.label_ranks,
    }


def suitable_batch(device: torch.device, *, values: int) -> int:
    """How many images of so many values a forward pass should take.

    On a processor few, so that what layers hand on stays in its caches and in memory that the process keeps: twice as
    fast as hundreds at once. More of images as small as those of MNIST or CIFAR-10, where calls cost as much as what
    they compute. Elsewhere as many as 16 MB hold, up to 512.
    """
    if device.type == "cpu" and values <= _SMALL:
        return _OF_SMALL
    most, at_once = _ON_PROCESSOR if device.type == "cpu" else _ELSEWHERE
    return max(1, min(most, at_once // max(1, values)))


def to_images(pixels: Tensor) -> Images:
    """Images in [0, 1] from uint8 pixels, laid out the way convolutions like best."""
    return pixels.float().div_(255.0).contiguous(memory_format=torch.channels_last)


def predictions_of(logits: Logits, labels: Labels) -> Predictions:
    """What logits that a classifier gave say of images with these labels."""
    logits = logits.float()
    probabilities = logits.softmax(dim=1)
    confidences, predictions = probabilities.max(dim=1)
    of_label = probabilities.gather(1, labels[:, None])[:, 0]
    higher = (logits > logits.gather(1, labels[:, None])).sum(dim=1)
    ranks = higher.clamp(min=1).masked_fill(predictions == labels, 0)  # where scores tie, one of them is predicted
    columns = (predictions, confidences, of_label, ranks)
    return Predictions(*(column.cpu().numpy() for column in columns))
