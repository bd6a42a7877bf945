"""Images in memory: arrays, tensors and pictures become pixels from 0 to 255, and nobody guesses their range."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from negatoscope.data.base import Dataset, SourceFile
from negatoscope.data.labels import classes_of, number_classes, number_objects
from negatoscope.errors import DataError, expect, reason
from negatoscope.pixels import to_array
from negatoscope.types import LabelArray, PixelArray

Pixels: TypeAlias = UInt8[np.ndarray, "channels height width"]

_AT_ONCE = 256  # floats are made whole numbers a few at a time


def dataset_of_arrays(
    images: Any,
    labels: Any,
    class_names: Sequence[str],
    *,
    name: str,
    split: str,
    names: Sequence[str],
    tracks: Sequence[object] = (),
) -> Dataset:
    """What `Dataset.from_arrays` gives.

    Raises:
        DataError: Images or labels are not what they should be.
    """
    pixels = image_array(images, name) if hasattr(images, "shape") else MemoryImages(images, name)
    expect(len(pixels), f"images in {name}", "none", DataError)
    numbers, classes = class_indices(labels, class_names, source=name)
    expect(len(numbers) == len(pixels), f"{len(pixels)} labels for as many images", len(numbers), DataError)
    for what, given in (("names", names), ("tracks", tracks)):
        expect(len(given) in (0, len(pixels)), f"{len(pixels)} {what} for as many images", len(given), DataError)
    digest = sha256(numbers.tobytes())
    for image in pixels:
        digest.update(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes())
    return Dataset(
        spec=name,
        split=split,
        images=pixels,
        labels=numbers,
        class_names=classes,
        samples=np.arange(len(numbers)),
        tracks=number_objects(list(map(_object_name, tracks))),
        files=(SourceFile(f"{name} (labels and pixels)", digest.hexdigest(), official=None),),
        names=tuple(names),
    )


def class_indices(labels: Any, class_names: Sequence[str], *, source: str) -> tuple[LabelArray, tuple[str, ...]]:
    """Labels as the indices of classes, and what the classes are called: `number_classes` says how.

    Raises:
        DataError: There is not one label for each image, or it is neither a whole number nor a text.
    """
    expected = f"one whole number or one text for each image as labels of {source}"
    try:
        values = _plain(labels) if hasattr(labels, "shape") else np.asarray([_item(label) for label in labels])
    except (RuntimeError, TypeError, ValueError) as error:  # torch's or numpy's, of a label that is no single value
        raise DataError(f"expected {expected}, got others ({reason(error)}); convert them") from error
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    got = f"{values.dtype} {list(values.shape)}"
    right = values.ndim == 1 and (values.dtype.kind in "iuU" or all(isinstance(value, str) for value in values))
    expect(right, expected, f"{got}; convert it", DataError)
    if values.dtype.kind not in "iu":
        missing = int((values == "").sum())
        expect(not missing, f"a label for each image of {source}", f"{missing} without one; leave them out", DataError)
        numbers, names = number_classes(map(str, values), class_names, source=source)
        return np.array([numbers[value] for value in values], dtype=np.int64), names
    return values.astype(np.int64), classes_of(values, class_names, source=source)


def image_array(images: Any, name: str) -> PixelArray:
    """Images of one size: uint8, or floats in [0, 1], which are rounded to 255ths.

    Args:
        images: An array or a tensor, [n, height, width], or with 1, 3 or 4 channels first or last; of a tensor first.
        name: How an error calls them.

    Raises:
        DataError: They are of another shape or type, or of a range that is not known.
    """
    values = _channels_first(_plain(images), name, axis=1 if hasattr(images, "detach") else None)
    if values.dtype == np.uint8:
        return values
    parts = [_whole(values[first : first + _AT_ONCE], name) for first in range(0, len(values), _AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros(values.shape, dtype=np.uint8)


def image_pixels(image: Any, name: str) -> Pixels:
    """One image: a picture of Pillow's, or what `image_array` takes without its first axis.

    Raises:
        DataError: As `image_array` says; or a picture has values of a range that is not known.
    """
    if isinstance(image, Image.Image):
        if image.mode[:1] in "IF":
            raise DataError(f"expected 8 bits per value in {name}, got Pillow's mode {image.mode!r}; convert it")
        image = image.convert("RGBA") if image.mode == "P" else image  # else Pillow warns of transparency
        mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
        return to_array(image if image.mode == mode else image.convert(mode))
    expect(hasattr(image, "shape"), f"an array, a tensor or a picture as {name}", type(image).__name__, DataError)
    pixels: Pixels = image_array(image[None], name)[0]
    return pixels


class MemoryImages(Sequence[Any]):
    """Images of their own sizes, made to pixels on access; the user's own sequence is asked by one thread at a time.

    Args:
        images: A sequence of what `image_pixels` takes.
        name: How an error calls them.
    """

    def __init__(self, images: Sequence[Any], name: str) -> None:
        self.images, self.name = images, name
        self.lock = Lock()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.pixels(self.read(index), index)

    def read(self, index: int) -> Any:
        """What the user's sequence gives.

        Raises:
            DataError: It raises anything.
        """
        with self.lock, users_code(f"image {index} of {self.name}"):
            image = self.images[index]
            if isinstance(image, Image.Image):
                image.load()  # a damaged file is first read here
            return image

    def pixels(self, image: Any, index: int) -> Pixels:
        """What `read` gave, as `image_pixels` has it."""
        return image_pixels(image, f"image {index} of {self.name}")


@contextmanager
def users_code(name: str) -> Iterator[None]:
    """Within it, what the user's own code raises is a `DataError`."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"expected {name}, but reading it raised {type(error).__name__}: {reason(error)}") from error


def _plain(values: Any) -> np.ndarray:
    """A tensor of any device, or what numpy takes, as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
        return np.asarray(values.numpy())
    return np.asarray(values)


def _object_name(track: Any) -> str:
    """What an object is called, "" for None, NaN and what pandas has for a missing value: an image of its own."""
    missing = track is None or type(track).__name__ in ("NAType", "NaTType") or track != track
    return "" if missing else str(track)


def _item(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _channels_first(values: np.ndarray, name: str, *, axis: int | None) -> np.ndarray:
    """[n, channels, height, width], transparency dropped; `axis` says where channels are if that is known."""
    if values.ndim == 3:
        values = values[:, None]
    shape = values.shape
    axes = [place for place in (1, 3) if values.ndim == 4 and shape[place] in (1, 3, 4) and axis in (None, place)]
    sizes = 0 not in shape[1:]
    expect(
        len(axes) == 1 and sizes,
        f"{name} to be [n, height, width], or of four axes with 1, 3 or 4 channels in either the second or the last",
        f"{list(shape)}; move them",
        DataError,
    )
    first = values if axes[0] == 1 else values.transpose(0, 3, 1, 2)
    return first[:, :3] if first.shape[1] == 4 else first


def _whole(values: np.ndarray, name: str) -> PixelArray:
    expected = f"{name} to be uint8, or floats in [0, 1]"
    expect(values.dtype.kind == "f", expected, f"{values.dtype}; convert it", DataError)
    low, high = float(values.min()), float(values.max())
    inside = low >= 0 and high <= 1  # NaN is not
    expect(inside, expected, f"{low:.4g} to {high:.4g}; give images as they are before normalization", DataError)
    pixels: PixelArray = np.rint(values * np.float32(255)).astype(np.uint8)
    return pixels
