"""An audit of DICOM files: true numbers, one polarity, what was done to whom in the report, and nobody named."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tests.dicom_files import PATIENT, made
from torch import nn

from negatoscope.auditing.audit import audit
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.cli.main import run
from negatoscope.errors import InputError

SETTINGS: dict[str, Any] = {"suite": "none", "transforms": ["negative"], "size": 8, "channels": "gray"}
Digits = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def hospital(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``hospital(windowed=True, BurnedInAnnotation="YES")``: digits of 12 bits, each third one MONOCHROME1."""

    def write(*, windowed: bool = True, n: int = 120, **elements: Any) -> Path:
        top = tmp_path_factory.mktemp("data") / "hospital"
        window = {"WindowCenter": 2048, "WindowWidth": 4096} if windowed else {}
        for index, (image, label) in enumerate(zip(*(array[1200 : 1200 + n] for array in digits), strict=True)):
            values = np.rint(image * 4095).astype(np.uint16)
            turned = index % 3 == 0
            kind = {"PhotometricInterpretation": "MONOCHROME1"} if turned else {}
            path = top / str(label) / f"Roe^Jane_{index}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made(4095 - values if turned else values, **kind, **window, **elements))
        return top

    return write


def accuracies(reader: nn.Module, digits: Digits, *, n: int = 120) -> tuple[float, float]:
    images, labels = (torch.from_numpy(array[1200 : 1200 + n]) for array in digits)
    inputs = images[:, None].float()
    with torch.no_grad():
        clean, negative = (float((reader(x).argmax(1) == labels).float().mean()) for x in (inputs, 1 - inputs))
    return clean, negative


def texts_of(result: AuditResult) -> str:
    """Everything that an audit has written, tables as their values."""
    files = [path for path in result.out.rglob("*") if path.is_file()]
    tables = [str(pq.read_table(path).to_pylist()) for path in files if path.suffix == ".parquet"]
    return "\n".join([*(path.read_bytes().decode("latin-1") for path in files), *tables, *map(str, files)])


def test_both_polarities_are_one_and_counted_and_nobody_is_named(
    reader: nn.Module, digits: Digits, hospital: Callable[..., Path], tmp_path: Path
) -> None:
    result = audit(reader, hospital(), out=tmp_path / "out", **SETTINGS)
    clean, negative = accuracies(reader, digits)
    assert (clean, negative) > (0.9, 0.9)
    assert result.clean.accuracy == pytest.approx(clean, abs=0.009)
    assert result.transforms["negative"].accuracy == pytest.approx(negative, abs=0.009)
    report = (result.out / "report.html").read_text(encoding="utf-8")
    assert "40 of 120 images are MONOCHROME1" in report.replace("\u00a0", " ")
    assert {"pydicom", "openjpeg"} <= result.summary.provenance.versions.keys()
    assert result.summary.dataset.dicom is not None
    assert (result.summary.dataset.dicom.monochrome1, result.summary.dataset.dicom.images) == (40, 120)
    written = texts_of(result)
    assert not [word for word in (*PATIENT, "Roe", "Jane") if word in written]
    assert list((result.out / "gallery").glob("*.png"))


def test_where_text_may_be_burnt_in_no_picture_is_shown(
    reader: nn.Module, hospital: Callable[..., Path], tmp_path: Path
) -> None:
    result = audit(reader, hospital(BurnedInAnnotation="YES"), out=tmp_path / "out", **SETTINGS)
    assert result.transforms["negative"].lost > 0
    assert list((result.out / "gallery").glob("*.png")) == []
    report = (result.out / "report.html").read_text(encoding="utf-8")
    assert "data:image/png" not in report
    assert "no pictures are shown" in report.replace("\u00a0", " ")


def test_names_are_kept_in_one_table_where_that_is_asked_for(
    reader: nn.Module, hospital: Callable[..., Path], tmp_path: Path
) -> None:
    result = audit(reader, hospital(n=60), out=tmp_path / "out", keep_names=True, **SETTINGS)
    names = pq.read_table(result.out / "images.parquet")["name"].to_pylist()
    assert sorted(name.partition("/")[2] for name in names) == sorted(f"Roe^Jane_{index}.dcm" for index in range(60))
    for file in ("report.html", "summary.json", "provenance.json", "junit.xml", "gallery/gallery.json"):
        assert "Roe" not in (result.out / file).read_text(encoding="utf-8")


def test_values_that_use_a_part_of_their_range_need_a_window(
    reader: nn.Module, digits: Digits, hospital: Callable[..., Path], tmp_path: Path
) -> None:
    folder = hospital(windowed=False)
    with pytest.raises(
        InputError, match=r"got 120 of 120 in .* from 0 to 4095, nearly one gray; give --window=2048,4096, or"
    ):
        audit(reader, folder, **SETTINGS)
    result = audit(reader, folder, window=(2048, 4096), out=tmp_path / "out", **SETTINGS)
    assert result.clean.accuracy == pytest.approx(accuracies(reader, digits)[0], abs=0.009)
    report = (result.out / "report.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "120 of 120 images are without a window of their own" in report


def test_a_few_images_that_use_their_range_do_not_hide_the_others(
    reader: nn.Module, hospital: Callable[..., Path]
) -> None:
    folder = hospital(windowed=False, n=60)
    for path in sorted(folder.rglob("*.dcm"))[:20]:
        path.write_bytes(made(np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)))
    with pytest.raises(InputError, match=r"got 40 of 60 in folder:hospital from 0 to 4095, nearly one gray"):
        audit(reader, folder, **SETTINGS)


def test_bits_that_the_header_states_need_no_option(
    reader: nn.Module, digits: Digits, hospital: Callable[..., Path]
) -> None:
    result = audit(reader, hospital(windowed=False, BitsStored=12, HighBit=11), **SETTINGS)
    assert result.clean.accuracy == pytest.approx(accuracies(reader, digits)[0], abs=0.009)


READER = """
import torch

class Reader(torch.nn.Module):
    def forward(self, images):
        return 20 * torch.stack([images.mean((1, 2, 3)), 1 - images.mean((1, 2, 3))], dim=1)
"""


def test_the_terminal_counts_and_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "two_readers.py").write_text(READER)
    for label, level in enumerate((3500, 400)):
        for index in range(20):
            path = tmp_path / "hospital" / "bd"[label] / f"Roe_Jane_{index}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = {"PhotometricInterpretation": "MONOCHROME1"} if index < 6 else {}
            values = np.full((8, 8), 4095 - level if kind else level, np.uint16)
            path.write_bytes(made(values, WindowCenter=2048, WindowWidth=4096, **kind) if index else b"damaged")
    (tmp_path / "hospital" / "b" / "Roe_Jane.npy").write_bytes(b"")
    words = ("--size", "8", "--channels", "gray", "--suite", "none", "--transform", "negative", "--max-unreadable", "2")
    monkeypatch.setattr(sys, "argv", ["negatoscope", "audit", "two_readers:Reader", "--data", "hospital", *words])
    with pytest.raises(SystemExit) as left:
        run()
    out, err = capsys.readouterr()
    assert left.value.code == 0, err
    assert "10 of 38 images are MONOCHROME1" in " ".join(err.split())
    assert "1 file skipped: 1 ending in .npy." in " ".join(err.split())
    assert "Roe" not in out + err
    assert "expected a DICOM file in image 0" in " ".join(out.split())
