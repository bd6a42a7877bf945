"""Do files of 16 bits use them? What detectors of 10, 12 or 14 bits give is stored so, and read as nearly black."""

from contextlib import suppress

from negatoscope.data.base import Dataset
from negatoscope.data.containers import LazyImages
from negatoscope.data.split import stratified_sample
from negatoscope.errors import DataError, InputError
from negatoscope.pixels import AS_STORED, peak_of_16_bits

_CHECKED = 256
_DEPTHS = (8, 10, 12, 14)
_OF_8_BITS = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".ppm", ".webp")  # or of a depth that they state


def expect_whole_depth(dataset: Dataset) -> None:
    """Refuse a set whose files have 16 bits and use at most 14 of them, unless it is said how many they use.

    A few hundred images are looked at, of each class in proportion.

    Raises:
        InputError: Not one value needs 16 bits; the sentence has the option that helps.
    """
    images = dataset.images
    if not isinstance(images, LazyImages) or images.decoding != AS_STORED:
        return
    peaks = []
    for index in stratified_sample(dataset.labels, limit=_CHECKED, seed=0):
        name = images.container.names[images.positions[index]]
        if not name.lower().endswith(_OF_8_BITS):
            with suppress(DataError):  # the audit names what it cannot read
                peaks.append(peak_of_16_bits(images.read(int(index)), name=name))
    deep = [peak for peak in peaks if peak is not None]
    bits = next((bits for bits in _DEPTHS if deep and max(deep) < 2**bits), None)
    if bits is not None:
        raise InputError(
            f"expected values up to 65535 in the 16-bit images of {dataset.spec}, got none above {2**bits - 1} in "
            f"{len(deep)} of them; give --bits {bits}, or --bits 16 if they are that dark"
        )
