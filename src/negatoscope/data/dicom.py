"""DICOM files among the images of a dataset: each frame is an image, and none is called by its file's name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from negatoscope.data.base import Dataset, LeftOut
from negatoscope.data.class_folders import has_dicom_suffix, has_no_suffix
from negatoscope.data.containers import Container, LazyImages
from negatoscope.data.dicom_pixels import DicomFacts, decode_frame, is_dicom, read_facts, unwindowed_range
from negatoscope.errors import DataError, MissingExtraError
from negatoscope.pixels import DecodeSpec, decode

_UNKNOWN = DicomFacts(frames=1)
"""Those of a file whose header cannot be read."""


@dataclass(frozen=True, kw_only=True)
class DicomSummary:
    """What the headers of DICOM images say.

    Args:
        images: How many images are DICOM and have a header that can be read, at least 0.
        files: How many files they are frames of, at least 0.
        monochrome1: For how many images the smallest value is white: they are turned; at least 0.
        unwindowed: How many gray images do not say which values are black and white, at least 0.
        burnt_in: How many images are flagged as having text on a person in the picture, at least 0.
    """

    images: int
    files: int
    monochrome1: int
    unwindowed: int
    burnt_in: int


def with_dicom(dataset: Dataset) -> Dataset:
    """The same images, of DICOM files each frame as one; such a set is private, and frames of a file are a track.

    Files that are DICOM and hold no image, or that have no suffix and are not DICOM, are left out.

    Raises:
        DataError: No image is left, perhaps since pydicom is not installed.
    """
    images = dataset.images
    if not isinstance(images, LazyImages) or isinstance(images.container, DicomImages):
        return dataset
    if not any(_may_be_dicom(images.container, position) for position in images.positions.tolist()):
        return dataset
    frames, left_out = _frames(dataset, images)
    if not frames:
        raise DataError(f"expected images in {dataset.spec}, got {', '.join(map(str, left_out))}; add some")
    dataset = replace(dataset, left_out=(*dataset.left_out, *left_out))
    kept = np.array([frame.index for frame in frames], dtype=np.int64)
    if not any(frame.facts for frame in frames):
        return dataset.take(kept, split=dataset.split) if left_out else dataset
    tracks = kept if len(np.unique(kept)) < len(kept) else None
    if dataset.tracks is not None:
        tracks = dataset.tracks[kept]
    return replace(
        dataset,
        images=LazyImages(DicomImages(images.container, frames), np.arange(len(frames)), images.decoding),
        labels=dataset.labels[kept],
        samples=np.arange(len(frames)),
        tracks=tracks,
        names=tuple(dataset.names[frame.index] + frame.suffix for frame in frames),
        private=True,
    )


@dataclass(frozen=True)
class Frame:
    """One image: which of the dataset's files it is in, where that is in its container, and which of its frames it is.

    `facts` are None of files that are not DICOM.
    """

    index: int
    position: int
    number: int
    facts: DicomFacts | None

    @property
    def suffix(self) -> str:
        """What tells it from other frames of its file; "" where there are none."""
        return f", frame {self.number}" if self.facts and self.facts.frames > 1 else ""


class DicomImages(Container):
    """Frames of DICOM files, and other images among them, each called by its number.

    Args:
        files: Where their files are.
        frames: The images.
    """

    states_bits = True
    packages = ("pydicom", "pylibjpeg", "libjpeg", "openjpeg")

    def __init__(self, files: Container, frames: Sequence[Frame]) -> None:
        super().__init__([f"image {number}" for number in range(len(frames))])
        self.files, self.frames = files, frames
        self._last: tuple[int, bytes] = (-1, b"")

    def read(self, position: int) -> bytes:
        """The file of one image, read once for frames in a row."""
        file = self.frames[position].position
        if self._last[0] != file:
            self._last = (-1, b"")
            try:
                self._last = (file, self.files.read(file))
            except DataError:  # whose text has the file's name
                raise DataError(f"expected a readable file of {self.names[position]}, got one that is not") from None
        return self._last[1]

    def decode(self, content: bytes, position: int, decoding: DecodeSpec) -> UInt8[np.ndarray, "channels height width"]:
        """One frame, or the image of another format."""
        frame, name = self.frames[position], self.names[position]
        if frame.facts is None:
            return decode(content, name=name, decoding=decoding)
        return decode_frame(content, frame.number, name=name, decoding=decoding)

    def unwindowed_range(self, content: bytes, position: int) -> tuple[float, float, float, float] | None:
        """That of `dicom_pixels.unwindowed_range`; None of other formats."""
        frame, name = self.frames[position], self.names[position]
        return None if frame.facts is None else unwindowed_range(content, frame.number, name=name)


def summarize_dicom(dataset: Dataset) -> DicomSummary | None:
    """What the headers of a dataset's images say; None where none is DICOM."""
    images = dataset.images
    if not isinstance(images, LazyImages) or not isinstance(images.container, DicomImages):
        return None
    frames = [images.container.frames[position] for position in images.positions]
    known = [(frame.position, frame.facts) for frame in frames if frame.facts and frame.facts is not _UNKNOWN]
    facts = [each for _, each in known]
    return DicomSummary(
        images=len(facts),
        files=len({position for position, _ in known}),
        monochrome1=sum(each.monochrome1 for each in facts),
        unwindowed=sum(not each.windowed for each in facts),
        burnt_in=sum(each.burnt_in for each in facts),
    )


def _frames(dataset: Dataset, images: LazyImages) -> tuple[list[Frame], tuple[LeftOut, ...]]:
    """Each image of each file, in order, and what is no image."""
    frames: list[Frame] = []
    others: dict[str, int] = {}
    for index, position in enumerate(images.positions.tolist()):
        facts = _facts(images, index) if _may_be_dicom(images.container, position) else None
        if isinstance(facts, str):
            others[facts] = others.get(facts, 0) + 1
        else:
            frames += [Frame(index, position, number, facts) for number in range(facts.frames if facts else 1)]
    return frames, tuple(LeftOut(n, "file", why) for why, n in others.items())


def _may_be_dicom(container: Container, position: int) -> bool:
    name = container.names[position]
    return has_dicom_suffix(name) or (container.has_file_names and has_no_suffix(name))


def _facts(images: LazyImages, index: int) -> DicomFacts | str:
    """What a DICOM file says; of what is no image, why it is left out."""
    try:
        content = images.read(index)
        if not is_dicom(content) and not has_dicom_suffix(images.container.names[images.positions[index]]):
            return "without a known ending"
        return read_facts(content, name="a file") or "of DICOM without an image"
    except MissingExtraError as error:
        return f"of DICOM ({error})"
    except DataError:
        return _UNKNOWN  # the reason is an error's, beside the image's number, when it is decoded
