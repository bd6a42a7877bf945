"""The images of an inspection: all at one moderate size, and the first of its ranking as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from negatoscope.auditing.results import UnreadableImage
from negatoscope.data import Dataset
from negatoscope.data.batches import batches
from negatoscope.data.dicom import summarize_dicom
from negatoscope.errors import DataError, expect
from negatoscope.hardening import FitData
from negatoscope.hardening.cross_fit import Progress
from negatoscope.models.predict import to_images
from negatoscope.pixels import ResizeSpec
from negatoscope.reports.data_uri import GRAIN, data_uri
from negatoscope.transforms.groups import Element
from negatoscope.types import IndexArray, PixelArray

_BATCH = 256
_MOST = 512  # pixels a side that a picture is made of, give or take


@dataclass(frozen=True)
class ReadImages:
    """The images that could be read.

    Args:
        fit: All at one size; gray where each of them is.
        positions: Where each stands in its dataset.
        unreadable: The others.
    """

    fit: FitData
    positions: IndexArray
    unreadable: tuple[UnreadableImage, ...]


@dataclass(frozen=True)
class Picture:
    """An image as it is and as its element mends it, as data URIs.

    Args:
        before: As it is.
        after: Mended.
        small: Whether its pixels are to be seen.
    """

    before: str
    after: str
    small: bool


def read_images(dataset: Dataset, *, size: int, progress: Progress) -> ReadImages:
    """Read each image once; images in one array of at most this size keep theirs.

    Args:
        dataset: Of any sizes.
        size: Pixels a side.
        progress: Called after each batch with the share that is read.

    Raises:
        DataError: Not one image can be read.
    """
    parts: list[PixelArray] = []
    unreadable: list[UnreadableImage] = []
    positions: list[np.ndarray] = []
    for batch in batches(dataset, _resize(dataset, size), batch_size=_BATCH):
        unreadable += [UnreadableImage(name=each.name, reason=each.reason) for each in batch.unreadable]
        gray = (batch.pixels == batch.pixels[:, :1]).all()
        parts.append(batch.pixels[:, :1] if gray else batch.pixels)
        positions.append(dataset.positions_of(batch.samples))
        done = sum(map(len, parts)) + len(unreadable)
        progress(f"{done:,} of {len(dataset):,} images read", done / len(dataset))
    first = unreadable[0].reason if unreadable else ""
    found = sum(map(len, parts))
    expect(found, f"an image in {dataset.spec}", f"{len(dataset)} that cannot be read ({first})", DataError)
    channels = max(part.shape[1] for part in parts if len(part))
    pixels = np.concatenate(
        [np.broadcast_to(part, (len(part), channels, *part.shape[2:])) for part in parts if len(part)]
    )
    places = np.concatenate(positions)
    tracks = None if dataset.tracks is None else dataset.tracks[places]
    return ReadImages(FitData(pixels, tracks=tracks), places, tuple(unreadable))


def _resize(dataset: Dataset, size: int) -> ResizeSpec:
    images, height, width = dataset.images, size, size
    if isinstance(images, np.ndarray) and max(images.shape[2:]) <= size:
        height, width = images.shape[2:]
    return ResizeSpec(height, width, "rgb")


def draw_pictures(dataset: Dataset, positions: IndexArray, elements: Sequence[Element]) -> list[Picture]:
    """Some images before and after the elements that mend them, read again.

    There are none where an image is flagged as having text on a person burnt in.

    Args:
        dataset: Where they are.
        positions: Of each image there.
        elements: For each image.
    """
    dicom = summarize_dicom(dataset)
    if dicom and dicom.burnt_in:
        return []
    pictures = []
    for position, element in zip(positions.tolist(), elements, strict=True):
        pixels = np.asarray(dataset.images[position])
        step = max(1, max(pixels.shape[1:]) // _MOST)
        pixels = np.array(pixels[:, ::step, ::step])
        channels = len(element.order)
        pixels = np.repeat(pixels, channels, axis=0) if len(pixels) < channels else pixels[:channels]
        image = to_images(torch.from_numpy(pixels[None]))
        small = max(pixels.shape[1:]) < GRAIN
        pictures.append(Picture(data_uri(image[0]), data_uri(element(image)[0]), small))
    return pictures
