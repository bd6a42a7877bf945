"""Values of 12 bits in files of 16: an audit stops and says so, and with `bits` its numbers are the true ones."""

from pathlib import Path

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
