"""Whether a classifier gives the same answer to the same images twice."""

import numpy as np

from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import predict
from negatoscope.reports.formatting import counted
from negatoscope.types import PixelArray

_ROUNDING = 1e-3  # by which a probability may differ where sums are added in another order


def check_repeatable(classifier: ClassifierAdapter, pixels: PixelArray | None) -> tuple[str, ...]:
    """A sentence for a reader where a classifier answers the same images differently."""
    if pixels is None or len(pixels) == 0:
        return ()
    labels = np.zeros(len(pixels), dtype=np.int64)  # needed, not used
    first, second = (predict(classifier, pixels, labels, device=classifier.device) for _ in range(2))
    changed = int((first.predictions != second.predictions).sum())
    apart = float(np.abs(first.confidences - second.confidences).max())
    if not changed and apart <= _ROUNDING:
        return ()
    which = f"the prediction of {changed:,} of {counted(len(pixels), 'image')}" if changed else "no prediction"
    return (
        f"asked twice, {classifier.name} answers the same image differently: {which} changed, and the confidence by up "
        f"to {apart:.2g}; an image counts as misclassified by its first wrong answer, so part of what is found is "
        "chance",
    )
