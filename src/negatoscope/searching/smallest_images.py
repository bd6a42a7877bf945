"""The smallest changes for the images that a search fooled: found, kept beside its rows, and summed up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float64, Int

from negatoscope.data import Dataset
from negatoscope.files import replacing, write_errors
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.searching.measure import accuracy_interval
from negatoscope.searching.result import ChangePoint, SmallestSummary
from negatoscope.searching.searched import SearchedImages
from negatoscope.searching.settings import read_images
from negatoscope.searching.smallest import smallest_changes
from negatoscope.transforms.spaces import Space

SMALLEST = "smallest.parquet"
"""A row for each image that was fooled in a space, with the smallest change that was found."""

_SCHEMA = pa.schema(
    [
        pa.field("space", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("parameters", pa.string(), nullable=False),
        pa.field("distance", pa.float64(), nullable=False),
        pa.field("distance_found", pa.float64(), nullable=False),
        pa.field("queries", pa.int32(), nullable=False),
    ]
)

_POINTS = 60  # of a curve


@dataclass(frozen=True)
class SmallestFound:
    """The smallest changes of n images that a search fooled in one space, in the order of their samples.

    Args:
        samples: Where each image stands in its source split.
        points: In the unit cube of the space.
        parameters: The setting, as a spec that an audit takes as a transform.
        distances: From where nothing changes, as `Space.distance` counts it.
        distances_found: Those of the settings that the search had found.
        queries: Forward passes spent on each image, beyond those of the search.
    """

    samples: Int[np.ndarray, " n"]
    points: Float64[np.ndarray, "n d"]
    parameters: Sequence[str]
    distances: Float64[np.ndarray, " n"]
    distances_found: Float64[np.ndarray, " n"]
    queries: Int[np.ndarray, " n"]


def find_smallest(
    classifier: ClassifierAdapter, dataset: Dataset, space: Space, searched: SearchedImages
) -> SmallestFound | None:
    """The smallest change for each image that was fooled; None if none was, or every setting changes something."""
    if space.identity is None or not searched.fooled.any():
        return None
    samples, given = searched.samples[searched.fooled], torch.from_numpy(searched.points[searched.fooled])
    points, distances, queries = given.clone(), np.zeros(len(given)), np.zeros(len(given), dtype=np.int64)
    start = 0
    for images, labels, _ in read_images(classifier, dataset, samples):
        part = slice(start, start := start + len(images))
        found = smallest_changes(classifier, images, labels, given[part].to(images.device), space=space)
        points[part], distances[part], queries[part] = found.points.cpu(), found.distances.cpu(), found.queries.cpu()
    return SmallestFound(
        samples=samples,
        points=points.numpy(),
        parameters=space.parameters(points),
        distances=distances,
        distances_found=space.distance(given).numpy(),
        queries=queries,
    )


def summarize_smallest(found: SmallestFound, searched: SearchedImages) -> SmallestSummary:
    """Their distances, and accuracy against these."""
    fooled_at = np.where(searched.clean_correct, np.inf, 0.0)
    fooled_at[searched.fooled] = found.distances
    places = np.quantile(found.distances, np.linspace(0, 1, _POINTS), method="lower")
    curve = (
        ChangePoint(distance=place, **vars(accuracy_interval(fooled_at > place, searched.tracks)))
        for place in np.unique([0.0, *places]).tolist()
    )
    return SmallestSummary(
        n=len(found.samples),
        queries=int(found.queries.sum()),
        least=float(found.distances.min()),
        median=float(np.median(found.distances)),
        median_found=float(np.median(found.distances_found)),
        curve=tuple(curve),
    )


def write_smallest(path: Path, found: Mapping[str, SmallestFound]) -> None:
    """Write the smallest changes of each space, by its text, into one file that is there whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    tables = [_SCHEMA.empty_table(), *(_table(space, one) for space, one in found.items())]
    with replacing(path) as temporary, write_errors(path):
        pq.write_table(pa.concat_tables(tables).unify_dictionaries(), temporary, compression="zstd")


def _table(space: str, found: SmallestFound) -> pa.Table:
    columns: dict[str, Any] = {
        "space": pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(found.samples), dtype=np.int32)), [space]),
        "sample": found.samples,
        "parameters": found.parameters,
        "distance": found.distances,
        "distance_found": found.distances_found,
        "queries": found.queries,
    }
    return pa.table(columns, schema=_SCHEMA)
