"""The pixels of one frame of a DICOM file, by the standard's order; nothing that tells of a person leaves this module.

An error never has pydicom's own words in it, which may cite any value of a header.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Num, Shaped, UInt8

from negatoscope.data.containers import MAX_BYTES
from negatoscope.errors import DataError, MissingExtraError, needed
from negatoscope.pixels import MAX_PIXELS, WINDOW_FUNCTIONS, DecodeSpec, apply_window, quiet

MAX_FRAMES = 100_000
"""A file that claims more is refused."""

_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # markers of JPEG and JPEG-LS before a size
Header: TypeAlias = Any  # pydicom's Dataset, which is not always there

_MAGIC = b"DICM"
_COLORS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_ONE_CHANNEL = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_TAGS = (
    *("Rows", "Columns", "NumberOfFrames", "PhotometricInterpretation", "BurnedInAnnotation", "VOILUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)


@dataclass(frozen=True)
class DicomFacts:
    """What a report says of a DICOM file's images.

    Args:
        frames: How many images it holds.
        monochrome1: Whether its smallest value is white.
        windowed: Whether it is color, or says which values are black and white.
        burnt_in: Whether its header says that text on a person is part of the picture.
    """

    frames: int
    monochrome1: bool = False
    windowed: bool = True
    burnt_in: bool = False


def library(part: str = "") -> ModuleType:
    """Pydicom, or a module of it.

    Raises:
        MissingExtraError: It is not installed.
    """
    return needed(f"pydicom.{part}".rstrip("."), extra="dicom", why="A DICOM file")


def is_dicom(content: bytes) -> bool:
    """Whether a file begins as DICOM files do."""
    return content[128:132] == _MAGIC


def read_facts(content: bytes, *, name: str) -> DicomFacts | None:
    """What the header says of the images; None where it is that of a report, a plan or the like.

    Raises:
        DataError: It is no DICOM file, or damaged.
    """
    header = _read(content, name=name, tags=list(_TAGS))
    with _reporting(name):
        if "Rows" not in header or "PhotometricInterpretation" not in header:
            return None
        frames = int(header.get("NumberOfFrames") or 1)
        if not 1 <= frames <= min(MAX_FRAMES, len(content)):
            raise DataError(f"expected 1 to {min(MAX_FRAMES, len(content))} frames in {name}, got {frames}")
        voi = _of_frame(header, 0, "FrameVOILUTSequence")
        gray = str(header.PhotometricInterpretation).startswith("MONOCHROME")
        return DicomFacts(
            frames=frames,
            monochrome1=header.PhotometricInterpretation == "MONOCHROME1",
            windowed=not gray or bool(_window(voi)) or bool(voi.get("VOILUTSequence")),
            burnt_in=header.get("BurnedInAnnotation") == "YES",
        )


def decode_frame(
    content: bytes, frame: int, *, name: str, decoding: DecodeSpec
) -> UInt8[np.ndarray, "channels height width"]:
    """One frame, 0 to 255: one channel where it is gray, else RGB.

    Gray values go through the modality's rescale or table, then the window (that of `decoding`, else the file's table
    or window, else all values that the file can hold), and are turned where the smallest is white, so that in all
    images more is brighter. Colors are RGB, palettes and YBR converted.

    Source: DICOM PS3.3, C.7.6.3.1.2, C.7.6.16.2, C.11.1 and C.11.2; the order is that of PS3.4, N.2.

    Args:
        content: The file.
        frame: From 0.
        name: How an error calls it.
        decoding: Its window comes before the file's; its bits say nothing that the file does not.

    Raises:
        DataError: It is damaged, of absurd size, packed in a way that cannot be read, or without a known range.
    """
    header = _read(content, name=name)
    with _reporting(name):
        kind, values = str(header.PhotometricInterpretation), _stored(header, frame, name=name)
        if kind not in (_ONE_CHANNEL if values.ndim == 2 else _COLORS) or values.shape[2:] not in ((), (3,)):
            raise DataError(f"expected {', '.join((*_ONE_CHANNEL, *_COLORS))} in {name}, got another kind of pixels")
        if values.ndim == 3:
            return np.ascontiguousarray(_scaled(values, (0, 2 ** int(header.BitsStored) - 1), name).transpose(2, 0, 1))
        if kind == "PALETTE COLOR":
            colors = library("pixels").apply_color_lut(values, header)
            white = 2 ** int(header.RedPaletteColorLookupTableDescriptor[2]) - 1
            return np.ascontiguousarray(_scaled(colors, (0, white), name).transpose(2, 0, 1))
        return _presented(header, values, frame, name=name, decoding=decoding)[None]


def unwindowed_range(content: bytes, frame: int, *, name: str) -> tuple[float, float, float, float] | None:
    """Of a gray frame without a window: its least and largest value, and the least and largest that it could have.

    They are what the modality makes of stored values, such as Hounsfield units. None where a window is given, for
    color, and where there are only 8 bits.

    Raises:
        DataError: As `decode_frame` says.
    """
    facts = read_facts(content, name=name)
    header = _read(content, name=name)
    with _reporting(name):
        if facts is None or facts.windowed or int(header.BitsStored) <= 8:
            return None
        values, least, most = _of_modality(header, _stored(header, frame, name=name), frame)
        return float(values.min()), float(values.max()), least, most


@contextmanager
def _reporting(name: str) -> Iterator[None]:
    """Within it no library warns, and whatever a damaged file makes one raise is a sentence without its words."""
    try:
        with quiet(""):
            yield
    except (DataError, MissingExtraError, MemoryError):
        raise
    except Exception:
        raise DataError(
            f"expected a DICOM image in {name}, got one that is damaged or packed in a way that cannot be read; "
            "fetch it again, or convert it"
        ) from None


def _read(content: bytes, *, name: str, tags: list[str] | None = None) -> Header:
    """The header; with `tags` these alone, and without pixels."""
    with _reporting(name):
        if not is_dicom(content):
            raise DataError(f"expected a DICOM file in {name}, got one without DICOM's first bytes; convert it")
        return library().dcmread(_Bounded(content), specific_tags=tags, stop_before_pixels=tags is not None)


class _Bounded(io.BytesIO):
    """A file that pydicom reads to its end only where all of it is deflated, and then unpacks without a bound."""

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if size is None or size < 0:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
            unpacker.decompress(content, MAX_BYTES)
            if unpacker.unconsumed_tail:
                raise DataError(f"expected a DICOM file of at most {MAX_BYTES} bytes once unpacked, got more")
        return content


def _stored(header: Header, frame: int, *, name: str) -> Shaped[np.ndarray, "..."]:
    """The values as they are stored: [height, width], or RGB with channels last."""
    pixels = int(header.Rows) * int(header.Columns)
    if not 0 < pixels <= MAX_PIXELS:
        raise DataError(f"expected 1 to {MAX_PIXELS} pixels in {name}, got {header.Rows} x {header.Columns}")
    if "PixelData" not in header and not {"FloatPixelData", "DoubleFloatPixelData"} & set(header.dir()):
        raise DataError(f"expected pixels in {name}, got a header alone; fetch it again")
    syntax, uids = header.file_meta.TransferSyntaxUID, library("uid")
    is_j2k = syntax in uids.JPEG2000TransferSyntaxes
    if is_j2k or syntax in uids.JPEGTransferSyntaxes or syntax in uids.JPEGLSTransferSyntaxes:
        frames = int(header.get("NumberOfFrames") or 1)
        packed = library("encaps").get_frame(header.PixelData, frame, number_of_frames=frames)
        shape = (int(header.Rows), int(header.Columns), int(header.SamplesPerPixel))
        if _packed_shape(packed, is_j2k=is_j2k) != shape:
            raise DataError(
                f"expected {shape[0]} x {shape[1]} pixels of {shape[2]} in {name}, got others; fetch it again"
            )
    values: np.ndarray = library("pixels").pixel_array(header, index=frame)
    return values


def _packed_shape(packed: bytes, *, is_j2k: bool) -> tuple[int, int, int]:
    """Height, width and channels that a JPEG or JPEG 2000 stream claims, before anything is made of that size."""
    if is_j2k:
        place = _codestream_place(packed)
        right, bottom, left, top = struct.unpack_from(">4I", packed, place + 8)
        (channels,) = struct.unpack_from(">H", packed, place + 40)
        return bottom - top, right - left, channels
    place = 2
    while packed[place + 1] not in _FRAME_HEADERS:
        place += 2 + struct.unpack_from(">H", packed, place + 2)[0]
    height, width, channels = struct.unpack_from(">HHB", packed, place + 5)
    return height, width, channels


def _codestream_place(packed: bytes) -> int:
    """Where JPEG 2000's codestream begins: behind the boxes of a JP2 file, if there are some.

    Raises:
        ValueError: A box has no length: pydicom would look for the next one without end.
    """
    place = 0
    while packed[place : place + 2] != b"\xff\x4f":
        (size_bytes,) = struct.unpack_from(">I", packed, place)
        is_codestream = packed[place + 4 : place + 8] == b"jp2c"
        if size_bytes < 8 and not is_codestream:
            raise ValueError("a box without a length")
        place += 8 if is_codestream else size_bytes
    return place


def _of_frame(header: Header, frame: int, macro: str) -> Header:
    """What says something of this frame: its own group of an enhanced image, that of all frames, else the header."""
    own = header.get("PerFrameFunctionalGroupsSequence") or []
    groups = [*own[frame : frame + 1], *(header.get("SharedFunctionalGroupsSequence") or [])[:1]]
    return next((group[macro][0] for group in groups if group.get(macro)), header)


def _presented(
    header: Header, values: Num[np.ndarray, "height width"], frame: int, *, name: str, decoding: DecodeSpec
) -> UInt8[np.ndarray, "height width"]:
    values, least, most = _of_modality(header, values, frame)
    voi = _of_frame(header, frame, "FrameVOILUTSequence")
    if decoding.window is not None:
        levels = apply_window(values, center=decoding.window[0], width=decoding.window[1])
    elif voi.get("VOILUTSequence"):
        results, bits = _apply_table(values, voi.VOILUTSequence[0])
        levels = _scaled(results, (0, 2**bits - 1), name)
    elif window := _window(voi):
        levels = apply_window(values, center=window[0], width=window[1], function=window[2])
    elif header.get("PixelData") is None:
        raise DataError(f"expected a window for the floating-point values of {name}, got none; give --window")
    else:
        levels = _scaled(values, (least, most), name)
    turned = header.PhotometricInterpretation == "MONOCHROME1" or header.get("PresentationLUTShape") == "INVERSE"
    return 255 - levels if turned else levels


def _of_modality(
    header: Header, values: Num[np.ndarray, "height width"], frame: int
) -> tuple[Float[np.ndarray, "height width"], float, float]:
    """Values in the modality's unit, and the least and largest that stored values could become."""
    if header.get("ModalityLUTSequence"):
        results, bits = _apply_table(values, header.ModalityLUTSequence[0])
        return results.astype(np.float64), 0.0, 2.0**bits - 1
    bits, signed = int(header.get("BitsStored", 32)), bool(header.get("PixelRepresentation", 0))
    ends = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    item = _of_frame(header, frame, "PixelValueTransformationSequence")
    slope, intercept = (float(item.get(f"Rescale{part}") or other) for part, other in (("Slope", 1), ("Intercept", 0)))
    least, most = sorted(slope * end + intercept for end in ends)
    return values * slope + intercept, least, most


