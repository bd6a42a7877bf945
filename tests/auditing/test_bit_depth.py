"""Values of 12 bits in files of 16: an audit stops and says so, and with `bits` its numbers are the true ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import nn

from negatoscope.auditing.audit import audit
from negatoscope.errors import InputError


def write(folder: Path, kind: str, images: np.ndarray, labels: np.ndarray, *, white: int) -> Path:
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / str(label) / f"{index:04d}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.rint(image * white).astype(np.uint16)
        Image.fromarray(values).save(path) if kind == "png" else tifffile.imwrite(path, values)
    return folder


SETTINGS = {"suite": "none", "transforms": ["negative"], "size": 8, "channels": "gray"}


def true_accuracies(reader: nn.Module, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    inputs = torch.from_numpy(images)[:, None].float()
    with torch.no_grad():
        clean, negative = (float((reader(x).argmax(1).numpy() == labels).mean()) for x in (inputs, 1 - inputs))
    return clean, negative


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_12_bits_in_files_of_16_give_the_true_accuracy_of_negatives(
    kind: str, reader: nn.Module, digits: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    images, labels = (array[1200:] for array in digits)
    folder = write(tmp_path / "digits", kind, images, labels, white=4095)
    with pytest.raises(InputError, match=r"none above 4095 in 256 of them; give --bits 12, or --bits 16 if they are"):
        audit(reader, folder, **SETTINGS)
    result = audit(reader, folder, bits=12, **SETTINGS)
    clean, negative = true_accuracies(reader, images, labels)
    assert negative > 0.9
    assert result.clean.accuracy == pytest.approx(clean, abs=0.004)
    assert result.transforms["negative"].accuracy == pytest.approx(negative, abs=0.004)
    assert result.summary.dataset.decoding.bits == 12
    assert "bits=12" in result.summary.provenance.command


def test_dark_colors_of_16_bits_are_to_be_converted(
    reader: nn.Module, digits: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    for index, (image, label) in enumerate(zip(*(array[:30] for array in digits), strict=True)):
        path = tmp_path / "digits" / str(label) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.rint(np.stack([image] * 3, axis=2) * 4095).astype(np.uint16))[1])
    with pytest.raises(InputError, match=r"none above 4095 in 30 of them, of which only .* 8 bits, or give --bits 16"):
        audit(reader, tmp_path / "digits", **SETTINGS)


def test_a_few_bright_values_are_enough_and_bits_16_insists(
    reader: nn.Module, digits: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    images, labels = (array[:60] for array in digits)
    folder = write(tmp_path / "digits", "png", images, labels, white=4095)
    assert audit(reader, folder, bits=16, expect_accuracy=0, **SETTINGS).summary.dataset.decoding.bits == 16
    path = next(folder.rglob("*.png"))
    Image.fromarray(np.full((8, 8), 20_000, np.uint16)).save(path)
    assert audit(reader, folder, expect_accuracy=0, **SETTINGS).summary.dataset.decoding.bits is None
