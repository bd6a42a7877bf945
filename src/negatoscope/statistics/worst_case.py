"""The worst case over transforms: which images are correct clean and under every transform that counts them."""

import numpy as np
from jaxtyping import Bool


class WorstCase:
    """Counts transform by transform, so that the predictions of no two are held at once.

    Args:
        clean: Whether each of n images is correct when clean.
    """

    def __init__(self, clean: Bool[np.ndarray, " n"]) -> None:
        self._correct = clean.copy()
        self.counted: Bool[np.ndarray, " n"] = np.zeros(len(clean), dtype=np.bool_)

    def add(self, correct: Bool[np.ndarray, " n"], counted: Bool[np.ndarray, " n"]) -> None:
        """Count a transform.

        Args:
            correct: Whether each image is correct under it.
            counted: Whether the transform preserves the image's label; it says nothing of the others.
        """
        self._correct &= correct | ~counted
        self.counted |= counted

    @property
    def correct(self) -> Bool[np.ndarray, " m"]:
        """Of the images that some transform counts, whether each is correct clean and under all that count it."""
        correct: Bool[np.ndarray, " m"] = self._correct[self.counted]
        return correct