def _window(voi: Header) -> tuple[float, float, Any] | None:
    """Center, width and function of the first window; a width of 0 is none."""
    values = [voi.get(f"Window{part}") for part in ("Center", "Width")]
    center, width = ([] if value in (None, "") else np.ravel(value).tolist()[:1] for value in values)
    function = str(voi.get("VOILUTFunction") or "LINEAR")
    if not center or not width or float(width[0]) <= 0:
        return None
    if function not in WINDOW_FUNCTIONS:
        raise ValueError("a function that the standard does not have")
    return float(center[0]), float(width[0]), function


def _apply_table(values: Num[np.ndarray, "height width"], table: Header) -> tuple[Num[np.ndarray, "height width"], int]:
    """What a table of the header makes of values, and how many bits its results have."""
    entries, first, bits = (int(number) for number in table.LUTDescriptor)
    entries, content = entries or 65536, table.LUTData
    if isinstance(content, bytes):
        content = np.frombuffer(content, "<u2" if len(content) >= 2 * entries else "u1")
    results = np.ravel(content)[(np.rint(values).astype(np.int64) - first).clip(0, entries - 1)]
    return results, bits


def _scaled(values: Num[np.ndarray, "..."], ends: tuple[float, float], name: str) -> UInt8[np.ndarray, "..."]:
    """Values between two ends as 0 to 255, rounded."""
    least, most = ends
    if values.min() < least or values.max() > most:
        raise DataError(f"expected values from {least:.10g} to {most:.10g} in {name}, got others; fetch it again")
    return ((values.astype(np.float64) - least) * (255 / (most - least)) + 0.5).astype(np.uint8)
