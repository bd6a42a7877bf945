"""The images that methods are fitted on, decoded as an audit decodes those that it measures."""

import math
from collections.abc import Sequence

import numpy as np

from negatoscope.data import Dataset
from negatoscope.data.batches import batches
from negatoscope.data.depth import expect_whole_depth
from negatoscope.errors import DataError, expect
from negatoscope.hardening import LEAST, FitData
from negatoscope.models.input_spec import InputSpec

_MOST_VALUES = 400_000_000  # of all images that are held in memory, one byte each
_BATCH = 256


def read_fit(dataset: Dataset, input_spec: InputSpec, *, class_names: Sequence[str] = (), seed: int = 0) -> FitData:
    """Images of a dataset at the size and with the channels that a classifier expects, as an audit decodes them.

    Of more than 400 MB of pixels a random part is read.

    Args:
        dataset: Labeled or not; images that cannot be read are left out.
        input_spec: What the classifier expects.
        class_names: Those of the data that judge; labels of other classes are left out.
        seed: Decides which part.

    Raises:
        DataError: Fewer than 20 images can be read.
        InputError: Images use fewer bits than their files have, and nobody gave their number.
    """
    expect_whole_depth(dataset)
    most = max(LEAST, _MOST_VALUES // math.prod(input_spec.resize.shape))
    if len(dataset) > most:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:most])
        dataset = dataset.take(chosen, split=f"{dataset.split} ({most} of {len(dataset)})")
    read = [batch for batch in batches(dataset, input_spec.resize, batch_size=_BATCH) if len(batch.labels)]
    n = sum(len(batch.labels) for batch in read)
    expect(n >= LEAST, f"at least {LEAST} images to fit on in {dataset.spec}", f"{n} that can be read", DataError)
    tracks = [batch.tracks for batch in read if batch.tracks is not None]
    labeled = bool(dataset.class_names) and tuple(dataset.class_names) == tuple(class_names)
    return FitData(
        images=np.concatenate([batch.pixels for batch in read]),
        labels=np.concatenate([batch.labels for batch in read]) if labeled else None,
        tracks=np.concatenate(tracks) if len(tracks) == len(read) else None,
    )


def expect_fitting(fit: FitData, input_spec: InputSpec) -> None:
    """Refuse fit images that are too few or of another size than the classifier's.

    Raises:
        InputError: They are.
    """
    expected, given = input_spec.resize.shape, tuple(fit.images.shape[1:])
    expect(given == expected, f"fit images of channels, height and width {expected}", f"{given}; resize them")
    expect(len(fit.images) >= LEAST, f"at least {LEAST} images to fit on", len(fit.images))
