"""Hugging Face's datasets: their images are decoded here from the bytes that they hold, as those of files are."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow.compute as pc

from negatoscope.data.arrays import class_indices
from negatoscope.data.base import Dataset, SourceFile
from negatoscope.data.class_folders import SPLIT_NAMES
from negatoscope.data.containers import Container, expect_size, printable, reading
from negatoscope.data.labels import labeled, named_column
from negatoscope.errors import DataError, expect, needed

_PROBED = 64  # images whose bytes tell one dataset from another


def open_hugging_face(data: Any, *, split: str) -> Dataset:
    """The images of a ``datasets.Dataset``, or of a split of a ``DatasetDict``.

    The columns are ``image`` and ``label``, or the only ones of the features Image and ClassLabel; names of classes are
    ClassLabel's. Formats and transforms that are set on it are not applied.

    Raises:
        DataError: There is no such split or column, or labels are missing.
    """
    if isinstance(data, Mapping):
        names = [name for name in data if SPLIT_NAMES.get(str(name)) == split]
        got = f"{', '.join(map(str, data))}; give one of them"
        expect(names, f"the split {split} in a DatasetDict", got, DataError)
        data = data[names[0]]
    streamed = f"{type(data).__name__}, which is streamed; load it without streaming"
    expect(hasattr(data, "__len__") and hasattr(data, "features"), "a datasets.Dataset", streamed, DataError)
    name = str(getattr(data.info, "dataset_name", None) or "datasets.Dataset")
    image, label = _column(data.features, "image", "Image"), _column(data.features, "label", "ClassLabel")
    values = list(data.with_format(None)[label])
    missing = sum(value in (None, "") for value in values)
    expect(values, f"images in {name}", "none", DataError)
    expect(not missing, f"a label for each image of {name}", f"{missing} without one; leave them out", DataError)
    container = HuggingFaceImages(data, image, name)
    class_names = tuple(map(str, getattr(data.features[label], "names", None) or ()))
    labels, class_names = class_indices(values, class_names, source=name)
    of = SPLIT_NAMES.get(str(data.split).partition("[")[0], split)
    dataset = labeled(container, labels, path=name, split=of, files=(), class_names=class_names)
    digest = sha256(dataset.labels.tobytes())
    for index in np.unique(np.linspace(0, len(values) - 1, min(len(values), _PROBED)).astype(int)).tolist():
        with suppress(DataError):  # it is reported when its turn comes
            digest.update(container.read(index))
    file = SourceFile(f"{name} (labels and {min(len(values), _PROBED)} images)", digest.hexdigest(), official=None)
    return replace(dataset, spec=name, files=(file,))


class HuggingFaceImages(Container):
    """The encoded images of a column.

    Args:
        data: A ``datasets.Dataset``.
        column: Its column of images.
        name: How an error calls it.
    """

    def __init__(self, data: Any, column: str, name: str) -> None:
        images = needed("datasets", extra="hf", why="a Hugging Face dataset")
        self.column = column
        self.data = data.with_format(None).select_columns([column]).cast_column(column, images.Image(decode=False))
        super().__init__(_names(self.data, column, name))

    def read(self, position: int) -> bytes:
        """The bytes of one image, out of the dataset or of the local file that it names."""
        name = self.names[position]
        with reading(name):
            held = self.data[position][self.column] or {}
            content = held.get("bytes")
            content = Path(held["path"]).read_bytes() if content is None else content
        expect_size(name, len(content))
        return content


def _column(features: Mapping[str, Any], name: str, kind: str) -> str:
    of_kind = [column for column, feature in features.items() if type(feature).__name__ == kind]
    column = named_column(name, of_kind if kind == "Image" else list(features), of_kind)
    if column not in features or (kind == "Image" and column not in of_kind):
        got = ", ".join(f"{column} ({type(feature).__name__})" for column, feature in features.items())
        raise DataError(f"expected the columns image (Image) and label (ClassLabel), got {got}; rename or cast them")
    return column


def _names(data: Any, column: str, name: str) -> list[str]:
    """What each image is called: the last part of its path, or which row it is."""
    paths = pc.struct_field(data.data.column(column), "path")
    chosen = getattr(data, "_indices", None)  # of select, shuffle and sort; nothing public tells
    paths = (paths if chosen is None else paths.take(chosen.column(0))).to_pylist()
    paths = paths if len(paths) == len(data) else [None] * len(data)
    return [printable(PurePosixPath(path or "").name) or f"row {row} of {name}" for row, path in enumerate(paths)]
