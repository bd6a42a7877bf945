"""DICOM pixels are those of the standard's order, whatever the file; a file that cannot be read is one sentence."""

import io
import random
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut
from tests.dicom_files import made

from negatoscope.data import dicom_pixels
from negatoscope.data.dicom_pixels import decode_frame, is_dicom, read_facts, unwindowed_range
from negatoscope.errors import DataError
from negatoscope.pixels import AS_STORED, DecodeSpec

HOME = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(path for path in HOME.rglob("*") if path.is_file())


def content_of(name: str) -> bytes:
    return (HOME / name).read_bytes()


def attempt(content: bytes) -> tuple[list[np.ndarray] | None, str]:
    """All frames, or None where there is no image; and the sentence of an error."""
    try:
        facts = read_facts(content, name="image 7")
        return (None if facts is None else [levels_of(content, frame) for frame in range(facts.frames)]), ""
    except DataError as error:
        assert error.__suppress_context__ or error.__context__ is None, "pydicom's own words"  # noqa: PT017
        return None, str(error)


def read_by_pydicom(content: bytes) -> Dataset:
    with warnings.catch_warnings(action="ignore"):
        return pydicom.dcmread(io.BytesIO(content), force=True)


def levels_of(content: bytes, frame: int = 0, decoding: DecodeSpec = AS_STORED) -> np.ndarray:
    return decode_frame(content, frame, name="image 7", decoding=decoding)


def reference(content: bytes, frame: int) -> np.ndarray:
    """What pydicom's own functions make of a gray frame: modality, then VOI, then as shares of what could come out."""
    data = read_by_pydicom(content)
    with warnings.catch_warnings(action="ignore"):
        values = data.pixel_array if data.get("NumberOfFrames", 1) == 1 else data.pixel_array[frame]
        values = apply_modality_lut(values, data)
        bits, signed = data.BitsStored, data.PixelRepresentation
        ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])
        ends = np.sort(ends * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0)))
        if "VOILUTSequence" in data:
            ends = np.array([0, 2 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1])
        shares = (apply_voi_lut(values, data).astype(np.float64) - ends[0]) / (ends[1] - ends[0])
    return 255 * (1 - shares if data.PhotometricInterpretation == "MONOCHROME1" else shares)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_of_pydicom_is_decoded_or_one_sentence_and_nobody_is_named(file: Path) -> None:
    content = file.read_bytes()
    frames, sentence = attempt(content)
    if sentence:
        assert sentence.startswith("expected ")
        assert "image 7" in sentence
        assert "\n" not in sentence
    if frames is None:
        assert sentence or "Rows" not in read_by_pydicom(content)
        return
    data = read_by_pydicom(content)
    assert all(frame.dtype == np.uint8 and frame.shape[1:] == (data.Rows, data.Columns) for frame in frames)
    assert all(len(frame) == (1 if "MONOCHROME" in data.PhotometricInterpretation else 3) for frame in frames)
    if "MONOCHROME" in data.PhotometricInterpretation:
        for number, frame in enumerate(frames):
            assert np.abs(frame[0] - reference(content, number)).max() <= 0.51


def test_most_files_of_pydicom_are_images_that_decode() -> None:
    assert sum(attempt(file.read_bytes())[0] is not None for file in FILES) >= 85


@pytest.mark.parametrize(
    "name",
    ["examples_palette.dcm", "examples_ybr_color.dcm", "SC_rgb_rle_16bit.dcm", "SC_ybr_full_422_uncompressed.dcm"],
)
def test_colors_are_those_of_pydicom(name: str) -> None:
    content = content_of(name)
    data = pydicom.dcmread(io.BytesIO(content))
    colors = pydicom.pixels.pixel_array(data, index=0)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        colors = apply_color_lut(colors, data)
    expected = np.rint(colors / np.iinfo(colors.dtype).max * 255).transpose(2, 0, 1)
    assert np.abs(levels_of(content) - expected).max() <= 1


@given(
    slope=st.sampled_from([1, 0.5, 2.5, -1]),
    intercept=st.sampled_from([0, -1024, 7.5]),
    window=st.sampled_from([None, (40, 400), (-600, 1500), (1000, 1), (0, 400), ([50, 300], [350, 2000])]),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    signed=st.booleans(),
    bits=st.sampled_from([10, 12, 16]),
)
def test_rescale_then_window_then_polarity_is_what_pydicom_makes(
    slope: float, intercept: float, window: Any, function: str, photometric: str, signed: bool, bits: int
) -> None:
    low = -(2 ** (bits - 1)) if signed else 0
    values = np.linspace(low, low + 2**bits - 1, 60).astype(np.int16 if signed else np.uint16).reshape(6, 10)
    elements: dict[str, Any] = {"BitsStored": bits, "HighBit": bits - 1, "PhotometricInterpretation": photometric}
    if window is not None:
        elements |= {"WindowCenter": window[0], "WindowWidth": window[1], "VOILUTFunction": function}
    content = made(values, RescaleSlope=slope, RescaleIntercept=intercept, **elements)
    if slope < 0:  # pydicom's window takes the ends of the range in the wrong order then
        mirrored = made(values, RescaleSlope=-slope, RescaleIntercept=-intercept, **elements)
        assert levels_of(content).shape == levels_of(mirrored).shape
        return
    assert np.abs(levels_of(content)[0] - reference(content, 0)).max() <= 0.51


