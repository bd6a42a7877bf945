"""Images without labels: one file, or a folder of files that no folder sorts into classes."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from negatoscope.data import DATASETS
from negatoscope.data.base import Dataset, SourceFile
from negatoscope.data.class_folders import SUFFIXES, has_no_suffix, passed_over
from negatoscope.data.containers import FolderFiles, LazyImages, StoreFiles, opening, printable
from negatoscope.data.dicom import with_dicom
from negatoscope.data.dicom_pixels import is_dicom
from negatoscope.data.open import open_dataset
from negatoscope.errors import UndividedError
from negatoscope.stores import AnyPath, StorePath, path_of, size_of


def open_images(data: Any, *, split: str = "test", data_dir: Path | None = None) -> Dataset:
    """Images with or without labels: what `open_unlabeled` or `open_dataset` takes, or a dataset.

    Args:
        data: The images.
        split: The split of data with labels, where they name none; data without splits are taken whole.
        data_dir: A folder to look into first for the files of a spec.

    Raises:
        DataError: They cannot be opened.
    """
    if isinstance(data, Dataset):
        return data
    unlabeled = open_unlabeled(data) if isinstance(data, str | Path) else None
    try:
        return unlabeled or open_dataset(data, split=split, data_dir=data_dir)
    except UndividedError:
        return replace(open_dataset(data, data_dir=data_dir), split=split)


def open_unlabeled(data: str | Path) -> Dataset | None:
    """An image file, or a folder that holds images and no folders; None where it is something else.

    Every image has the label 0, which means nothing, and there are no class names. DICOM files are not named.

    Raises:
        DataError: The folder or the file cannot be read.
    """
    text = str(data).removeprefix("folder:")
    path = path_of(text)
    if text in DATASETS.names() or not path.exists():
        return None
    entries = [path] if path.is_file() else _files(path)
    files = [entry for entry in entries if _is_image(entry)]
    if not files:
        return None
    names = [file.name for file in files]
    top = files[0].parent
    container = (
        StoreFiles(top, {file.name: size_of(file) for file in files})
        if isinstance(top, StorePath)
        else FolderFiles(top, names)
    )
    dataset = Dataset(
        spec=printable(path.resolve().name),
        split="without labels",
        images=LazyImages(container, np.arange(len(names))),
        labels=np.zeros(len(names), dtype=np.int64),
        class_names=(),
        samples=np.arange(len(names)),
        files=tuple(map(SourceFile.of_user, files)),
        names=tuple(map(printable, names)),
        left_out=passed_over(sorted({entry.name for entry in entries} - set(names))),
    )
    dataset = with_dicom(dataset)
    if not dataset.private:
        return dataset
    digest = sha256("".join(file.sha256 for file in dataset.files).encode()).hexdigest()
    return replace(dataset, spec="DICOM images", files=(SourceFile("DICOM files", digest, official=None),))


def _files(folder: AnyPath) -> list[AnyPath]:
    """The files of a folder in the order of their names; none where it holds folders."""
    with opening(folder, "a folder"):
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        return [] if any(entry.is_dir() for entry in entries) else entries


def _is_image(path: AnyPath) -> bool:
    if path.name.lower().endswith(SUFFIXES):
        return True
    if not has_no_suffix(path.name) or not path.is_file():
        return False
    with opening(path.parent, "readable files"), path.open("rb") as file:
        return is_dicom(file.read(132))  # its first bytes, of which the last four say so
