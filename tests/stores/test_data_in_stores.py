"""Data in a store are the same dataset as on the disk: pixels, labels, names, fingerprint."""

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from negatoscope.data import Dataset
from negatoscope.data.batches import batches
from negatoscope.data.open import open_dataset
from negatoscope.data.unlabeled import open_images
from negatoscope.errors import DataError, InputError, StoreError
from negatoscope.pixels import ResizeSpec
from negatoscope.stores import StorePath

from .conftest import put

CLASSES = ("cat", "dog")


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def folder(top: Path) -> str:
    for index in range(40):
        file = top / "images" / CLASSES[index % 2] / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(index))
    return "images"


def flat(top: Path) -> str:
    (top / "flat").mkdir()
    for index in range(3):
        (top / "flat" / f"{index}.png").write_bytes(png(index))
    return "flat"


def zipped(top: Path) -> str:
    shutil.make_archive(str(top / "images"), "zip", top / folder(top).split("/")[0])
    return "images.zip"


def tarred(top: Path) -> str:
    shutil.make_archive(str(top / "images"), "gztar", top, folder(top))
    return "images.tar.gz"


def shards(top: Path) -> str:
    for shard in range(2):
        with tarfile.open(top / f"shard-{shard}.tar", "w") as tar:
            for index in range(5):
                for suffix, content in (("png", png(10 * shard + index)), ("cls", str(index % 3).encode())):
                    member = tarfile.TarInfo(f"{index}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return "shard-{0..1}.tar"


def table(top: Path) -> str:
    rows = pa.table({"image": [png(index) for index in range(70)], "label": [index % 3 for index in range(70)]})
    for part in range(2):
        pq.write_table(rows, top / f"{part}.parquet")
    return "0.parquet"


def tables(top: Path) -> str:
    (top / "tables").mkdir()
    table(top / "tables")
    return "tables"


def arrays(top: Path) -> str:
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 5), dtype=np.uint8)
    np.savez_compressed(top / "images.npz", images=images, labels=np.arange(20) % 4)
    return "images.npz"


def assert_same(ours: Dataset, theirs: Dataset) -> None:
    assert (ours.spec, ours.class_names, ours.names, ours.files) == (
        theirs.spec,
        theirs.class_names,
        theirs.names,
        theirs.files,
    )
    assert ours.fingerprint == theirs.fingerprint
    both = [batches(data, ResizeSpec(8, 8, "rgb"), batch_size=7) for data in (ours, theirs)]
    for one, other in zip(*both, strict=True):
        assert not one.unreadable
        assert np.array_equal(one.pixels, other.pixels)
        assert np.array_equal(one.hashes, other.hashes)
        assert np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize("make", [folder, zipped, tarred, shards, table, tables, arrays])
def test_data_by_url_are_the_data_on_the_disk(make: Callable[[Path], str], store: StorePath, tmp_path: Path) -> None:
    name = make(tmp_path)
    put(tmp_path, store)
    assert_same(open_dataset(f"{store}/{name}"), open_dataset(str(tmp_path / name)))


def test_images_without_labels_are_read_by_url(store: StorePath, tmp_path: Path) -> None:
    name = flat(tmp_path)
    put(tmp_path, store)
    assert_same(open_images(f"{store}/{name}"), open_images(tmp_path / name))
    assert_same(open_images(f"{store}/{name}/1.png"), open_images(tmp_path / name / "1.png"))


def test_labels_beside_images_are_read_by_url(store: StorePath, tmp_path: Path) -> None:
    name = flat(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\r\nflat/0.png,a\r\nflat/1.png,b\r\nflat/2.png,a\r\n")
    put(tmp_path, store)
    assert_same(
        open_dataset(f"{store}/{name}", labels=f"{store}/labels.csv"),
        open_dataset(str(tmp_path / name), labels=tmp_path / "labels.csv"),
    )


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    assert_same(open_dataset((tmp_path / folder(tmp_path)).as_uri()), open_dataset(str(tmp_path / "images")))


def test_the_split_stands_behind_a_url_too(memory: StorePath, tmp_path: Path) -> None:
    folder(tmp_path / "train")
    put(tmp_path / "train" / "images", memory / "data" / "train")
    assert len(open_dataset(f"{memory}/data:train")) == 40
    with pytest.raises(DataError, match="expected images"):
        open_dataset(f"{memory}/data:test")


def test_what_is_not_there_is_one_sentence(store: StorePath) -> None:
    for text in (f"{store}/none", f"{store}/none.zip", f"{store}/shard-{{0..3}}.tar"):
        with pytest.raises(DataError, match=rf"{store}/"):
            open_dataset(text)
    with pytest.raises(InputError, match=r"expected a path or a URL .*, got 'ftp://a/b'; correct it"):
        open_dataset("ftp://a/b")


def test_a_store_that_fails_stops_the_run_and_makes_no_image_unreadable(
    memory: StorePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / folder(tmp_path), memory / "images")
    dataset = open_dataset(f"{memory}/images")
    (memory / "images/cat/0.png").remove()
    (batch,) = batches(dataset, ResizeSpec(8, 8, "rgb"), batch_size=40)
    assert [image.name for image in batch.unreadable] == ["cat/0.png"], "a file that is gone is an unreadable image"

    def fail(*_: object, **__: object) -> bytes:
        raise ConnectionResetError("the cable is out")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", fail)
    with pytest.raises(StoreError, match="the cable is out"):
        list(batches(dataset, ResizeSpec(8, 8, "rgb"), batch_size=40))
