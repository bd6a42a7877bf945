"""The same images, in a folder or in memory, are the same audit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

import negatoscope as ng
from negatoscope.data import Dataset
from negatoscope.errors import InputError
from negatoscope.rows import SCHEMA
from negatoscope.types import Images, Logits

SETTINGS: dict[str, Any] = {
    "size": 12,
    "channels": "gray",
    "suite": "none",
    "transforms": ("negative", "noise(l2=2.0)"),
}


def brightest_bar(images: Images) -> Logits:
    rows = images.mean(dim=(1, 3))
    return 9 * torch.stack([rows[:, :3].mean(1), rows[:, 3:6].mean(1), rows[:, 6:9].mean(1)], dim=1)


@pytest.fixture(scope="module")
def bars(make_dataset: Callable[..., Dataset]) -> Dataset:
    dataset = make_dataset(60, split="test")
    return dataset.take(np.argsort(dataset.labels, kind="stable"), split="test")


@pytest.fixture(scope="module")
def folder(bars: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("data") / "images"
    for index, (image, label) in enumerate(zip(bars.images, bars.labels, strict=True)):
        file = top / bars.class_names[label] / f"{index:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(file)
    return top


def rows(data: Any, **settings: Any) -> pa.Table:
    result = ng.audit(brightest_bar, data, **SETTINGS, **settings)
    assert result.clean.accuracy == 1.0
    return result.rows().select([name for name in SCHEMA.names if name != "dataset"])


@pytest.fixture(scope="module")
def of_folder(folder: Path) -> pa.Table:
    return rows(folder, limit=40)


def pictures(bars: Dataset) -> list[Image.Image]:
    return [Image.fromarray(np.asarray(image)[0]) for image in bars.images]


def hugging_face(bars: Dataset) -> datasets.Dataset:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(bars.class_names))}
    )
    return datasets.Dataset.from_dict({"image": pictures(bars), "label": bars.labels.tolist()}, features=features)


FORMS: dict[str, Callable[[Dataset], Any]] = {
    "from_arrays": lambda bars: ng.Dataset.from_arrays(bars.images, bars.labels, bars.class_names, name="bars"),
    "arrays": lambda bars: (bars.images, bars.labels, bars.class_names),
    "floats": lambda bars: (np.asarray(bars.images) / 255, bars.labels),
    "tensors": lambda bars: TensorDataset(torch.from_numpy(bars.images) / 255, torch.from_numpy(bars.labels)),
    "loader": lambda bars: DataLoader(TensorDataset(torch.from_numpy(bars.images), torch.from_numpy(bars.labels)), 7),
    "pictures": lambda bars: list(zip(pictures(bars), bars.labels.tolist(), strict=True)),
    "hugging_face": hugging_face,
}


@pytest.mark.parametrize("form", FORMS)
def test_in_memory_and_in_a_folder_images_have_the_same_rows(form: str, bars: Dataset, of_folder: pa.Table) -> None:
    assert rows(FORMS[form](bars), limit=40).equals(of_folder)


def test_the_call_is_recorded_without_the_data(bars: Dataset) -> None:
    result = ng.audit(brightest_bar, FORMS["pictures"](bars), **SETTINGS)
    command = result.summary.provenance.command
    assert command.startswith("negatoscope.audit(brightest_bar, 'list', suite='none', ")
    assert result.summary.dataset.official is None
    assert result.summary.provenance.data[0].note == "images of the user's own"


def test_labels_beside_an_open_dataset_are_refused(bars: Dataset) -> None:
    with pytest.raises(InputError, match=r"^expected no labels beside a dataset that is open, got some; give them to"):
        ng.audit(brightest_bar, bars, labels="labels.csv", **SETTINGS)


def test_a_class_map_by_names_finds_the_classes_of_a_table(folder: Path, of_folder: pa.Table, tmp_path: Path) -> None:
    def turned(images: Images) -> Logits:
        return brightest_bar(images)[:, [2, 0, 1]]

    (tmp_path / "outputs.txt").write_text("bar 2\nbar 0\nbar 1\n", encoding="utf-8")
    settings = {**SETTINGS, "class_map": str(tmp_path / "outputs.txt")}
    result = ng.audit(turned, folder, labels="{label}/*.png", limit=40, **settings)
    columns = ["sample", "transform", "label", "prediction"]
    assert result.rows().select(columns).equals(of_folder.select(columns))


def test_labels_in_a_table_are_an_argument_as_on_the_command_line(folder: Path, of_folder: pa.Table) -> None:
    pattern = "{label}/*.png"
    assert rows(folder, limit=40, labels=pattern).equals(of_folder)
    table = folder.parent / "labels.tsv"
    lines = [f"{file.relative_to(folder)}\t{file.parent.name}" for file in folder.rglob("*.png")]
    table.write_text("a\tb\n" + "\n".join(lines), encoding="utf-8")
    result = ng.audit(brightest_bar, folder, labels=table, label_columns="a,b", limit=40, **SETTINGS)
    assert result.rows().drop_columns("dataset").equals(of_folder)
    assert "labels='labels.tsv', label_columns='a,b'" in result.summary.provenance.command
