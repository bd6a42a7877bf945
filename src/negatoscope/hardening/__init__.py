"""Mend a classifier so that it sees an image and its negative alike: one method a file."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

import numpy as np

from negatoscope.errors import expect
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.registry import Registry
from negatoscope.types import LabelArray, PixelArray, TrackArray

Progress = Callable[[str], None]
"""Called with a line that says how far fitting is."""


LEAST = 20
"""Fewer images than this are too few to fit on."""


@dataclass(frozen=True)
class FitData:
    """Images that look as they should, of the classifier's size and channels.

    Args:
        images: uint8, 0 to 255.
        labels: The class of each; None where they are unknown.
        tracks: Of which object each is a frame, where that is known: held-out images are of other objects.
    """

    images: PixelArray
    labels: LabelArray | None = None
    tracks: TrackArray | None = None

    @property
    def digest(self) -> str:
        """Sixteen hex digits that differ where anything of it differs."""
        digest = sha256(repr(self.images.shape).encode())
        for array in (self.images, self.labels, self.tracks):
            digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def held_out(self, *, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions to fit on and positions to validate with, `share` of the objects and at least one.

        Raises:
            InputError: All images are frames of one object.
        """
        objects = np.arange(len(self.images)) if self.tracks is None else self.tracks
        names = np.random.default_rng(seed).permutation(np.unique(objects))
        expect(len(names) > 1, "fit images of at least 2 objects, of which one is held out", f"{len(names)}; add some")
        held = np.isin(objects, names[: max(1, round(share * len(names)))])
        return np.flatnonzero(~held), np.flatnonzero(held)


Method = Callable[..., ClassifierAdapter]
"""Called as ``method(classifier, fit, group, seed, progress, **settings)``; gives the hardened classifier.

Its settings, which a spec such as ``average(of='logits')`` can set, are keyword-only; a `Progress` takes lines of text.
"""

METHODS: Registry[Method] = Registry("method", "negatoscope.hardening")
"""Every method by name; add one with the decorator `register_method`."""

Registered = TypeVar("Registered", bound=Method)


def register_method(function: Registered) -> Registered:
    """Add a method under its function's name; a decorator."""
    METHODS.register(function)
    return function
