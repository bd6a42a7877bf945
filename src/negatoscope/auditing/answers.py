"""What a classifier said of images under one transform, read from rows."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float32, Int, Int64, UInt64

from negatoscope.errors import DataError
from negatoscope.rows import OpenRows

CLEAN = "identity"
"""The transform that rows of unchanged images name."""

_COLUMNS = ("sample", "label", "prediction", "confidence", "label_rank", "track")


@dataclass(frozen=True)
class Answers:
    """Answers about n images, in the order of their samples.

    Args:
        samples: Where each image stands in its source split.
        labels: The class of each image.
        predictions: What the classifier said.
        confidences: How surely, in [0, 1].
        label_ranks: How many classes came before the label.
        tracks: Of which physical object each image is a frame, where that is known of all.
    """

    samples: Int[np.ndarray, " n"]
    labels: Int64[np.ndarray, " n"]
    predictions: Int64[np.ndarray, " n"]
    confidences: Float32[np.ndarray, " n"]
    label_ranks: Int[np.ndarray, " n"]
    tracks: Int[np.ndarray, " n"] | None

    @cached_property
    def correct(self) -> Bool[np.ndarray, " n"]:
        """Whether each answer is right."""
        right: Bool[np.ndarray, " n"] = self.labels == self.predictions
        return right

    def __len__(self) -> int:
        return len(self.labels)

    def of_classes(self, kept: Bool[np.ndarray, " classes"]) -> "Answers":
        """Those about images of some classes."""
        if kept.all():
            return self
        chosen = kept[self.labels]
        return replace(
            self,
            samples=self.samples[chosen],
            labels=self.labels[chosen],
            predictions=self.predictions[chosen],
            confidences=self.confidences[chosen],
            label_ranks=self.label_ranks[chosen],
            tracks=None if self.tracks is None else self.tracks[chosen],
        )


def read_answers(rows: OpenRows, transform: str, *, like: Answers | None = None) -> Answers:
    """The answers under one transform.

    Args:
        rows: The opened rows.
        transform: Its canonical spec.
        like: Answers about the same images.

    Raises:
        DataError: There are none, an image has two, or they are not about the images of `like`.
    """
    table = _by_sample(rows.read(transform, columns=_COLUMNS))
    answers = Answers(
        samples=table["sample"].to_numpy(),
        labels=table["label"].to_numpy().astype(np.int64),
        predictions=table["prediction"].to_numpy().astype(np.int64),
        confidences=table["confidence"].to_numpy(),
        label_ranks=table["label_rank"].to_numpy(),
        tracks=None if table["track"].null_count else table["track"].to_numpy(),
    )
    _expect_whole(answers, transform, like)
    return answers


def read_hashes(rows: OpenRows) -> UInt64[np.ndarray, " n"]:
    """The hash of each unchanged image, in the order of the samples."""
    hashes: UInt64[np.ndarray, " n"] = _by_sample(rows.read(CLEAN, columns=("sample", "sample_hash")))[
        "sample_hash"
    ].to_numpy()
    return hashes


def _by_sample(table: pa.Table) -> pa.Table:
    samples = table["sample"].to_numpy()
    return table if np.all(samples[1:] >= samples[:-1]) else table.take(np.argsort(samples, kind="stable"))


def _expect_whole(answers: Answers, transform: str, like: Answers | None) -> None:
    if len(answers) == 0:
        raise DataError(f"expected rows of {transform}, got none; audit again into another folder")
    repeated = answers.samples[1:][answers.samples[1:] == answers.samples[:-1]]
    if len(repeated):
        raise DataError(f"expected one row for each image under {transform}, got two of sample {repeated[0]}")
    if like is not None and not np.array_equal(answers.samples, like.samples):
        raise DataError(f"expected rows of {transform} for the images of {CLEAN}, got those of others; audit again")
