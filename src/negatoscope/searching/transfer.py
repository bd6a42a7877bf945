"""What the settings that a search found do to other models, which it asked nothing."""

import numpy as np
import torch

from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import predict_images
from negatoscope.searching.measure import accuracy_interval
from negatoscope.searching.result import Transfer
from negatoscope.searching.searched import SearchedImages
from negatoscope.searching.settings import predict_under, read_images
from negatoscope.transforms.spaces import Space


def measure_transfer(other: ClassifierAdapter, dataset: Dataset, space: Space, searched: SearchedImages) -> Transfer:
    """Another model on the same images, clean and each under the setting found for it: two predictions an image."""
    points, clean, after, done = torch.from_numpy(searched.points), [], [], 0
    for images, labels, batch in read_images(other, dataset, searched.samples):
        chosen = points[done : done + len(labels)]
        clean.append(predict_images(other, images, labels).predictions == batch.labels)
        after.append(predict_under(other, space, images, labels, chosen).predictions == batch.labels)
        done += len(labels)
    before, correct = np.concatenate(clean), np.concatenate(after)
    fooled = searched.fooled & before
    tracks = searched.tracks
    share = accuracy_interval(~correct[fooled], None if tracks is None else tracks[fooled]) if fooled.any() else None
    return Transfer(
        **vars(accuracy_interval(correct, tracks)),
        space=space.text,
        model=other.name,
        sha256=other.sha256,
        n=len(correct),
        clean_accuracy=float(before.mean()),
        n_fooled=int(fooled.sum()),
        fooled=share.accuracy if share else None,
        fooled_low=share.low if share else None,
        fooled_high=share.high if share else None,
    )
