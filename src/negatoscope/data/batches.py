"""Images in batches, at the size that a classifier expects: read in order, and decoded ahead in threads."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from threading import Semaphore
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, UInt8, UInt64

from negatoscope.data.base import Dataset
from negatoscope.data.containers import LazyImages
from negatoscope.errors import DataError, InputError
from negatoscope.pixels import ResizeSpec, resize_image
from negatoscope.rows import hash_samples
from negatoscope.types import IndexArray, LabelArray, PixelArray, TrackArray


@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read: where it stands in its split, its name, and one sentence that says why."""

    sample: int
    name: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Images in the order of their dataset, those that cannot be read left out.

    Args:
        pixels: As the classifier expects them, 0 to 255.
        labels: The class of each.
        samples: Where each stands in its source split.
        tracks: Which object each is a frame of, where that is known.
        hashes: `rows.hash_samples` of each as it was decoded, before any resizing.
        names: The name of each in its source; "" where it has no name.
        unreadable: Those that are left out.
    """

    pixels: PixelArray
    labels: LabelArray
    samples: IndexArray
    tracks: TrackArray | None
    hashes: UInt64[np.ndarray, " n"]
    names: tuple[str, ...]
    unreadable: tuple[Unreadable, ...] = ()

    def one(self, index: int) -> "Batch":
        """The batch of one of its images."""
        return self.only(slice(index, index + 1))

    def only(self, chosen: slice | Bool[np.ndarray, " n"]) -> "Batch":
        """The batch of some of its images."""
        return Batch(
            pixels=self.pixels[chosen],
            labels=self.labels[chosen],
            samples=self.samples[chosen],
            tracks=None if self.tracks is None else self.tracks[chosen],
            hashes=self.hashes[chosen],
            names=tuple(np.array(self.names, dtype=object)[chosen].tolist()),
        )


_Pixels: TypeAlias = UInt8[np.ndarray, "channels height width"]
_Loaded: TypeAlias = tuple[_Pixels, np.uint64] | DataError
"""An image at its final size and the hash of what was decoded, or why there is none."""
_ENCODED, _DECODED = 4, 16  # images that a thread loads in one go: fewer where their bytes wait in memory


def batches(
    dataset: Dataset, resize: ResizeSpec, *, batch_size: int, first: int = 0, threads: int = 2
) -> Iterator[Batch]:
    """The images from position `first` on, each read once and in order.

    While a batch is used the next one is made. Two batches are held, and eight encoded images for each thread.

    Raises:
        InputError: A number is below its least value, or an image has neither one nor three channels.
    """
    for name, value, least in (("batch_size", batch_size, 1), ("first", first, 0), ("threads", threads, 1)):
        if value < least:
            raise InputError(f"expected {name} of at least {least}, got {value}")
    starts = range(first, len(dataset), batch_size)
    if isinstance(dataset.images, np.ndarray) and dataset.images.shape[1:] == resize.shape:
        return (_held(dataset, dataset.images, slice(start, start + batch_size)) for start in starts)
    return _batches(dataset, resize, starts, batch_size, threads)


def _held(dataset: Dataset, images: PixelArray, chosen: slice) -> Batch:
    """Images that are in one array at their final size, where there is nothing to decode ahead."""
    pixels = np.array(images[chosen])
    return Batch(
        pixels=pixels,
        labels=dataset.labels[chosen],
        samples=dataset.samples[chosen],
        tracks=None if dataset.tracks is None else dataset.tracks[chosen],
        hashes=hash_samples(pixels),
        names=tuple(dataset.names[chosen]) if dataset.names else ("",) * len(pixels),
    )


def _batches(dataset: Dataset, resize: ResizeSpec, starts: range, batch_size: int, threads: int) -> Iterator[Batch]:
    pipeline = _Pipeline(dataset, resize, threads)
    waiting: deque[tuple[int, list[Future[Future[list[_Loaded]]]]]] = deque()
    try:
        for start in starts:
            positions = range(start, min(start + batch_size, len(dataset)))
            groups = [positions[first : first + pipeline.group] for first in range(0, len(positions), pipeline.group)]
            waiting.append((start, [pipeline.reader.submit(pipeline.read, group) for group in groups]))
            if len(waiting) > 1:
                yield _collect(dataset, resize, *waiting.popleft())
        while waiting:
            yield _collect(dataset, resize, *waiting.popleft())
    finally:
        pipeline.stop()


class _Pipeline:
    """One thread reads, in order and never far ahead; others decode, resize and hash."""

    def __init__(self, dataset: Dataset, resize: ResizeSpec, threads: int) -> None:
        self.images, self.resize = dataset.images, resize
        self.group = _ENCODED if isinstance(self.images, LazyImages) else _DECODED
        self.slots = Semaphore(2 * threads)
        self.reader = ThreadPoolExecutor(1, "negatoscope-read")
        self.decoders = ThreadPoolExecutor(threads, "negatoscope-decode")

    def stop(self) -> None:
        """Load nothing more, and wait for what is being loaded."""
        self.reader.shutdown(cancel_futures=True)
        self.decoders.shutdown(cancel_futures=True)

    def read(self, positions: range) -> Future[list[_Loaded]]:
        """Read images, in the reader's thread; the future is done once they are decoded."""
        self.slots.acquire()
        try:
            loaders = [self._loader(position) for position in positions]
            future = self.decoders.submit(lambda: [self._load(loader) for loader in loaders])
        except BaseException:
            self.slots.release()
            raise
        future.add_done_callback(lambda _: self.slots.release())
        return future

    def _loader(self, position: int) -> Callable[[], _Pixels] | DataError:
        """What gives the image: its bytes are read now where reading and decoding are separate steps."""
        if not isinstance(self.images, LazyImages):
            return partial(self.images.__getitem__, position)
        try:
            return partial(self.images.decode, self.images.read(position), position)
        except DataError as error:
            return error

    def _load(self, loader: Callable[[], _Pixels] | DataError) -> _Loaded:
        if isinstance(loader, DataError):
            return loader
        try:
            image = np.ascontiguousarray(loader())
            return resize_image(image, self.resize), hash_samples(image[None])[0]
        except DataError as error:
            return error


def _collect(dataset: Dataset, resize: ResizeSpec, start: int, futures: list[Future[Future[list[_Loaded]]]]) -> Batch:
    names = dataset.names or [""] * len(dataset)
    loaded: dict[int, tuple[_Pixels, np.uint64]] = {}
    unreadable: list[Unreadable] = []
    for position, image in enumerate(chain.from_iterable(future.result().result() for future in futures), start):
        if isinstance(image, DataError):
            unreadable.append(Unreadable(int(dataset.samples[position]), names[position], str(image)))
        else:
            loaded[position] = image
    chosen = np.array(list(loaded), dtype=np.int64)
    empty = np.zeros((0, *resize.shape), dtype=np.uint8)
    return Batch(
        pixels=np.stack([pixels for pixels, _ in loaded.values()]) if loaded else empty,
        labels=dataset.labels[chosen],
        samples=dataset.samples[chosen],
        tracks=None if dataset.tracks is None else dataset.tracks[chosen],
        hashes=np.array([digest for _, digest in loaded.values()], dtype=np.uint64),
        names=tuple(names[position] for position in loaded),
        unreadable=tuple(unreadable),
    )
