"""Pixels are decoded, resampled and equalized as OpenCV, numpy and PyTorch do it."""

import io
import struct
import warnings
import zlib
from contextlib import suppress
from typing import get_args

import cv2
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from negatoscope.errors import DataError
from negatoscope.pixels import Interpolation, ResizeSpec, decode, equalize, open_image, resize_image, to_array

gray_batches = arrays(np.uint8, st.tuples(st.integers(0, 3), st.integers(1, 12), st.integers(1, 12)))


@given(images=gray_batches)
def test_equalized_images_are_those_of_opencv(images: np.ndarray) -> None:
    expected = [cv2.equalizeHist(image) for image in images]
    np.testing.assert_array_equal(equalize(images), np.array(expected, dtype=np.uint8).reshape(images.shape))


def test_many_gray_levels_equalize_as_in_opencv() -> None:
    images = np.random.default_rng(0).gamma(2.0, 30.0, (5, 64, 64)).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(equalize(images), [cv2.equalizeHist(image) for image in images])


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_an_image_of_one_level_stays_as_it_is(level: int) -> None:
    images = np.full((2, 3, 4), level, dtype=np.uint8)
    np.testing.assert_array_equal(equalize(images), images)


def test_each_image_is_equalized_on_its_own_and_left_untouched() -> None:
    images = np.random.default_rng(0).integers(0, 90, (4, 8, 8), dtype=np.uint8)
    before = images.copy()
    together = equalize(images)
    np.testing.assert_array_equal(together, np.concatenate([equalize(image[None]) for image in images]))
    np.testing.assert_array_equal(images, before)
    assert together is not images


@pytest.mark.parametrize("shape", [(0, 5, 5), (3, 0, 5), (0, 0, 0)])
def test_no_pixels_equalize_to_no_pixels(shape: tuple[int, int, int]) -> None:
    assert equalize(np.zeros(shape, dtype=np.uint8)).shape == shape


@pytest.mark.parametrize("extension", [".png", ".ppm", ".bmp"])
@given(image=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9).map(lambda s: (*s, 3))))
def test_color_decodes_to_what_opencv_encoded(extension: str, image: np.ndarray) -> None:
    content = cv2.imencode(extension, image[:, :, ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode(content, name="x"), image.transpose(2, 0, 1))


@pytest.mark.parametrize("extension", [".png", ".pgm"])
def test_gray_decodes_to_one_channel(extension: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
    decoded = decode(cv2.imencode(extension, image)[1].tobytes(), name="x")
    np.testing.assert_array_equal(decoded, image[None])
    assert decoded.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("RGB", 3), ("RGBA", 3)])
def test_every_mode_is_gray_or_rgb(mode: str, channels: int) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)).convert(mode)
    assert decode(_encoded(image, "PNG"), name="x").shape == (channels, 5, 7)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "CMYK", "YCbCr", "1"])
def test_other_modes_are_what_pillow_converts_them_to(mode: str) -> None:
    colors = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    image = (colors.convert("P") if mode == "PA" else colors).convert(mode)
    if mode in ("RGBA", "LA", "PA"):
        image.putalpha(Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7)))
    kind = "TIFF" if mode in ("CMYK", "YCbCr", "PA") else "PNG"
    expected = image.convert("L" if mode in ("LA", "1") else "RGB")
    np.testing.assert_array_equal(decode(_encoded(image, kind), name="x"), to_array(expected))


def test_a_transparent_palette_loses_its_transparency_alone() -> None:
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert("P")
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=bytes(range(64)))
    np.testing.assert_array_equal(decode(stream.getvalue(), name="x"), to_array(image.convert("RGB")))


@pytest.mark.parametrize("extension", [".png", ".tiff", ".pgm", ".jp2"])
def test_16_bits_are_divided_by_257_and_rounded(extension: str) -> None:
    values = (np.arange(0, 65536, 4).reshape(128, 128) + np.arange(128) % 4).astype(np.uint16)
    parameters = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if extension == ".jp2" else []
    content = cv2.imencode(extension, values, parameters)[1].tobytes()
    np.testing.assert_array_equal(decode(content, name="x")[0], np.rint(values / 257).astype(np.uint8))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_white_is_zero_is_heeded_as_tifffile_heeds_it(bits: int, byteorder: str) -> None:
    values = np.linspace(0, 2**bits - 1, 35).astype(f"{byteorder}u{bits // 8}").reshape(5, 7)
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric="miniswhite", byteorder=byteorder)
    expected = np.rint((2**bits - 1 - values.astype(np.float64)) / (257 if bits == 16 else 1)).astype(np.uint8)
    try:
        decoded = decode(stream.getvalue(), name="x")
    except DataError:
        assert (bits, byteorder) == (16, ">"), "the one that Pillow does not read"
    else:
        np.testing.assert_array_equal(decoded[0], expected)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_values_without_a_known_range_are_refused_rather_than_clipped(dtype: type[np.generic]) -> None:
    image = Image.fromarray(np.arange(0, 40_000, 1000).reshape(5, 8).astype(dtype))
    with pytest.raises(DataError, match=r"^expected 8 or 16 bits per value in x\.tif, got Pillow's mode '[IF]"):
        decode(_encoded(image, "TIFF"), name="x.tif")


