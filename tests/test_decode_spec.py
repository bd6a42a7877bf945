"""Bit depths and windows: what a file says counts, then what the user says, and nothing is clipped in silence."""

import io

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing

from negatoscope.errors import DataError, InputError
from negatoscope.pixels import DecodeSpec, apply_window, decode, peak_of_16_bits

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def encoded(values: np.ndarray, kind: str) -> bytes:
    if kind != "tiff":
        return bytes(cv2.imencode(f".{kind}", values)[1].tobytes())
    stream = io.BytesIO()
    tifffile.imwrite(stream, values)
    return stream.getvalue()


def tiff_of_12_bits(values: np.ndarray) -> bytes:
    """A TIFF in which two values share three bytes, as the TIFF 6.0 specification packs them."""
    high, low = values.reshape(-1, 2).astype(np.uint32).T
    packed = np.stack([high >> 4, (high & 15) << 4 | low >> 8, low & 255], axis=1).astype(np.uint8).tobytes()
    height, width = values.shape
    tags = ((256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 122), (277, 1), (278, height))
    entries = b"".join(
        np.array([tag, 4], "<u2").tobytes() + np.array([1, value], "<u4").tobytes()
        for tag, value in (*tags, (279, len(packed)))
    )
    header = b"II*\0" + np.array([8], "<u4").tobytes() + np.array([9], "<u2").tobytes() + entries
    return header + bytes(4) + packed


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_white_is_the_largest_value_of_so_many_bits(kind: str, bits: int) -> None:
    white = 2**bits - 1
    values = np.linspace(0, white, 4096).round().astype(np.uint16).reshape(64, 64)
    levels = decode(encoded(values, kind), name="x", decoding=DecodeSpec(bits))[0]
    np.testing.assert_array_equal(levels, np.floor(values / white * 255 + 0.5).astype(np.uint8))
    assert (levels.min(), levels.max()) == (0, 255)


def test_a_tiff_that_says_12_bits_needs_no_option() -> None:
    expected = np.floor(RAMP / 4095 * 255 + 0.5).astype(np.uint8)
    for decoding in (DecodeSpec(), DecodeSpec(16), DecodeSpec(12)):
        np.testing.assert_array_equal(decode(tiff_of_12_bits(RAMP), name="x", decoding=decoding)[0], expected)
    assert peak_of_16_bits(tiff_of_12_bits(RAMP), name="x") is None


def test_white_is_zero_is_turned_within_the_bits() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, RAMP, photometric="miniswhite")
    levels = decode(stream.getvalue(), name="x", decoding=DecodeSpec(12))[0]
    np.testing.assert_array_equal(levels, decode(encoded(4095 - RAMP, "tiff"), name="x", decoding=DecodeSpec(12))[0])


def test_formats_that_say_their_largest_value_are_not_read_otherwise() -> None:
    pgm = b"P5 64 64 4095\n" + RAMP.astype(">u2").tobytes()
    np.testing.assert_array_equal(decode(pgm, name="x"), decode(pgm, name="x", decoding=DecodeSpec(12)))
    assert decode(pgm, name="x").max() == 255
    assert peak_of_16_bits(pgm, name="x") is None


def test_a_value_beyond_the_bits_is_an_error_and_not_clipped() -> None:
    with pytest.raises(DataError, match=r"^expected values up to 1023 in x\.png, as --bits says, got 4095; give more"):
        decode(encoded(RAMP, "png"), name="x.png", decoding=DecodeSpec(10))


def test_images_of_8_bits_have_them_whatever_is_said_of_others() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(decode(encoded(image, "png"), name="x", decoding=DecodeSpec(12))[0], image)
    assert peak_of_16_bits(encoded(image, "png"), name="x") is None


def test_the_peak_is_the_largest_value_and_of_colors_what_their_upper_bytes_allow() -> None:
    assert peak_of_16_bits(encoded(RAMP, "png"), name="x") == (4095, False)
    assert peak_of_16_bits(encoded(np.full((2, 2), 40_000, np.uint16), "tiff"), name="x") == (40_000, False)
    color = np.stack([RAMP, RAMP, RAMP, np.full_like(RAMP, 65535)], axis=2)
    for channels in (3, 4):  # transparency does not count
        assert peak_of_16_bits(encoded(color[..., :channels], "png"), name="x") == (4095, True)


def test_colors_of_16_bits_have_no_lower_byte_that_bits_could_count() -> None:
    color = encoded(np.stack([RAMP] * 3, axis=2), "png")
    with pytest.raises(DataError, match=r"^expected gray in x\.png for --bits, got 16 bits of color or trans"):
        decode(color, name="x.png", decoding=DecodeSpec(12))
    np.testing.assert_array_equal(decode(color, name="x", decoding=DecodeSpec(16)), decode(color, name="x"))
    assert decode(color, name="x").max() == 15


@given(
    values=arrays(np.int16, (5, 6)),
    center=st.floats(-3000, 3000).map(lambda x: round(x, 1)),
    width=st.floats(1, 5000).map(lambda x: round(x, 1)),
)
def test_a_window_is_that_of_pydicom(values: np.ndarray, center: float, width: float) -> None:
    facts = Dataset()
    facts.WindowCenter, facts.WindowWidth = center, width
    facts.PhotometricInterpretation, facts.BitsStored, facts.PixelRepresentation = "MONOCHROME2", 16, 1
    expected = (apply_windowing(values, facts).astype(np.float64) + 32768) / 65535 * 255
    levels = apply_window(values, center=center, width=width)
    assert np.abs(levels - expected).max() <= 0.51


def test_a_window_gives_floats_and_signed_values_a_range() -> None:
    hounsfield = np.array([[-2000, -1000, -600], [-500, 0, 900]])
    for dtype in (np.int16, np.float32):
        stream = io.BytesIO()
        tifffile.imwrite(stream, hounsfield.astype(dtype))
        with pytest.raises(DataError, match="give --window CENTER,WIDTH"):
            decode(stream.getvalue(), name="x")
        levels = decode(stream.getvalue(), name="x", decoding=DecodeSpec(window=(-600, 1500)))[0]
        np.testing.assert_array_equal(levels, apply_window(hounsfield, center=-600, width=1500))


@pytest.mark.parametrize("kind", ["png", "ppm"])
def test_a_window_is_for_one_channel_of_plain_values(kind: str) -> None:
    color = encoded(np.zeros((4, 4, 3), np.uint8), kind)
    with pytest.raises(DataError, match=r"^expected one channel of plain values in x for --window"):
        decode(color, name="x", decoding=DecodeSpec(window=(40, 400)))


@pytest.mark.parametrize(
    ("bits", "window", "sentence"),
    [
        (7, None, r"^expected --bits from 8 to 16, got 7"),
        (17, None, r"^expected --bits from 8 to 16, got 17"),
        (12, "40,400", r"^expected --bits or --window, got both"),
        (None, "40", r"^expected --window to be CENTER,WIDTH, such as 40,400, got '40'"),
        (None, "40,wide", r"^expected --window to be CENTER,WIDTH"),
        (None, (40, 0.5), r"^expected --window of width 1 or more, got \(40.0, 0.5\)"),
        (None, "nan,400", r"^expected --window of width 1 or more"),
        (None, 5, r"^expected --window to be CENTER,WIDTH"),
    ],
)
def test_what_is_no_depth_and_no_window_is_one_sentence(bits: int | None, window: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        DecodeSpec.of(bits, window)


def test_a_text_and_two_numbers_are_the_same_window() -> None:
    assert DecodeSpec.of(None, "-600, 1500") == DecodeSpec.of(None, [-600, 1500]) == DecodeSpec(window=(-600.0, 1500.0))


def test_pillow_reads_what_was_packed() -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(tiff_of_12_bits(RAMP)))), RAMP)
