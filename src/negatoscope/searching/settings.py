"""Settings of a space as they are tried on images: many settings on the same images, or one for each image."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from negatoscope.data import Dataset
from negatoscope.data.batches import Batch, batches
from negatoscope.errors import DataError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Predictions, predict_images, suitable_batch, to_images
from negatoscope.transforms.spaces import Space
from negatoscope.types import Images, Labels


def read_images(
    classifier: ClassifierAdapter, dataset: Dataset, samples: Int[np.ndarray, " n"]
) -> Iterator[tuple[Images, Labels, Batch]]:
    """The images of these samples in their order, a batch at a time, as the classifier takes them.

    Raises:
        DataError: One of them cannot be read any more.
    """
    resize, device = classifier.input_spec.resize, classifier.device
    values = resize.height * resize.width * classifier.input_spec.planes
    chosen = dataset.take(dataset.positions_of(samples), split=dataset.split)
    for batch in batches(chosen, resize, batch_size=suitable_batch(device, values=values)):
        if batch.unreadable:  # who calls holds a point for each sample
            raise DataError(batch.unreadable[0].reason)
        yield to_images(torch.from_numpy(batch.pixels).to(device)), torch.from_numpy(batch.labels).to(device), batch


def try_setting(
    classifier: ClassifierAdapter, space: Space, images: Sequence[tuple[Tensor, Tensor]], point: Float[Tensor, " d"]
) -> tuple[Bool[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
    """Whether each image is classified correctly under one setting, and the probability of its label."""
    correct, confidences = [], []
    for batch, labels in images:
        predictions = predict_under(classifier, space, batch, labels, point.expand(len(labels), -1))
        correct.append(predictions.predictions == labels.cpu().numpy())
        confidences.append(predictions.label_confidences)
    return np.concatenate(correct), np.concatenate(confidences)


def predict_under(
    classifier: ClassifierAdapter, space: Space, images: Images, labels: Labels, points: Float[Tensor, "batch d"]
) -> Predictions:
    """What a classifier predicts for images, each under a setting of its own; at NaN it is the clean image."""
    return predict_images(classifier, apply_settings(space, images, points.to(images.device)), labels)


def apply_settings(space: Space, images: Images, points: Float[Tensor, "batch d"]) -> Images:
    """Each image under a setting of its own; at NaN, the clean image of a space without identity, as it is."""
    changed = ~points.isnan().any(dim=1)
    if changed.all():
        return space.apply(images, points)
    images = images.clone()
    images[changed] = space.apply(images[changed], points[changed])
    return images