# What each EXIF orientation says of the first row and the first column, from the standard's table.
UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: np.rot90(x),
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_images_stand_upright(kind: str, orientation: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    settings = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(values).save(stream, kind, exif=exif, **settings)
    decoded = decode(stream.getvalue(), name="x").transpose(1, 2, 0)
    np.testing.assert_allclose(decoded.astype(int), UPRIGHT[orientation](values), atol=3 if kind == "JPEG" else 0)
    if kind == "JPEG":
        opencv = cv2.imdecode(np.frombuffer(stream.getvalue(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        np.testing.assert_allclose(decoded.astype(int), opencv, atol=3)


def test_a_format_that_starts_another_program_is_no_image() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "EPS")
    with pytest.raises(DataError, match=r"^expected an image in x\.png, got bytes that do not decode"):
        decode(stream.getvalue(), name="x.png")


def test_pillows_warnings_are_not_shown_and_others_are_left_alone() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff"  # counts entries that are not there
    stream = io.BytesIO()
    Image.new("L", (4, 4), 7).save(stream, "JPEG", exif=exif)
    with pytest.warns(UserWarning, match="Corrupt EXIF data"):
        Image.open(io.BytesIO(stream.getvalue())).getexif()
    filters = list(warnings.filters)
    np.testing.assert_array_equal(decode(stream.getvalue(), name="x"), np.full((1, 4, 4), 7))
    assert warnings.filters == filters


@pytest.mark.parametrize("kind", ["PNG", "PPM", "JPEG", "BMP"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.97])
def test_a_truncated_image_is_one_sentence(kind: str, share: float) -> None:
    content = _encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)), kind)
    with pytest.raises(DataError, match=r"^expected an image in 00001\.ppm, got bytes that do not decode; fetch"):
        decode(content[: int(share * len(content))], name="00001.ppm")


@given(content=st.binary(max_size=60))
def test_any_bytes_are_an_image_or_a_data_error(content: bytes) -> None:
    for head in (b"", b"P5 3 3 255\n", b"P6 2 2 255\n", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"):
        with suppress(DataError):
            assert decode(head + content, name="x").ndim == 3


@pytest.mark.parametrize("side", [8_001, 10_000, 20_000, 2_000_000_000])
def test_an_image_of_absurd_size_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(DataError, match=r"^expected (at most 64000000 pixels|an image) in x"):
        decode(_png_that_claims(side, side), name="x")


@pytest.mark.parametrize("head", [b"P6\n3 2\n255\n", b"P6 # 9 9\n3\t2 #\r#x\n255 ", b"P6\r\n 3\n\n2\n255\r"])
@pytest.mark.parametrize("tail", [b"", b"\n and more"])
def test_a_color_ppm_is_what_pillow_reads_whatever_its_header_looks_like(head: bytes, tail: bytes) -> None:
    content = head + bytes(range(10, 28)) + tail
    np.testing.assert_array_equal(decode(content, name="x"), to_array(Image.open(io.BytesIO(content))))


@given(content=st.text("0123 #\n\r56P", max_size=30).map(str.encode))
def test_a_ppm_header_of_any_kind_means_what_it_means_to_pillow(content: bytes) -> None:
    content = b"P6 " + content + bytes(12)
    try:
        expected = to_array(Image.open(io.BytesIO(content)).convert("RGB"))
    except Exception:
        with pytest.raises(DataError):
            decode(content, name="x")
    else:
        np.testing.assert_array_equal(decode(content, name="x"), expected)


def test_an_opened_image_needs_its_bytes_no_more() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 6), dtype=np.uint8)
    opened = open_image(_encoded(Image.fromarray(image), "PNG"), name="x")
    assert opened.mode == "L"
    np.testing.assert_array_equal(to_array(opened.crop((1, 2, 5, 6))), image[None, 2:6, 1:5])


def test_a_box_is_the_mean_of_the_pixels_it_covers() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (56, 56), dtype=np.uint8)
    resized = _resized(pixels, 28, "box")
    means = pixels.reshape(28, 2, 28, 2).mean(axis=(1, 3))
    # Pillow goes along rows and then along columns, and rounds to whole gray levels after each.
    np.testing.assert_allclose(resized, means, atol=1.0)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("height", "width"), [(56, 56), (45, 61), (15, 17)])
def test_smooth_filters_are_those_of_pytorch(interpolation: Interpolation, height: int, width: int) -> None:
    # No black and no white: between rows and columns Pillow cuts off what overshoots, PyTorch does not.
    pixels = np.random.default_rng(0).integers(64, 192, (height, width), dtype=np.uint8)
    resized = _resized(pixels, 28, interpolation).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(pixels)[None, None].float(), (28, 28), mode=interpolation, antialias=True, align_corners=False
    )
    np.testing.assert_allclose(resized, expected[0, 0].numpy(), atol=1.01)


def test_the_nearest_pixel_is_that_of_pytorch() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (45, 61), dtype=np.uint8)
    expected = torch.nn.functional.interpolate(torch.from_numpy(pixels)[None, None], (28, 28), mode="nearest-exact")
    np.testing.assert_array_equal(_resized(pixels, 28, "nearest"), expected[0, 0])


@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_one_pixel_fills_any_square_and_any_image_shrinks_to_one_pixel(interpolation: Interpolation) -> None:
    dot = np.full((1, 1), 77, dtype=np.uint8)
    np.testing.assert_array_equal(_resized(dot, 5, interpolation), np.full((5, 5), 77))
    color = np.zeros((3, 4, 9), dtype=np.uint8)
    assert resize_image(color, ResizeSpec(1, 1, "rgb", interpolation)).shape == (3, 1, 1)


def _resized(pixels: np.ndarray, size: int, interpolation: Interpolation) -> np.ndarray:
    return np.squeeze(resize_image(pixels[None], ResizeSpec(size, size, "gray", interpolation)), axis=0)


def _encoded(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )
