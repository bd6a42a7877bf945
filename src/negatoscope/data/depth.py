"""Do files of 16 bits use them? What detectors of 10, 12 or 14 bits give is stored so, and read as nearly black."""

from contextlib import suppress

from negatoscope.data.base import Dataset
from negatoscope.data.containers import LazyImages
from negatoscope.data.dicom import DicomImages
from negatoscope.data.split import stratified_sample
from negatoscope.errors import DataError, InputError
from negatoscope.pixels import AS_STORED, HALVED, peak_of_16_bits

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
    if isinstance(images.container, DicomImages):
        _expect_whole_range(dataset, images, images.container)
        return
    peaks = []
    for index in _checked(dataset):
        name = images.container.names[images.positions[index]]
        if not name.lower().endswith(_OF_8_BITS):
            with suppress(DataError):  # the audit names what it cannot read
                peaks.append(peak_of_16_bits(images.read(index), name=name))
    deep = [peak for peak in peaks if peak is not None]
    bits = next((bits for bits in _DEPTHS if deep and max(deep).value < 2**bits), None)
    if bits is not None:
        halved = any(peak.is_halved for peak in deep)
        raise InputError(
            f"expected values up to 65535 in the 16-bit images of {dataset.spec}, got none above {2**bits - 1} in "
            f"{len(deep)} of them{f', of {HALVED}' if halved else f'; give --bits {bits}'}, or "
            f"{'give ' * halved}--bits 16 if they are that dark"
        )


def _expect_whole_range(dataset: Dataset, images: LazyImages, container: DicomImages) -> None:
    """The same of DICOM images that have no window: of most, values lie within a quarter of what they could be."""
    ranges = []
    for index in _checked(dataset):
        with suppress(DataError):
            content, position = images.read(index), int(images.positions[index])
            ranges.append(container.unwindowed_range(content, position))
    found = [each for each in ranges if each is not None]
    grays = [(low, high) for low, high, least, most in found if high - low <= (most - least) / 4]
    if len(grays) > len(found) / 2:
        low, high = min(low for low, _ in grays), max(high for _, high in grays)
        raise InputError(
            f"expected DICOM images without a window to use what their files hold, got {len(grays)} of {len(found)} "
            f"in {dataset.spec} from {low:.10g} to {high:.10g}, nearly one gray; give "
            f"--window={(low + high + 1) / 2:.10g},{high - low + 1:.10g}, or --bits 16 to see them so"
        )


def _checked(dataset: Dataset) -> list[int]:
    chosen: list[int] = stratified_sample(dataset.labels, limit=_CHECKED, seed=0).tolist()
    return chosen
