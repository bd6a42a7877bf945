"""Two rates over different images: how far apart they are, and whether that is chance."""

import math

from negatoscope.statistics.intervals import Interval, Rate


def unpaired_difference(first: Rate, second: Rate) -> Interval:
    """Newcombe's 95 % interval of the first rate less the second, from the Wilson intervals of both.

    Source: Newcombe, 1998, Interval estimation for the difference between independent proportions, method 10
    """
    difference = first.accuracy - second.accuracy
    below = math.hypot(first.accuracy - first.low, second.high - second.accuracy)
    above = math.hypot(first.high - first.accuracy, second.accuracy - second.low)
    return Interval(difference - below, difference + above)


def fisher(first: Rate, second: Rate) -> float:
    """The p-value of Fisher's exact two-sided test: whether both rates could be one.

    Source: Fisher, 1935, The logic of inductive inference
    """
    from scipy import stats  # takes a third of a second to load

    table = [[rate.correct, rate.n - rate.correct] for rate in (first, second)]
    return float(stats.fisher_exact(table).pvalue)
