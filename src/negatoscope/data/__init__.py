"""Real images with labels: where they come from, and how they are prepared, split and cached."""

from dataclasses import replace
from pathlib import Path

from negatoscope.data.base import Dataset, LeftOut, OwnSizeImages, SourceFile
from negatoscope.data.locator import DataLocator
from negatoscope.data.sources import DATASETS, register_dataset
from negatoscope.errors import SpecError
from negatoscope.registry import Spec

__all__ = [
    "DATASETS",
    "DataLocator",
    "Dataset",
    "LeftOut",
    "OwnSizeImages",
    "SourceFile",
    "load_dataset",
    "register_dataset",
]


def load_dataset(text: str, *, split: str, data_dir: Path | None = None, download: bool = True) -> Dataset:
    """One split of a dataset, from files at hand or by download.

    Args:
        text: A spec such as "mnist", "gtsrb(prepare='paper')" or "folder:PATH", which is short for
            "folder(path='PATH')".
        split: "train" or "test".
        data_dir: A folder to look into first.
        download: Whether to fetch what is nowhere at hand.

    Raises:
        SpecError: The dataset, one of its arguments or the split is unknown.
        DataNotFoundError: There is no copy and none can be fetched.
        DataError: A copy is damaged or not what it claims to be.
    """
    if split not in ("train", "test"):
        raise SpecError(f"expected the split train or test, got {split!r}")
    locator = DataLocator(data_dir, download=download)
    if text.startswith("folder:"):
        text = str(Spec("folder", {"path": text.removeprefix("folder:")}))
    spec, loader = DATASETS.resolve(text)
    dataset: Dataset = loader(locator, split)
    return replace(dataset, spec=str(spec)) if dataset.spec == spec.name else dataset
