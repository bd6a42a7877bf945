"""Calibration: whether the confidence of predictions is their accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from negatoscope.errors import expect

BINS = 15
"""Bins of equal width, as Guo and others have them."""

_AT_ONCE = 65_536  # images, so that millions take no more memory


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose confidence is above `low` and at most `high`.

    Args:
        low: The lower end, in [0, 1]; the first bin holds a confidence of 0, too.
        high: The upper end, in [0, 1].
        n: How many images there are, at least 1.
        confidence: Their mean confidence, in [0, 1].
        accuracy: The share of them that is classified correctly, in [0, 1].
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(
    confidences: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """The reliability diagram: images by confidence, in `bins` bins of equal width; empty bins are left out.

    Raises:
        InputError: A confidence is not from 0 to 1, or `bins` is below 1.

    Source: Guo, Pleiss, Sun and Weinberger, 2017, section 2, https://arxiv.org/abs/1706.04599
    """
    expect(bins >= 1, "bins at least 1", bins)
    outside = confidences[~((confidences >= 0) & (confidences <= 1))]  # NaN too
    expect(len(outside) == 0, "confidences from 0 to 1", next(iter(outside), None))
    edges = np.linspace(0, 1, bins + 1)
    n, hits, sums = np.zeros(bins, dtype=np.int64), np.zeros(bins, dtype=np.int64), np.zeros(bins)
    for start in range(0, len(confidences), _AT_ONCE):
        chosen = slice(start, start + _AT_ONCE)
        values = confidences[chosen].astype(np.float64)
        members = np.maximum(np.searchsorted(edges, values, side="left") - 1, 0)
        n += np.bincount(members, minlength=bins)
        hits += np.bincount(members[correct[chosen]], minlength=bins)
        np.add.at(sums, members, values)  # in order, so the sums do not depend on the pieces
    filled = np.flatnonzero(n)
    n, hits, sums = n[filled], hits[filled], sums[filled]
    columns = (column.tolist() for column in (edges[filled], edges[filled + 1], n, sums / n, hits / n))
    return tuple(map(ReliabilityBin, *columns))


def expected_calibration_error(diagram: Sequence[ReliabilityBin]) -> float:
    """The mean distance of confidence and accuracy over the bins of a reliability diagram, weighed by their images.

    It lies a little above 0 for a calibrated classifier, too, the more so the fewer images there are.

    Raises:
        InputError: There is no bin.

    Source: Guo, Pleiss, Sun and Weinberger, 2017, equation 3, https://arxiv.org/abs/1706.04599
    """
    n = sum(part.n for part in diagram)
    expect(n >= 1, "diagram to hold at least one image", n)
    return sum(part.n * abs(part.confidence - part.accuracy) for part in diagram) / n