def lut(values: np.ndarray, *, first: int, bits: int) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(values) % 65536, first, bits])
    item.add_new("LUTData", "US", values.tolist())
    return [item]


@pytest.mark.parametrize("bits", [8, 16])  # pydicom knows no others
def test_tables_of_modality_and_voi_are_looked_up_as_pydicom_does(bits: int) -> None:
    values = np.arange(40, dtype=np.uint16).reshape(4, 10)
    white = 2**bits - 1
    voi = lut(np.round(white * np.linspace(0, 1, 30) ** 2).astype(int), first=5, bits=bits)
    content = made(values, VOILUTSequence=voi)
    assert np.abs(levels_of(content)[0] - reference(content, 0)).max() <= 0.51
    modality = lut(np.linspace(0, white, 40).astype(int)[::-1], first=0, bits=bits)
    content = made(values, ModalityLUTSequence=modality)
    expected = apply_modality_lut(values, pydicom.dcmread(io.BytesIO(content))) / white * 255
    assert np.abs(levels_of(content)[0] - expected).max() <= 0.51


def test_a_table_comes_before_a_window_and_the_users_window_before_both() -> None:
    values = np.arange(40, dtype=np.uint16).reshape(4, 10)
    voi = lut(np.linspace(0, 255, 40).astype(int)[::-1], first=0, bits=8)
    both = made(values, VOILUTSequence=voi, WindowCenter=20, WindowWidth=40)
    np.testing.assert_array_equal(levels_of(both), levels_of(made(values, VOILUTSequence=voi)))
    given = levels_of(both, decoding=DecodeSpec(window=(20, 40)))
    np.testing.assert_array_equal(given, levels_of(made(values, WindowCenter=20, WindowWidth=40)))


def test_monochrome1_is_turned_after_the_window_so_that_more_is_brighter() -> None:
    values = np.arange(0, 4000, 100, dtype=np.uint16).reshape(4, 10)
    plain, turned = (
        levels_of(made(values, WindowCenter=1500, WindowWidth=2000, PhotometricInterpretation=photometric))
        for photometric in ("MONOCHROME2", "MONOCHROME1")
    )
    np.testing.assert_array_equal(turned, 255 - plain)
    shaped = made(values, WindowCenter=1500, WindowWidth=2000, PhotometricInterpretation="MONOCHROME1")
    data = pydicom.dcmread(io.BytesIO(shaped))
    data.PresentationLUTShape = "INVERSE"  # which the standard wants beside MONOCHROME1: turned once, not twice
    stream = io.BytesIO()
    data.save_as(stream)
    np.testing.assert_array_equal(levels_of(stream.getvalue()), turned)


def test_frames_of_an_enhanced_image_have_rescale_and_window_of_their_own() -> None:
    values = np.stack([np.arange(40, dtype=np.uint16).reshape(4, 10)] * 2)

    def group(slope: float, center: float) -> Dataset:
        item, rescale, voi = Dataset(), Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = slope, 0
        voi.WindowCenter, voi.WindowWidth = center, 30
        item.PixelValueTransformationSequence, item.FrameVOILUTSequence = [rescale], [voi]
        return item

    content = made(values, PerFrameFunctionalGroupsSequence=[group(1, 20), group(2, 40)])
    first = made(values[0], WindowCenter=20, WindowWidth=30)
    second = made(values[1], RescaleSlope=2, RescaleIntercept=0, WindowCenter=40, WindowWidth=30)
    np.testing.assert_array_equal(levels_of(content, 0), levels_of(first))
    np.testing.assert_array_equal(levels_of(content, 1), levels_of(second))
    shared = made(values, SharedFunctionalGroupsSequence=[group(2, 40)])
    np.testing.assert_array_equal(levels_of(shared, 1), levels_of(second))


def test_facts_are_those_of_the_header() -> None:
    values = np.zeros((3, 4, 5), np.uint16)
    facts = read_facts(made(values, PhotometricInterpretation="MONOCHROME1", BurnedInAnnotation="YES"), name="x")
    assert facts is not None
    assert (facts.frames, facts.monochrome1, facts.windowed, facts.burnt_in) == (3, True, False, True)
    facts = read_facts(made(values, WindowCenter=1, WindowWidth=2, BurnedInAnnotation="NO"), name="x")
    assert facts is not None
    assert (facts.monochrome1, facts.windowed, facts.burnt_in) == (False, True, False)


def test_the_range_of_images_without_a_window_is_in_the_modalitys_unit() -> None:
    values = np.array([[100, 2000]], np.int16)
    content = made(values, RescaleSlope=1, RescaleIntercept=-1024)
    assert unwindowed_range(content, 0, name="x") == (-924, 976, -33792, 31743)
    assert unwindowed_range(made(values, WindowCenter=1, WindowWidth=2), 0, name="x") is None
    assert unwindowed_range(made(np.zeros((2, 2), np.uint8)), 0, name="x") is None


