"""The predictions of a classifier about images under one transform, read from rows."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float32, Int, Shaped, UInt64

from negatoscope.errors import DataError, expect
from negatoscope.rows import RowReader
from negatoscope.transforms import CLEAN

_COLUMNS = ("label", "prediction", "confidence", "label_rank", "track", "queries", "parameters")


@dataclass(frozen=True)
class PredictionSet:
    """Predictions about n images, in the order of their samples.

    Args:
        samples: Where each image stands in its source split.
        labels: The class of each image.
        predictions: The class with the highest probability.
        confidences: Its probability, in [0, 1].
        label_ranks: How many classes score higher than the label.
        tracks: Of which physical object each image is a frame, where that is known of all.
        queries: How many forward passes an attack spent on each image; None under a transform.
        parameters: The spec that made each image, "" where none did; None where no attack chose any.
    """

    samples: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]
    predictions: Int[np.ndarray, " n"]
    confidences: Float32[np.ndarray, " n"]
    label_ranks: Int[np.ndarray, " n"]
    tracks: Int[np.ndarray, " n"] | None
    queries: Int[np.ndarray, " n"] | None = None
    parameters: Shaped[np.ndarray, " n"] | None = None

    @cached_property
    def correct(self) -> Bool[np.ndarray, " n"]:
        """Whether each prediction is correct."""
        correct: Bool[np.ndarray, " n"] = self.labels == self.predictions
        return correct

    @property
    def fingerprint(self) -> bytes:
        """Of samples, predictions and confidences: two transforms have the same one only where they do the same."""
        digest = hashlib.sha256()
        for column in (self.samples, self.predictions, self.confidences):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.digest()

    def __len__(self) -> int:
        return len(self.labels)

    def is_of(self, classes: Sequence[int] | None) -> Bool[np.ndarray, " n"]:
        """Whether each image is of one of the classes; None is all."""
        return np.full(len(self), True) if classes is None else np.isin(self.labels, np.array(classes, dtype=np.int64))

    def of_classes(self, classes: Sequence[int] | None) -> "PredictionSet":
        """Those about images of some classes; None is all."""
        return self if classes is None else self[self.is_of(classes)]

    def __getitem__(self, chosen: Bool[np.ndarray, " n"]) -> "PredictionSet":
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        columns = {name: None if values is None else values[chosen] for name, values in columns.items()}
        return PredictionSet(**columns)


def fingerprint_under(after: PredictionSet, clean: PredictionSet, classes: Sequence[int] | None) -> bytes:
    """That of the images of some classes under a transform; the clean images' own where it leaves all as when clean."""
    mark = after.of_classes(classes).fingerprint
    return clean.fingerprint if mark == clean.of_classes(classes).fingerprint else mark


def read_predictions(rows: RowReader, transform: str, *, like: PredictionSet | None = None) -> PredictionSet:
    """The predictions under one transform.

    Raises:
        DataError: There are none, an image has two, or they are not about the images of `like`.
    """
    columns = _columns(rows, transform, ("sample", *_COLUMNS))
    samples = next(columns)
    order = None if np.all(samples[1:] >= samples[:-1]) else np.argsort(samples, kind="stable")
    samples = samples if order is None else samples[order]
    again = "audit again into another folder"
    expect(len(samples), f"rows of {transform}", f"none; {again}", DataError)
    twice = next(iter(samples[1:][samples[1:] == samples[:-1]]), None)
    expect(twice is None, f"one row for each image under {transform}", f"two of sample {twice}", DataError)
    same = like is None or np.array_equal(samples, like.samples)
    expect(same, f"rows of {transform} for the images of {CLEAN}", f"those of others; {again}", DataError)
    labels, predictions, confidences, ranks, *others = (
        column if order is None or column is None else column[order] for column in columns
    )
    if like is not None and np.array_equal(labels, like.labels):
        labels = like.labels  # held once
    return PredictionSet(samples if like is None else like.samples, labels, predictions, confidences, ranks, *others)


def read_hashes(rows: RowReader) -> UInt64[np.ndarray, " n"]:
    """The hash of each clean image, in the order of the samples."""
    samples, hashes = _columns(rows, CLEAN, ("sample", "sample_hash"))
    return hashes[np.argsort(samples, kind="stable")]  # type: ignore[no-any-return]


def _columns(rows: RowReader, transform: str, names: Sequence[str]) -> Iterator[Any]:
    """Columns as arrays, made file by file, so that Arrow never holds the rows of two; one with nulls is None.

    But for texts: there "" stands for a null, and only a column of nothing else is None.
    """
    tables = [[_array(column) for column in table.columns] for table in rows.read(transform, columns=names)]
    columns = list(zip(*tables, strict=True))[::-1]
    del tables
    while columns:
        pieces = columns.pop()  # freed before the next column is joined
        whole = all(piece is not None for piece in pieces)
        yield np.concatenate(pieces) if whole and (pieces[0].dtype != np.object_ or any(map(np.any, pieces))) else None


def _array(column: pa.ChunkedArray) -> Shaped[np.ndarray, " n"] | None:
    """By DLPack, since Arrow's own way loads pandas; None where there are nulls, "" for a text that is null."""
    if pa.types.is_dictionary(column.type):
        none = column.null_count == len(column)
        texts = [""] if none else [text or "" for text in column.to_pylist()]
        return np.broadcast_to(np.array(texts, dtype=np.object_), len(column))  # of one text: it takes no memory
    return None if column.null_count else np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks])
