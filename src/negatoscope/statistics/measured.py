"""A rate and a difference of two rates as every report has them: widened where images are frames of the same object."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from negatoscope.statistics.clusters import cluster_bootstrap, cluster_sign_test
from negatoscope.statistics.intervals import Interval, Rate
from negatoscope.statistics.paired import mcnemar, paired_difference
from negatoscope.types import TrackArray

_DRAWS = 100_000_000  # of tracks for one interval at most


@dataclass(frozen=True)
class TrackedRate(Rate):
    """A share with its Wilson 95 % interval; of images in several tracks, also with the interval resampled by track.

    Args:
        track_low: The lower end of the interval resampled by track, in [0, 1]; None without tracks.
        track_high: The upper end, in [0, 1].
    """

    track_low: float | None = None
    track_high: float | None = None

    @property
    def interval(self) -> Interval:
        """The smallest interval that holds both."""
        if self.track_low is None or self.track_high is None:
            return Interval(self.low, self.high)
        return Interval(min(self.low, self.track_low), max(self.high, self.track_high))


@dataclass(frozen=True)
class PairedDifference:
    """The accuracy before less the one after, over the same images.

    Args:
        lost: Images that are correct before and not after.
        gained: Images that are correct after and not before.
        difference: The shares' difference, with its 95 % interval from `low` to `high`.
        low: Bonett and Price's, widened to that of whole tracks.
        high: Likewise.
        p_value: McNemar's exact test; of images in several tracks, that of whole tracks.
    """

    lost: int
    gained: int
    difference: float
    low: float
    high: float
    p_value: float


def measure_rate(correct: Bool[np.ndarray, " n"], tracks: TrackArray | None = None) -> TrackedRate:
    """The rate at which `correct` holds.

    Args:
        correct: For each image.
        tracks: Of which object each image is a frame, where that is known.

    Raises:
        InputError: There is no image.
    """
    rate, by_track = vars(Rate.of(correct)), _by_track(correct, tracks)
    return TrackedRate(**rate, track_low=by_track.low, track_high=by_track.high) if by_track else TrackedRate(**rate)


def widened_rate(correct: Bool[np.ndarray, " n"], tracks: TrackArray | None = None) -> Rate:
    """The same with one interval, the smallest that holds both.

    Raises:
        InputError: There is no image.
    """
    rate = measure_rate(correct, tracks)
    return Rate(rate.n, rate.correct, rate.accuracy, rate.interval.low, rate.interval.high)


def measure_difference(
    before: Bool[np.ndarray, " n"], after: Bool[np.ndarray, " n"], tracks: TrackArray | None = None
) -> PairedDifference:
    """How the rates before and after differ.

    Args:
        before: Whether each image is correct before.
        after: Whether it is correct after.
        tracks: Of which object each image is a frame, where that is known.

    Raises:
        InputError: There is no image.
    """
    n, lost, gained = len(before), int(np.count_nonzero(before & ~after)), int(np.count_nonzero(~before & after))
    interval = paired_difference(lost, gained, n)
    changes = before.astype(np.int64) - after
    if tracks is None or (by_track := _by_track(changes, tracks)) is None:
        low, high, p_value = interval.low, interval.high, mcnemar(lost, gained)
    else:
        low, high = min(interval.low, by_track.low), max(interval.high, by_track.high)
        p_value = cluster_sign_test(changes, tracks)
    return PairedDifference(lost, gained, (lost - gained) / n, low, high, p_value)


def _by_track(values: Bool[np.ndarray, " n"] | Int[np.ndarray, " n"], tracks: TrackArray | None) -> Interval | None:
    """The interval resampled by track, less often where there are very many; None where there is one track or none."""
    count = 0 if tracks is None else len(np.unique(tracks))
    if tracks is None or count < 2:
        return None
    return cluster_bootstrap(values, tracks, resamples=max(200, min(2000, _DRAWS // count)))
