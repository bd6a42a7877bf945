"""Intervals, tests, information, calibration and verdicts: every statement that a report makes about a number."""

from negatoscope.statistics.calibration import BINS, ReliabilityBin, expected_calibration_error, reliability
from negatoscope.statistics.clusters import cluster_bootstrap, cluster_bootstrap_difference
from negatoscope.statistics.factors import Effect, FittedLevels, factor_effects, fit_levels, log_odds
from negatoscope.statistics.information import (
    Pairs,
    contingency,
    count_pairs,
    entropy_bits,
    mutual_information_bits,
    mutual_information_null,
    pairs_information_bits,
)
from negatoscope.statistics.intervals import (
    ClassRates,
    Interval,
    Rate,
    mean_and_deviation,
    prediction_interval,
    rates_by_class,
    wilson,
)
from negatoscope.statistics.measured import PairedDifference, TrackedRate, measure_difference, measure_rate
from negatoscope.statistics.paired import holm, mcnemar, paired_difference
from negatoscope.statistics.unpaired import fisher, unpaired_difference
from negatoscope.statistics.verdicts import Verdict, verdict

__all__ = [
    "BINS",
    "ClassRates",
    "Effect",
    "FittedLevels",
    "Interval",
    "PairedDifference",
    "Pairs",
    "Rate",
    "ReliabilityBin",
    "TrackedRate",
    "Verdict",
    "cluster_bootstrap",
    "cluster_bootstrap_difference",
    "contingency",
    "count_pairs",
    "entropy_bits",
    "expected_calibration_error",
    "factor_effects",
    "fisher",
    "fit_levels",
    "holm",
    "log_odds",
    "mcnemar",
    "mean_and_deviation",
    "measure_difference",
    "measure_rate",
    "mutual_information_bits",
    "mutual_information_null",
    "paired_difference",
    "pairs_information_bits",
    "prediction_interval",
    "rates_by_class",
    "reliability",
    "unpaired_difference",
    "verdict",
    "wilson",
]
