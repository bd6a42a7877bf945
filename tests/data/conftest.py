"""Real files to read: images in their formats, in folders and archives."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from negatoscope.data import DataLocator, gtsrb
from negatoscope.data.zips import ZipMembers

Encode = Callable[..., tuple[bytes, np.ndarray]]


@pytest.fixture(scope="session")
def encode() -> Encode:
    """Makes an image of noise: the bytes of its file, and its pixels, channels first."""

    def make(seed: int, size: tuple[int, ...] = (6, 5, 3), kind: str = "PNG") -> tuple[bytes, np.ndarray]:
        values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(values).save(stream, kind)
        return stream.getvalue(), values[None] if values.ndim == 2 else values.transpose(2, 0, 1)

    return make


Pack = Callable[[Path, Mapping[str, bytes]], Path]


@pytest.fixture(scope="session")
def pack() -> Pack:
    """Packs files by name into a folder or an archive; a name that ends in "/" is a folder."""

    def make(path: Path, files: Mapping[str, bytes]) -> Path:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
                for name, content in files.items():
                    opened.writestr(name, content)
        elif path.suffix in (".tar", ".gz", ".tgz"):
            with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
                for name, content in files.items():
                    member = tarfile.TarInfo(name)
                    member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        else:
            for name, content in files.items():
                place = path / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.mkdir() if name.endswith("/") else place.write_bytes(content)
        return path

    return make


@pytest.fixture(scope="session")
def real_training() -> tuple[ZipMembers, list[gtsrb.Sign]]:
    """The official training images of GTSRB and their tables, read once for the tests that look at them."""
    members = ZipMembers(DataLocator(download=False).find("gtsrb")[gtsrb.TRAIN_IMAGES].path)
    return members, gtsrb.read_training_table(members)
