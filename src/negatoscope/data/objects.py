"""Data that other libraries hold: pairs of arrays, torch's datasets and loaders, Hugging Face's datasets."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from negatoscope.data.arrays import MemoryImages, class_indices, dataset_of_arrays, image_array, users_code
from negatoscope.data.base import Dataset, LeftOut, SourceFile
from negatoscope.data.hugging_face import open_hugging_face
from negatoscope.errors import DataError, expect

_PROBED = 16  # images that are read when a sequence is opened, twice each
_RANDOM = {
    "RandomSampler": "shuffle=True; turn it off",
    **{name: f"a {name}; leave it out" for name in ("SubsetRandomSampler", "WeightedRandomSampler")},
}
"""By the name of a sampler that draws at random, what an error says of it."""


def open_object(data: Any, *, split: str) -> Dataset:
    """Images and labels out of what Python holds.

    Args:
        data: ``(images, labels)`` or ``(images, labels, class_names)``, as `Dataset.from_arrays` takes them; a sequence
            of pairs ``(image, label)``, such as a torch Dataset, read image by image; a DataLoader, read once into
            memory; a Hugging Face dataset, or its dictionary of splits.
        split: "train", "test" or "validation", where `data` does not say.

    Raises:
        DataError: It is none of these, or its images or labels are not what they should be.
    """
    if isinstance(data, tuple):
        form = "(images, labels) or (images, labels, class_names)"
        expect(len(data) in (2, 3), form, f"a tuple of {len(data)}", DataError)
        return Dataset.from_arrays(*data, split=split)
    is_theirs = type(data).__module__.partition(".")[0] == "datasets"  # or the user's own, of a module called so
    if is_theirs and hasattr(data, "with_format"):
        return open_hugging_face(data, split=split)
    if hasattr(data, "dataset") and hasattr(data, "batch_sampler"):
        return _open_loader(data, split)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, dict | np.ndarray):
        return _open_pairs(data, split)
    raise DataError(
        f"expected a path, (images, labels), a sequence of (image, label) or a Hugging Face dataset, got "
        f"{type(data).__name__}; bring it into one of these forms"
    )


class _Images(Sequence[Any]):
    """The first of each pair."""

    def __init__(self, pairs: Any) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return _pair(self.pairs[index])[0]


def _open_pairs(pairs: Any, split: str) -> Dataset:
    """A sequence of images with labels, of which images are read when their turn comes."""
    name = _name(pairs)
    expect(len(pairs), f"images in {name}", "none", DataError)
    images = MemoryImages(_Images(pairs), name)
    probed = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), _PROBED)).astype(int)).tolist()
    digest = sha256(repr(len(pairs)).encode())
    readable = []
    for index in probed:
        try:
            twice = [images.read(index) for _ in range(2)]
        except DataError:  # it is reported when its turn comes
            continue
        readable.append(index)
        first, second = (images.pixels(image, index) for image in twice)
        same = np.array_equal(first, second)
        got = "two different images; turn random augmentation off"
        expect(same, f"image {index} of {name} to be the same each time it is read", got, DataError)
        digest.update(repr(first.shape).encode() + first.tobytes())
    if not readable:
        images.read(probed[0])  # raises what is wrong with all
    labels, class_names = class_indices(_labels(pairs, readable), _class_names(pairs), source=name)
    digest.update(labels.tobytes())
    return Dataset(
        spec=name,
        split=split,
        images=images,
        labels=labels,
        class_names=class_names,
        samples=np.arange(len(labels)),
        files=(SourceFile(f"{name} (labels and {len(probed)} images)", digest.hexdigest(), official=None),),
    )


def _open_loader(loader: Any, split: str) -> Dataset:
    """What a DataLoader gives, held in memory as whole numbers."""
    name = _name(loader.dataset)
    got = _RANDOM.get(type(loader.sampler).__name__)
    expect(got is None, "a DataLoader in which images keep their places", got, DataError)
    images, labels = [], []
    with users_code(f"batches of {name}"):
        for batch in loader:
            some, their_labels = _pair(batch)
            images.append(image_array(some, name))
            labels += list(their_labels)
    expect(images, f"images in {name}", "none", DataError)
    sizes = {part.shape[1:] for part in images}
    expect(len(sizes) == 1, f"images of one size from the DataLoader of {name}", sorted(sizes), DataError)
    dataset = dataset_of_arrays(
        np.concatenate(images), labels, _class_names(loader.dataset), name=name, split=split, names=()
    )
    lacking = len(loader.dataset) - len(dataset) if hasattr(loader.dataset, "__len__") else 0
    left_out = (LeftOut(lacking, "image", f"of {name} that its DataLoader does not give"),) if lacking > 0 else ()
    return replace(dataset, left_out=left_out)


def _pair(item: Any) -> tuple[Any, Any]:
    pair = item if isinstance(item, tuple | list) and len(item) == 2 else None
    got = f"a {type(item).__name__}{f' of {len(item)}' if isinstance(item, tuple | list) else ''}"
    expect(pair is not None, "pairs (image, label)", f"{got}; wrap your dataset so that it gives pairs", DataError)
    return item[0], item[1]


def _labels(pairs: Any, probed: Sequence[int]) -> Any:
    """All labels: those that torchvision's datasets list if they are those of the pairs, else out of every pair."""
    listed = getattr(pairs, "targets", getattr(pairs, "labels", None))
    plain = getattr(pairs, "target_transform", None) is None
    with users_code(f"labels of {_name(pairs)}"):
        if (
            plain
            and listed is not None
            and len(listed) == len(pairs)
            and all(np.array_equal(listed[index], _pair(pairs[index])[1]) for index in probed)
        ):
            return listed
        return [_pair(pairs[index])[1] for index in range(len(pairs))]


def _name(pairs: Any) -> str:
    """The class's name; of a torch Subset that of what it is a part of."""
    while hasattr(pairs, "indices") and hasattr(pairs, "dataset"):
        pairs = pairs.dataset
    return type(pairs).__name__


def _class_names(pairs: Any) -> tuple[str, ...]:
    """What torchvision's datasets call their classes."""
    while hasattr(pairs, "indices") and hasattr(pairs, "dataset"):
        pairs = pairs.dataset
    names = getattr(pairs, "classes", ())
    listed = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return tuple(names) if listed else ()
