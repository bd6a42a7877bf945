"""How predictions spread, and what they say about the label, in bits."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, Int64, Real

from negatoscope.errors import expect
from negatoscope.types import LabelArray

_FEW_CELLS, _DRAWN_CELLS = 121, 10_000  # of a table that is drawn cell by cell, or at all rather than permuted
_COUNTED_CELLS, _AT_ONCE = 1_000_000, 65_536  # of a table that is counted rather than sorted, so many images at once


def entropy_bits(counts: Real[np.ndarray, " classes"]) -> float:
    """Shannon's entropy of the distribution that `counts` (or shares) are proportional to, from 0 to log2(classes).

    The plug-in estimate: with few images per class it lies a little too low.

    Raises:
        InputError: A count is negative, or none is above 0.
    """
    expect(np.all(counts >= 0), "counts to be 0 or more", counts.min(initial=0))
    expect(np.any(counts > 0), "counts to hold at least one image", "none")
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, -float(np.sum(shares * np.log2(shares))))


def contingency(labels: LabelArray, predictions: LabelArray, *, classes: int) -> Int64[np.ndarray, "classes classes"]:
    """How often each label (row) occurs with each prediction (column).

    Raises:
        InputError: A label or a prediction is not from 0 to `classes` - 1.
    """
    for name, values in (("labels", labels), ("predictions", predictions)):
        outside = values[(values < 0) | (values >= classes)]
        expect(len(outside) == 0, f"{name} from 0 to {classes - 1}", next(iter(outside), None))
    return np.bincount(labels * classes + predictions, minlength=classes**2).reshape(classes, classes)


def mutual_information_bits(table: Int[np.ndarray, "rows columns"]) -> float:
    """What knowing the row tells of the column, in bits: 0 for independence, at most either one's entropy.

    The plug-in estimate, which lies above 0 even for independent rows and columns: hold it against
    `mutual_information_null`.

    Raises:
        InputError: A count is negative, or none is above 0.
    """
    marginals = entropy_bits(table.sum(axis=1)) + entropy_bits(table.sum(axis=0))
    return max(0.0, marginals - entropy_bits(table.ravel()))


@dataclass(frozen=True)
class Pairs:
    """Which labels occur with which predictions, and how often: the cells of a contingency table that are not empty."""

    labels: LabelArray
    predictions: LabelArray
    counts: Int64[np.ndarray, " n"]


def count_pairs(labels: Int[np.ndarray, " n"], predictions: Int[np.ndarray, " n"]) -> Pairs:
    """`contingency` without its empty cells, in order of label and prediction; quick for many classes, too.

    Raises:
        InputError: A label or a prediction is below 0.
    """
    for name, values in (("labels", labels), ("predictions", predictions)):
        expect(values.min(initial=0) >= 0, f"{name} from 0", values.min(initial=0))
    width = int(predictions.max(initial=0)) + 1
    cells = (int(labels.max(initial=0)) + 1) * width
    if cells <= _COUNTED_CELLS:
        table = np.zeros(cells, dtype=np.int64)
        for start in range(0, len(labels), _AT_ONCE):
            chosen = slice(start, start + _AT_ONCE)
            table += np.bincount(labels[chosen].astype(np.int64) * width + predictions[chosen], minlength=cells)
        codes = np.flatnonzero(table)
        return Pairs(codes // width, codes % width, table[codes])
    codes, counts = np.unique(labels.astype(np.int64) * width + predictions, return_counts=True)
    return Pairs(codes // width, codes % width, counts)


def pairs_information_bits(pairs: Pairs) -> float:
    """`mutual_information_bits` of a table that is given by its cells.

    Raises:
        InputError: There is no pair.
    """
    marginals = sum(
        entropy_bits(np.bincount(classes, weights=pairs.counts)) for classes in (pairs.labels, pairs.predictions)
    )
    return max(0.0, marginals - entropy_bits(pairs.counts))


def mutual_information_null(
    labels: Int[np.ndarray, " n"],
    predictions: Int[np.ndarray, " n"],
    *,
    draws: int = 200,
    seed: int = 0,
    quantile: float = 0.95,
) -> float:
    """The mutual information, in bits, that chance alone seldom exceeds: its quantile under permuted labels.

    Permuting labels draws a table at random among those with the same margins. With few classes such tables are drawn
    directly, whatever the number of images; with many, labels are permuted and only cells that are not empty counted.

    Args:
        labels: The true class of each image.
        predictions: The predicted class of each image.
        draws: Random tables, at least 1. With hundreds of classes they hardly differ, and 20 are plenty.
        seed: The same seed gives the same number.
        quantile: Between 0 and 1.

    Raises:
        InputError: There is no image, `draws` is below 1, or `quantile` is not between 0 and 1.

    Source: Patefield, 1981, algorithm AS 159 (which scipy draws with), https://doi.org/10.2307/2346669
    """
    expect(len(labels) >= 1, "labels to hold at least one image", len(labels))
    expect(draws >= 1, "draws at least 1", draws)
    expect(0 < quantile < 1, "quantile between 0 and 1", quantile)
    row_sums, column_sums = (np.unique(classes, return_counts=True)[1] for classes in (labels, predictions))
    generator = np.random.default_rng(seed)
    if len(row_sums) * len(column_sums) <= _DRAWN_CELLS:
        tables = _random_tables(row_sums, column_sums, draws=draws, generator=generator)
        sums = _times_logs(tables).sum(axis=(1, 2))
    else:
        rows, columns = (np.unique(classes, return_inverse=True)[1] for classes in (labels, predictions))
        first_codes = rows * len(column_sums)
        sums = np.array(
            [_times_logs(_counts(first_codes + generator.permutation(columns))).sum() for _ in range(draws)]
        )
    joint = np.log2(len(labels)) - np.quantile(sums, quantile) / (len(labels) * np.log(2))
    return max(0.0, entropy_bits(row_sums) + entropy_bits(column_sums) - float(joint))


def _random_tables(
    row_sums: Int64[np.ndarray, " rows"],
    column_sums: Int64[np.ndarray, " columns"],
    *,
    draws: int,
    generator: np.random.Generator,
) -> Int64[np.ndarray, "draws rows columns"]:
    """Tables at random among those with these margins; those of few cells cell by cell, which is quick to load."""
    if len(row_sums) * len(column_sums) > _FEW_CELLS:
        from scipy.stats import random_table  # takes a third of a second to load

        tables: Int64[np.ndarray, "draws rows columns"] = random_table(row_sums, column_sums).rvs(
            size=draws, random_state=generator
        )
        return tables
    tables = np.zeros((draws, len(row_sums), len(column_sums)), dtype=np.int64)
    left = np.tile(column_sums, (draws, 1))
    for row, total in enumerate(row_sums):
        lacking, others = np.full(draws, total), left.sum(axis=1)
        for column in range(len(column_sums)):
            others -= left[:, column]
            tables[:, row, column] = generator.hypergeometric(left[:, column], others, lacking)
            lacking -= tables[:, row, column]
        left -= tables[:, row]
    return tables


def _counts(codes: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " cells"]:
    """How often each code occurs that does."""
    codes.sort()
    starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    return np.diff(starts, append=len(codes))


def _times_logs(counts: Int64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Each count times its logarithm; 0 for 0."""
    return np.asarray(counts * np.log(np.maximum(counts, 1)))