def test_floats_have_no_range_until_a_window_gives_one() -> None:
    values = np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)
    content = made(np.zeros((4, 5), np.uint32), FloatPixelData=values.tobytes(), BitsAllocated=32)
    data = pydicom.dcmread(io.BytesIO(content))
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    stream = io.BytesIO()
    data.save_as(stream)
    with pytest.raises(DataError, match=r"^expected a window for the floating-point values of image 7, got none; give"):
        levels_of(stream.getvalue())
    assert levels_of(stream.getvalue(), decoding=DecodeSpec(window=(0, 2))).max() == 255


@pytest.mark.parametrize(
    ("elements", "sentence"),
    [
        ({"Rows": 65535, "Columns": 65535}, "expected 1 to 64000000 pixels in image 7, got 65535 x 65535"),
        ({"NumberOfFrames": 2_000_000_000}, "frames in image 7, got 2000000000"),
        ({"NumberOfFrames": -1}, "frames in image 7, got -1"),
        ({"PhotometricInterpretation": "ARGB"}, "YBR_RCT in image 7, got another kind of pixels"),
        ({"BitsAllocated": 13}, "damaged or packed in a way"),
        ({"WindowCenter": 1, "WindowWidth": 2, "VOILUTFunction": "CUBIC"}, "damaged or packed in a way"),
    ],
)
def test_absurd_headers_are_one_sentence(elements: dict[str, Any], sentence: str) -> None:
    content = made(np.zeros((4, 5), np.uint16), **elements)
    frames, said = attempt(content)
    assert frames is None
    assert sentence in said


@pytest.mark.parametrize(
    ("place", "claim"),
    [(8, struct.pack(">I", 2**31)), (12, struct.pack(">I", 2**31)), (40, struct.pack(">H", 16384))],
)
def test_a_stream_that_claims_another_size_is_refused_before_it_is_unpacked(
    place: int, claim: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = content_of("JPEG2000.dcm")
    place += content.index(b"\xff\x4f\xff\x51")
    huge = content[:place] + claim + content[place + len(claim) :]
    monkeypatch.setattr(pydicom.pixels, "pixel_array", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(DataError, match=r"^expected 1024 x 256 pixels of 1 in image 7, got others"):
        levels_of(huge)


def test_colors_of_a_kind_that_is_not_converted_are_refused() -> None:
    colors = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(levels_of(made(colors)), colors.transpose(2, 0, 1))
    for kind in ("HSV", "CMYK", "YBR_PARTIAL_422"):
        frames, sentence = attempt(made(colors, PhotometricInterpretation=kind))
        assert frames is None
        assert "image 7" in sentence


@pytest.mark.parametrize("length", [0, 1, 7, 2**32 - 1])
def test_a_box_of_absurd_length_ends_the_search_for_pixels(length: int) -> None:
    content = content_of("GDCMJ2K_TextGBR.dcm")
    assert attempt(content)[0] is not None
    place = content.index(b"jP  ") + 8  # the box behind the signature
    frames, sentence = attempt(content[:place] + struct.pack(">I", length) + content[place + 4 :])
    assert frames is None
    assert "damaged or packed in a way that cannot be read" in sentence


def test_a_deflated_file_is_unpacked_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    content = content_of("image_dfl.dcm")
    assert levels_of(content).shape == (1, 512, 512)
    monkeypatch.setattr(dicom_pixels, "MAX_BYTES", 100_000)
    for size_bytes in (0, 2**31):  # of the group before, which pydicom does not rely on
        lying = content[:140] + struct.pack("<I", size_bytes) + content[144:]
        assert "once unpacked" in attempt(lying)[1]
    with pytest.raises(DataError, match=r"of at most 100000 bytes once unpacked, got more"):
        levels_of(content)
    with pytest.raises(DataError, match=r"once unpacked"):
        read_facts(content, name="image 7")


@pytest.mark.parametrize(
    "name",
    [
        *("JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_jpeg_ls_lossless.dcm", "CT_small.dcm"),
        *("SC_rgb_rle_2frame.dcm", "examples_palette.dcm"),
    ],
)
def test_changed_bytes_are_pixels_or_one_sentence_and_nobody_is_named(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content = content_of(name)
    patient = str(pydicom.dcmread(io.BytesIO(content)).get("PatientName") or "nobody at all")
    dice = random.Random(0)
    for _ in range(60):
        changed = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(128, len(changed))] = dice.randrange(256)
        cut = bytes(changed[: dice.choice([len(changed), dice.randrange(132, len(changed))])])
        _, sentence = attempt(cut)
        assert patient not in sentence
    assert capfd.readouterr() == ("", "")


def test_what_is_no_dicom_file_is_one_sentence() -> None:
    assert not is_dicom(b"no image")
    with pytest.raises(DataError, match=r"^expected a DICOM file in image 7, got one without DICOM's first bytes"):
        read_facts(b"no image", name="image 7")
