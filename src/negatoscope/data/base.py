"""What a dataset is, and what a loader of one gets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np

from negatoscope.data.containers import LazyImages, printable
from negatoscope.errors import InputError
from negatoscope.files import sha256_of
from negatoscope.pixels import AS_STORED, DecodeSpec
from negatoscope.provenance import DataProvenance
from negatoscope.stores import AnyPath
from negatoscope.types import IndexArray, LabelArray, PixelArray, TrackArray

OwnSizeImages: TypeAlias = Sequence[Any]
"""Images that keep their own size, uint8 [channels, height, width], decoded on access.

Its items have no type here, since a check at run time would decode an image each time.
"""

LEFT_OUT_NAMED = 20
"""Of what is left out, how many are named at most."""


@dataclass(frozen=True)
class SourceFile:
    """A file that data came from; `official` when its checksum is the published one, None where none is published."""

    name: str
    sha256: str
    official: bool | None

    @classmethod
    def of_user(cls, path: AnyPath) -> "SourceFile":
        """A file that the user brings.

        Raises:
            DataError: It cannot be read.
        """
        return cls(printable(path.name), sha256_of(path), official=None)


@dataclass(frozen=True)
class LeftOut:
    """What has no part in a dataset: how many, of what, why, and what the first of them are called.

    As a sentence it is "3 images without a label in labels.csv are left out".

    Args:
        n: How many, at least 0.
        noun: Of what, as in "image".
        why: Why, as in "without a label in labels.csv".
        names: What the first of them are called.
    """

    n: int
    noun: str
    why: str
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, noun: str, why: str, names: Sequence[str]) -> "LeftOut":
        """What these names name."""
        return cls(len(names), noun, why, tuple(map(printable, names[:LEFT_OUT_NAMED])))

    def __str__(self) -> str:
        return f"{self.n:,} {self.noun}{'s' * (self.n != 1)} {self.why}"


@dataclass(frozen=True)
class Dataset:
    """Labeled images of one split; pixels are stored once, as uint8.

    Args:
        spec: The canonical name, such as "gtsrb(prepare='paper')".
        split: "train" or "test", with what was cut out of it.
        images: All of one size in one array (a memory map is fine), or a sequence of images of their own sizes.
        labels: The class of each image.
        class_names: One for each class.
        samples: Where each image stands in its source split, from 0.
        tracks: For each image, which object it shows, such as a sign or a patient; None where none is known to be shown
            twice.
        files: The files that it all came from.
        names: What each image is called in its source; none where they have no names.
        private: Whether names may tell who is shown: then an audit numbers images, unless names are to be kept. Of a
            container whose images are private no error names one either.
        left_out: What its source holds beside its images.
        prepared: What was done to the pixels, as in "gray, 28x28 bilinear, equalized"; "" where nothing was.
    """

    spec: str
    split: str
    images: PixelArray | OwnSizeImages
    labels: LabelArray
    class_names: tuple[str, ...]
    samples: IndexArray
    tracks: TrackArray | None = None
    files: tuple[SourceFile, ...] = ()
    names: Sequence[str] = ()
    prepared: str = ""
    private: bool = False
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Any,
        class_names: Sequence[str] = (),
        *,
        name: str = "arrays",
        split: str = "test",
        names: Sequence[str] = (),
        tracks: Sequence[object] = (),
    ) -> "Dataset":
        """Images that are in memory, as a dataset to audit.

        Args:
            images: An array or a tensor, uint8 or floats in [0, 1] (rounded to 255ths), [n, height, width] or with 1, 3
                or 4 channels first or last (of a tensor: first); or a sequence of such images of their own sizes, or of
                Pillow's. As they are before any normalization.
            labels: A whole number from 0 or the name of its class, for each image.
            class_names: One for each class, in the order of the numbers; without them classes are called by their
                numbers, or names are sorted.
            name: What reports call the dataset.
            split: "train", "test" or "validation".
            names: What each image is called in tables.
            tracks: What names the object that each image shows, such as a patient: intervals are then as wide as whole
                objects make them.

        Raises:
            DataError: Images or labels are of another form, or floats are outside [0, 1].
        """
        from negatoscope.data.arrays import dataset_of_arrays

        return dataset_of_arrays(images, labels, class_names, name=name, split=split, names=names, tracks=tracks)

    @property
    def name(self) -> str:
        """The spec without its arguments."""
        return self.spec.partition("(")[0]

    @property
    def official(self) -> bool:
        """Whether every file is the published one, byte for byte."""
        return all(bool(file.official) for file in self.files)

    @property
    def provenance(self) -> DataProvenance:
        """Its files by name and sha256, and whether they are the published ones."""
        unofficial = ", ".join(file.name for file in self.files if file.official is False)
        note = f"unofficial copy: {unofficial} differ from the published files" if unofficial else ""
        if any(file.official is None for file in self.files):
            note = "images of the user's own"
        digests = {file.name: file.sha256 for file in self.files}
        return DataProvenance(self.name, self.spec, self.official, digests, note)

    @property
    def packages(self) -> tuple[str, ...]:
        """What decodes its images beside Pillow, by the names that are imported."""
        return self.images.container.packages if isinstance(self.images, LazyImages) else ()

    @property
    def decoding(self) -> DecodeSpec:
        """Which values of its files are black and white."""
        return self.images.decoding if isinstance(self.images, LazyImages) else AS_STORED

    def decoded(self, decoding: DecodeSpec) -> "Dataset":
        """The same images, decoded as `decoding` says.

        Raises:
            InputError: It says something of images that are no files any more, or how many bits DICOM files use.
        """
        if decoding == self.decoding:
            return self
        if not isinstance(self.images, LazyImages) or not self.images.container.has_files:
            raise InputError(f"expected image files for --bits or --window, got {self.spec}, whose values have 8 bits")
        if self.images.container.states_bits and decoding.bits not in (None, 16):
            raise InputError(
                f"expected --bits 16 or none for {self.spec}, whose DICOM files say how many bits they use, got "
                f"{decoding.bits}; give --window"
            )
        return replace(self, images=LazyImages(self.images.container, self.images.positions, decoding))

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that differ when the files, the preparation or the choice of images differ."""
        digest = sha256(repr((self.spec, self.split.split(" ")[0], [file.sha256 for file in self.files])).encode())
        if self.decoding != AS_STORED:
            digest.update(repr(self.decoding).encode())
        digest.update(self.samples.tobytes())
        digest.update(self.labels.tobytes())
        if self.tracks is not None and any(file.official is None for file in self.files):  # else files say them
            digest.update(self.tracks.tobytes())
        return digest.hexdigest()[:16]

    def positions_of(self, samples: IndexArray) -> IndexArray:
        """Where the images of these samples stand; it holds them all, in any order."""
        order = np.argsort(self.samples, kind="stable")
        return order[np.searchsorted(self.samples, samples, sorter=order)]

    def take(self, indices: IndexArray, *, split: str) -> "Dataset":
        """The images at `indices`, in that order, under another split name."""
        if isinstance(self.images, np.ndarray):
            images: PixelArray | OwnSizeImages = np.asarray(self.images)[indices]
        elif isinstance(self.images, LazyImages):
            images = self.images.take(indices)
        else:
            images = _Chosen(self.images, indices)
        names = tuple(self.names[index] for index in indices) if self.names else ()
        tracks = None if self.tracks is None else self.tracks[indices]
        chosen = {"labels": self.labels[indices], "samples": self.samples[indices], "tracks": tracks}
        return replace(self, split=split, images=images, names=names, **chosen)


class _Chosen(Sequence[Any]):
    """Some images of a sequence, still decoded on access only."""

    def __init__(self, images: OwnSizeImages, indices: IndexArray) -> None:
        self.images, self.indices = images, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return _Chosen(self.images, self.indices[index])
        return self.images[int(self.indices[index])]
