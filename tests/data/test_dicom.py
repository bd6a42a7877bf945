"""DICOM files in folders and archives: each frame is an image, nobody is named, and what is no image is left out."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.dicom_files import made

from negatoscope.data import Dataset, LeftOut
from negatoscope.data.dicom import DicomImages, DicomSummary, summarize_dicom
from negatoscope.data.image_folder import open_folder
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError, InputError, MissingExtraError
from negatoscope.pixels import DecodeSpec, apply_window

Encode = Callable[..., tuple[bytes, np.ndarray]]
Pack = Callable[[Path, Mapping[str, bytes]], Path]

RAMP = np.arange(0, 4000, 50, dtype=np.uint16).reshape(8, 10)
WINDOW = {"WindowCenter": 2000, "WindowWidth": 4000}
FILES = {
    "sick/Roe_Jane.dcm": made(RAMP, **WINDOW),
    "sick/1.2.840.113619.2": made(RAMP, PhotometricInterpretation="MONOCHROME1", **WINDOW),
    "well/IM0001": made(np.stack([RAMP, RAMP + 1, RAMP + 2]), BurnedInAnnotation="YES"),
}


@pytest.mark.parametrize("kind", ["hospital", "hospital.zip", "hospital.tar", "hospital.tar.gz"])
def test_folders_and_archives_hold_dicom_files_of_any_name(kind: str, tmp_path: Path, pack: Pack) -> None:
    dataset = open_dataset(str(pack(tmp_path / kind, FILES)))
    assert dataset.class_names == ("sick", "well")
    assert sorted(dataset.labels.tolist()) == [0, 0, 1, 1, 1]
    assert dataset.private
    assert summarize_dicom(dataset) == DicomSummary(images=5, files=3, monochrome1=1, unwindowed=3, burnt_in=3)
    images = dict(zip(dataset.names, dataset.images, strict=True))
    plain = apply_window(RAMP, center=2000, width=4000)
    np.testing.assert_array_equal(images["sick/Roe_Jane.dcm"][0], plain)
    np.testing.assert_array_equal(images["sick/1.2.840.113619.2"][0], 255 - plain)
    assert [name for name in images if "IM" in name] == [f"well/IM0001, frame {number}" for number in range(3)]


def test_frames_of_one_file_are_one_track_and_a_sample_has_facts_of_its_own(tmp_path: Path, pack: Pack) -> None:
    dataset = open_dataset(str(pack(tmp_path / "hospital", FILES)))
    assert dataset.tracks is not None
    assert len(set(dataset.tracks[dataset.labels == 1].tolist())) == 1
    assert len(set(dataset.tracks.tolist())) == 3
    assert dataset.samples.tolist() == [0, 1, 2, 3, 4]
    chosen = dataset.take(np.array([0, 4]), split="test (2 of 5)")
    assert summarize_dicom(chosen) == DicomSummary(images=2, files=2, monochrome1=1, unwindowed=1, burnt_in=1)
    single = open_dataset(str(pack(tmp_path / "single", {name: FILES[name] for name in list(FILES)[:2]})))
    assert single.tracks is None


def test_a_window_of_the_user_reads_every_frame(tmp_path: Path, pack: Pack) -> None:
    dataset = open_dataset(str(pack(tmp_path / "hospital", FILES))).decoded(DecodeSpec(window=(500, 800)))
    for image, name in zip(dataset.images, dataset.names, strict=True):
        levels = apply_window(RAMP + int(name[-1]) if "frame" in name else RAMP, center=500, width=800)
        np.testing.assert_array_equal(image[0], 255 - levels if "840" in name else levels)


def test_dicom_files_say_how_many_bits_they_use_and_a_user_does_not(tmp_path: Path, pack: Pack) -> None:
    dataset = open_dataset(str(pack(tmp_path / "hospital", FILES)))
    sentence = r"^expected --bits 16 or none for .*hospital, whose DICOM files say how many bits they use, got 12; give"
    with pytest.raises(InputError, match=sentence):
        dataset.decoded(DecodeSpec(bits=12))
    insisting = dataset.decoded(DecodeSpec(bits=16))
    np.testing.assert_array_equal(insisting.images[0], dataset.images[0])


def test_other_images_beside_dicom_files_stay_what_they_are(tmp_path: Path, pack: Pack, encode: Encode) -> None:
    content, pixels = encode(0)
    dataset = open_dataset(str(pack(tmp_path / "mixed", {**FILES, "well/a.png": content, "well/LICENSE": b"free"})))
    position = dataset.names.index("well/a.png")
    np.testing.assert_array_equal(dataset.images[position], pixels)
    assert dataset.left_out == (LeftOut(1, "file", "without a known ending"),)
    assert (summarize_dicom(dataset) or pytest.fail("none")).images == 5


def test_files_without_an_ending_that_are_not_dicom_are_left_out(tmp_path: Path, pack: Pack, encode: Encode) -> None:
    content, pixels = encode(0)
    files = {"cat/LICENSE": b"free", "cat/a.png": content, "dog/b.png": content, "dog/2024": b""}
    dataset = open_dataset(str(pack(tmp_path / "pets", files)))
    assert dataset.names == ("cat/a.png", "dog/b.png")
    assert not dataset.private
    assert dataset.left_out == (LeftOut(2, "file", "without a known ending"),)
    np.testing.assert_array_equal(dataset.images[1], pixels)
    assert summarize_dicom(dataset) is None


def test_reports_and_plans_are_no_images(tmp_path: Path, pack: Pack) -> None:
    import pydicom

    plan = (Path(pydicom.__file__).parent / "data" / "test_files" / "rtplan.dcm").read_bytes()
    dataset = open_dataset(str(pack(tmp_path / "hospital", {**FILES, "sick/Roe_Jane_plan.dcm": plan})))
    assert len(dataset) == 5
    assert dataset.left_out == (LeftOut(1, "file", "of DICOM without an image"),)
    with pytest.raises(DataError, match=r"^expected images in folder:plans, got 1 file of DICOM without an image; add"):
        open_dataset(str(pack(tmp_path / "plans", {"sick/plan.dcm": plan})))


def test_errors_have_numbers_and_no_names(tmp_path: Path, pack: Pack) -> None:
    top = pack(
        tmp_path / "hospital",
        {**FILES, "sick/Roe_Jane_2.dcm": b"no image", "sick/Roe_Jane_3.dcm": FILES["sick/Roe_Jane.dcm"]},
    )
    dataset = open_folder(str(top), "test")
    (top / "sick" / "Roe_Jane_3.dcm").unlink()
    for name, sentence in (
        ("Roe_Jane_2", "expected a DICOM file in image"),
        ("Roe_Jane_3", "expected a readable file of image"),
    ):
        (position,) = (index for index, each in enumerate(dataset.names) if name in each)
        with pytest.raises(DataError, match=rf"^{sentence} {position}") as caught:
            dataset.images[position]
        assert "Roe" not in str(caught.value)


def test_without_pydicom_its_files_are_left_out_with_what_to_install(
    tmp_path: Path, pack: Pack, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    mixed = open_dataset(str(pack(tmp_path / "mixed", {**FILES, "well/a.png": encode(0)[0]})))
    assert mixed.names == ("well/a.png",)
    ((n, why),) = ((entry.n, entry.why) for entry in mixed.left_out)
    assert n == 3
    assert "dicom" in why
    with pytest.raises((DataError, MissingExtraError), match=r"pip install .*dicom"):
        open_dataset(str(pack(tmp_path / "alone", FILES)))


def test_frames_in_a_row_read_their_file_once(tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset: Dataset = open_dataset(str(pack(tmp_path / "hospital", FILES)))
    container = dataset.images.container  # type: ignore[union-attr]
    assert isinstance(container, DicomImages)
    reads: list[int] = []
    inner = container.files.read
    monkeypatch.setattr(container.files, "read", lambda position: [reads.append(position), inner(position)][1])
    for _ in dataset.images:
        pass
    assert len(reads) == 3


@pytest.mark.parametrize("kind", ["scans", "scans.zip", "scans.tar.gz"])
def test_labels_may_stand_beside_dicom_files(kind: str, tmp_path: Path, pack: Pack) -> None:
    files = {"a.dcm": FILES["sick/Roe_Jane.dcm"], "IM01": FILES["well/IM0001"], "c.dcm": FILES["sick/Roe_Jane.dcm"]}
    (tmp_path / "labels.csv").write_text("file_name,label\na.dcm,sick\nIM01,well\n")
    dataset = open_dataset(str(pack(tmp_path / kind, files)), labels=tmp_path / "labels.csv")
    assert dataset.private
    assert sorted(dataset.labels.tolist()) == [0, 1, 1, 1]
    assert [entry.n for entry in dataset.left_out] == [1]
    assert summarize_dicom(dataset) == DicomSummary(images=4, files=2, monochrome1=0, unwindowed=3, burnt_in=3)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("Doe.dcm,sick", "labels in labels.csv for images of scans, got paths of none of them; correct it"),
        ("Roe_1.dcm,", "labels in labels.csv, got none of an image; fill the column"),
        ("Roe_1.dcm,sick\nRoe_1.dcm,well", "one label for path 2 in labels.csv, got 'sick' and 'well'; correct it"),
        ("../Roe_1.dcm,sick", "paths of images inside scans in labels.csv, got path 1"),
        ("Roe_1.dcm,sick\nIM01,well", "one image for path 2 of labels.csv, got 2; write the whole path"),
    ],
)
def test_a_table_of_labels_that_does_not_fit_names_no_dicom_file(
    rows: str, sentence: str, tmp_path: Path, pack: Pack
) -> None:
    names = ("Roe_1.dcm", "a/IM01", "b/IM01")
    scans = pack(tmp_path / "scans", dict.fromkeys(names, FILES["sick/Roe_Jane.dcm"]))
    (tmp_path / "labels.csv").write_text(f"file_name,label\n{rows}\n")
    with pytest.raises(DataError, match=f"^expected {re.escape(sentence)}$"):
        open_dataset(str(scans), labels=tmp_path / "labels.csv")
