"""From rows to the numbers of one classifier: every number in Table I and in a study comes from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from negatoscope.statistics.information import (
    contingency,
    entropy_bits,
    mutual_information_bits,
    mutual_information_null,
)
from negatoscope.statistics.measured import TrackedRate, measure_rate

Columns: TypeAlias = Mapping[str, np.ndarray]
"""The columns of the rows of one pass over images, and whether each prediction is `correct`."""


@dataclass(frozen=True)
class Destinations:
    """Where predictions on negatives go, and whether they still say anything about the label.

    Args:
        shares: The share of predictions that each class gets, in [0, 1].
        entropy_bits: The entropy of the predictions, in bits; from 0 to log2 of the number of classes.
        label_entropy_bits: The entropy of the labels, in bits.
        mutual_information_bits: Between the two, in bits; at least 0.
        mutual_information_null_bits: The 95 % quantile of the same under permuted labels, in bits.
        counts: How many images of each label (row) got each prediction (column), at least 0, where that is kept.
    """

    shares: tuple[float, ...]
    entropy_bits: float
    label_entropy_bits: float
    mutual_information_bits: float
    mutual_information_null_bits: float
    counts: tuple[tuple[int, ...], ...] | None = None


def columns_by_pass(rows: pa.Table) -> dict[tuple[str, str], Columns]:
    """The columns of each pass over images, by split and transform."""
    passes = rows.group_by(["split", "transform"]).aggregate([]).to_pylist()
    columns: dict[tuple[str, str], Columns] = {}
    for split, transform in sorted((row["split"], row["transform"]) for row in passes):
        chosen = rows.filter((pc.field("split") == split) & (pc.field("transform") == transform))
        values = {name: chosen[name].to_numpy().astype(np.int64) for name in ("label", "prediction")}
        values["confidence"] = chosen["confidence"].to_numpy()
        values["correct"] = values["label"] == values["prediction"]
        if chosen["track"].null_count == 0:
            values["track"] = chosen["track"].to_numpy()
        columns[split, transform] = values
    return columns


def accuracy_of(columns: Columns) -> TrackedRate:
    """The share of correct predictions, with its intervals."""
    return measure_rate(columns["correct"], columns.get("track"))


def confidence_of(columns: Columns) -> float:
    """The mean softmax probability of the predictions."""
    return float(columns["confidence"].mean())


def destinations_of(columns: Columns, *, classes: int, with_counts: bool = False) -> Destinations:
    """Where predictions go; `classes` is how many there are."""
    labels, predictions = columns["label"], columns["prediction"]
    table = contingency(labels, predictions, classes=classes)
    return Destinations(
        shares=tuple((table.sum(axis=0) / len(labels)).tolist()),
        entropy_bits=entropy_bits(table.sum(axis=0)),
        label_entropy_bits=entropy_bits(table.sum(axis=1)),
        mutual_information_bits=mutual_information_bits(table),
        mutual_information_null_bits=mutual_information_null(labels, predictions),
        counts=tuple(map(tuple, table.tolist())) if with_counts else None,
    )
