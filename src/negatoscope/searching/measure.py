"""From what was found for each image to the numbers of a search: the worst case, after how many queries, by class."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from negatoscope.searching.result import AccuracyAtBudget, AccuracyInterval, FirstErrors
from negatoscope.searching.searched import SearchedImages, correct_after
from negatoscope.statistics.measured import widened_rate
from negatoscope.types import TrackArray

_EVERY, _LEVELS = 10, 40  # budgets of a curve: all up to the first number, then about so many more


def accuracy_interval(correct: Bool[np.ndarray, " n"], tracks: TrackArray | None) -> AccuracyInterval:
    """The share that is correct, with its interval.

    Raises:
        InputError: There is no image.
    """
    rate = widened_rate(correct, tracks)
    return AccuracyInterval(accuracy=rate.accuracy, low=rate.low, high=rate.high)


def measure_curve(
    first_errors: Int[np.ndarray, " n"], tracks: TrackArray | None, *, budget: int
) -> tuple[AccuracyAtBudget, ...]:
    """The share of images that nothing has fooled, after every number of queries up to 10 and some more up to a budget.

    Args:
        first_errors: The query at which each image was first misclassified, 1 when clean, 0 for never.
        tracks: Of which object each is a frame, where that is known.
        budget: The last number of queries.
    """
    curve: list[AccuracyAtBudget] = []
    for queries in curve_budgets(budget):
        interval = accuracy_interval(correct_after(first_errors, queries), tracks)
        curve.append(AccuracyAtBudget(queries=queries, **vars(interval)))
    return tuple(curve)


def curve_budgets(budget: int) -> list[int]:
    """The numbers of queries at which a curve is measured, the first 1 and the last the budget."""
    few = range(1, min(budget, _EVERY) + 1)
    more = np.geomspace(_EVERY, budget, _LEVELS).round().astype(int).tolist() if budget > _EVERY else []
    return sorted({*few, *more})


def measure_first_errors(searched: SearchedImages) -> FirstErrors:
    """How many queries the first error took, over the images that were misclassified under attack and not before."""
    queries = searched.first_errors[searched.fooled]
    if len(queries) == 0:
        return FirstErrors(n=0)
    median, high = np.quantile(queries, [0.5, 0.9], method="higher").tolist()
    return FirstErrors(n=len(queries), median=float(median), high=float(high), most=int(queries.max()))


def over_spaces(
    spaces: Sequence[SearchedImages],
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"] | None]:
    """For each image that a space counts, the fewest queries in a space at which one was misclassified; and its track.

    Args:
        spaces: What was found, space by space; each may count other images.
    """
    samples = np.concatenate([searched.samples for searched in spaces])
    errors = np.concatenate([searched.first_errors for searched in spaces]).astype(np.int64)
    unique, first, members = np.unique(samples, return_index=True, return_inverse=True)
    never = np.iinfo(np.int64).max
    fewest = np.full(len(unique), never, dtype=np.int64)
    np.minimum.at(fewest, members, np.where(errors == 0, never, errors))
    known = [searched.tracks for searched in spaces if searched.tracks is not None]
    tracks = np.concatenate(known)[first] if len(known) == len(spaces) else None
    return np.where(fewest == never, 0, fewest), tracks
