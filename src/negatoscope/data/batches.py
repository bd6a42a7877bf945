"""Images in batches, at the size that a classifier wants: read in order, and decoded ahead in threads."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Semaphore

import numpy as np
from jaxtyping import UInt8, UInt64

from negatoscope.data.base import Dataset
from negatoscope.data.containers import LazyImages
from negatoscope.errors import DataError, InputError
from negatoscope.pixels import Fit, fit_image
from negatoscope.rows import hash_samples
from negatoscope.types import IndexArray, LabelArray, PixelArray, TrackArray


@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be had: where it stands in its split, what it is called, and one sentence that says why."""

    sample: int
    name: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Images in the order of their dataset, those that cannot be read left out.

    Args:
        pixels: As the classifier wants them, 0 to 255.
        labels: The class of each.
        samples: Where each stands in its source split.
        tracks: Which object each is a frame of, where that is known.
        hashes: `rows.hash_samples` of each as it was decoded, before any resizing.
        names: What each is called in its source; "" where it has no name.
        unreadable: Those that are left out.
    """

    pixels: PixelArray
    labels: LabelArray
    samples: IndexArray
    tracks: TrackArray | None
    hashes: UInt64[np.ndarray, " n"]
    names: tuple[str, ...]
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True)
class _Fitted:
    pixels: UInt8[np.ndarray, "channels height width"]
    digest: np.uint64


def batches(dataset: Dataset, fit: Fit, *, batch_size: int, first: int = 0, threads: int = 2) -> Iterator[Batch]:
    """The images from position `first` on, each read once and in order.

    While a batch is used the next one is made. Two batches are held, and four encoded images for each thread.

    Args:
        dataset: Where they come from.
        fit: The size and channels of `Batch.pixels`.
        batch_size: How many positions a batch has; with unreadable images, fewer images.
        first: Where to begin.
        threads: How many decode.

    Raises:
        InputError: A number is below its least value, or an image has neither one nor three channels.
    """
    for name, value, least in (("batch_size", batch_size, 1), ("first", first, 0), ("threads", threads, 1)):
        if value < least:
            raise InputError(f"expected {name} of at least {least}, got {value}")
    return _batches(dataset, fit, range(first, len(dataset), batch_size), batch_size, threads)


def _batches(dataset: Dataset, fit: Fit, starts: range, batch_size: int, threads: int) -> Iterator[Batch]:
    belt = _Belt(dataset, fit, threads)
    waiting: deque[tuple[int, list[Future[Future[_Fitted]]]]] = deque()
    try:
        for start in starts:
            stop = min(start + batch_size, len(dataset))
            waiting.append((start, [belt.put(position) for position in range(start, stop)]))
            if len(waiting) > 1:
                yield _gathered(dataset, fit, *waiting.popleft())
        while waiting:
            yield _gathered(dataset, fit, *waiting.popleft())
    finally:
        belt.stop()


class _Belt:
    """One thread reads, in order and never far ahead; others decode, resize and hash."""

    def __init__(self, dataset: Dataset, fit: Fit, threads: int) -> None:
        self.images, self.fit = dataset.images, fit
        self.slots = Semaphore(4 * threads)
        self.reader = ThreadPoolExecutor(1, "negatoscope-read")
        self.decoders = ThreadPoolExecutor(threads, "negatoscope-decode")

    def put(self, position: int) -> Future[Future[_Fitted]]:
        """Have an image made; what comes is there once it is read, and what comes of that once it is decoded."""
        return self.reader.submit(self._read, position)

    def stop(self) -> None:
        """Make nothing more, and wait for what is being made."""
        self.reader.shutdown(cancel_futures=True)
        self.decoders.shutdown(cancel_futures=True)

    def _read(self, position: int) -> Future[_Fitted]:
        self.slots.acquire()
        try:
            future = self.decoders.submit(_fitted, self._loader(position), self.fit)
        except BaseException:
            self.slots.release()
            raise
        future.add_done_callback(lambda _: self.slots.release())
        return future

    def _loader(self, position: int) -> Callable[[], UInt8[np.ndarray, "channels height width"]]:
        """What gives the image: its bytes are read now where that can be told apart from decoding."""
        if isinstance(self.images, LazyImages):
            return partial(self.images.decode, self.images.read(position), position)
        return partial(self.images.__getitem__, position)


def _fitted(load: Callable[[], UInt8[np.ndarray, "channels height width"]], fit: Fit) -> _Fitted:
    image = np.ascontiguousarray(load())
    return _Fitted(fit_image(image, fit), hash_samples(image[None])[0])


def _gathered(dataset: Dataset, fit: Fit, start: int, futures: list[Future[Future[_Fitted]]]) -> Batch:
    made: list[_Fitted] = []
    read: list[int] = []
    unreadable: list[Unreadable] = []
    for position, future in enumerate(futures, start):
        try:
            made.append(future.result().result())
            read.append(position)
        except DataError as error:
            unreadable.append(Unreadable(int(dataset.samples[position]), _name(dataset, position), str(error)))
    chosen = np.array(read, dtype=np.int64)
    empty = np.zeros((0, 1 if fit.channels == "gray" else 3, fit.height, fit.width), dtype=np.uint8)
    return Batch(
        pixels=np.stack([each.pixels for each in made]) if made else empty,
        labels=dataset.labels[chosen],
        samples=dataset.samples[chosen],
        tracks=None if dataset.tracks is None else dataset.tracks[chosen],
        hashes=np.array([each.digest for each in made], dtype=np.uint64),
        names=tuple(_name(dataset, position) for position in read),
        unreadable=tuple(unreadable),
    )


def _name(dataset: Dataset, position: int) -> str:
    return dataset.names[position] if dataset.names else ""
