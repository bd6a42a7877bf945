"""Images come in order, each read once, decoded a bounded way ahead, and those that cannot be read are named."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.data import Dataset
from negatoscope.data.batches import Batch, batches
from negatoscope.data.containers import Container, LazyImages
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError, InputError
from negatoscope.pixels import DecodeSpec, ResizeSpec, decode, resize_image
from negatoscope.rows import hash_samples

MakeDataset = Callable[..., Dataset]
Encode = Callable[..., tuple[bytes, np.ndarray]]
FIT = ResizeSpec(8, 8, "gray")


class CountingContainer(Container):
    """Images whose reads are counted."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        super().__init__([f"{index}.png" for index in range(len(contents))])
        self.contents = contents
        self.reads: list[int] = []
        self.threads: set[int] = set()

    def read(self, position: int) -> bytes:
        self.reads.append(position)
        self.threads.add(threading.get_ident())
        return self.contents[position]


@pytest.fixture
def counting(make_dataset: MakeDataset, encode: Encode) -> Callable[[int], tuple[Dataset, CountingContainer]]:
    def make(n: int) -> tuple[Dataset, CountingContainer]:
        container = CountingContainer([encode(seed, (6, 5, 3))[0] for seed in range(n)])
        lazy = LazyImages(container, np.arange(n))
        return replace(make_dataset(n), images=lazy, names=container.names), container

    return make


def joined(made: Sequence[Batch], name: str) -> Any:
    return np.concatenate([getattr(batch, name) for batch in made])


@given(n=st.integers(1, 30), batch_size=st.integers(1, 12), first=st.integers(0, 35), threads=st.integers(1, 4))
def test_every_image_from_the_first_on_comes_once_in_order(
    make_dataset: MakeDataset, n: int, batch_size: int, first: int, threads: int
) -> None:
    dataset = make_dataset(n, frames=2)
    made = list(batches(dataset, FIT, batch_size=batch_size, first=first, threads=threads))
    expected = np.arange(min(first, n), n)
    assert [len(batch.labels) for batch in made] == [min(batch_size, n - s) for s in range(first, n, batch_size)]
    if made:
        images = np.asarray(dataset.images)
        np.testing.assert_array_equal(joined(made, "samples"), expected)
        np.testing.assert_array_equal(joined(made, "pixels"), images[expected])
        np.testing.assert_array_equal(joined(made, "labels"), dataset.labels[expected])
        np.testing.assert_array_equal(joined(made, "tracks"), expected // 2)
        np.testing.assert_array_equal(joined(made, "hashes"), hash_samples(images[expected]))


def test_images_in_an_array_give_the_batches_that_a_sequence_of_the_same_gives(make_dataset: MakeDataset) -> None:
    held = replace(make_dataset(11, frames=2), names=[f"{index}.png" for index in range(11)])
    listed = replace(held, images=list(np.asarray(held.images)))
    for mine, other in zip(*(batches(each, FIT, batch_size=4, first=2) for each in (held, listed)), strict=True):
        for name in ("pixels", "labels", "samples", "tracks", "hashes", "names", "unreadable"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))
        assert mine.pixels.flags.writeable


def test_images_are_fitted_and_hashed_as_they_were_decoded(tmp_path: Path, encode: Encode) -> None:
    sizes = [(6, 5, 3), (9, 9), (8, 8), (8, 8, 3)]
    pictures = [encode(seed, size) for seed, size in enumerate(sizes)]
    (tmp_path / "cat").mkdir()
    for index, (content, _) in enumerate(pictures):
        (tmp_path / "cat" / f"{index}.png").write_bytes(content)
    (batch,) = batches(open_dataset(str(tmp_path)), FIT, batch_size=9)
    for index, (_, values) in enumerate(pictures):
        np.testing.assert_array_equal(batch.pixels[index], resize_image(np.ascontiguousarray(values), FIT))
        assert batch.hashes[index] == hash_samples(np.ascontiguousarray(values)[None])[0]
    assert batch.names == ("cat/0.png", "cat/1.png", "cat/2.png", "cat/3.png")
    assert batch.tracks is None


def test_unreadable_images_are_left_out_and_named(tmp_path: Path, encode: Encode) -> None:
    (tmp_path / "cat").mkdir()
    for index in range(6):
        (tmp_path / "cat" / f"{index}.png").write_bytes(b"damaged" if index in (1, 2, 3) else encode(index)[0])
    dataset = open_dataset(str(tmp_path))
    (tmp_path / "cat" / "5.png").unlink()
    made = list(batches(dataset, FIT, batch_size=2))
    assert [batch.samples.tolist() for batch in made] == [[0], [], [4]]
    assert made[1].pixels.shape == (0, 1, 8, 8)
    unreadable = [each for batch in made for each in batch.unreadable]
    assert [(each.sample, each.name) for each in unreadable] == [(index, f"cat/{index}.png") for index in (1, 2, 3, 5)]
    assert unreadable[0].reason == "expected an image in cat/1.png, got bytes that do not decode; fetch the file again"
    assert unreadable[3].reason == "expected a readable image, but cat/5.png is none: No such file or directory"


def test_one_thread_reads_in_order_and_each_image_once(
    counting: Callable[[int], tuple[Dataset, CountingContainer]],
) -> None:
    dataset, container = counting(50)
    list(batches(dataset, FIT, batch_size=7, threads=4))
    assert container.reads == list(range(50))
    assert len(container.threads) == 1
    assert threading.get_ident() not in container.threads


def test_no_more_than_two_batches_are_read_ahead(counting: Callable[[int], tuple[Dataset, CountingContainer]]) -> None:
    dataset, container = counting(60)
    for index, batch in enumerate(batches(dataset, FIT, batch_size=5)):
        assert len(batch.labels) == 5
        assert len(container.reads) <= 5 * (index + 2)


def test_encoded_images_wait_for_a_free_thread_unread(make_dataset: MakeDataset, encode: Encode) -> None:
    may_decode, content = threading.Event(), encode(0)[0]

    class Slow(CountingContainer):
        def decode(self, content: bytes, position: int, decoding: DecodeSpec) -> np.ndarray:
            may_decode.wait()
            return super().decode(content, position, decoding)

    container = Slow([content] * 200)
    dataset = replace(make_dataset(200), images=LazyImages(container, np.arange(200)))
    made: list[Batch] = []
    worker = threading.Thread(target=lambda: made.extend(batches(dataset, FIT, batch_size=100, threads=2)))
    worker.start()
    while len(container.reads) < 16:
        worker.join(0.001)
    worker.join(0.1)
    assert len(container.reads) == 16  # eight for each thread
    may_decode.set()
    worker.join()
    assert sum(len(batch.labels) for batch in made) == 200


@pytest.mark.parametrize("kind", ["folder", "pets.zip", "pets.tar", "pets.parquet", "shard.tar"])
def test_opening_choosing_and_batching_decode_each_image_once(
    kind: str, tmp_path: Path, encode: Encode, pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [encode(seed)[0] for seed in range(9)]
    if kind == "pets.parquet":
        pq.write_table(pa.table({"image": contents, "label": [0, 1, 2] * 3}), tmp_path / kind)
    elif kind == "shard.tar":
        pairs = ((f"{index}.png", f"{index}.cls", content) for index, content in enumerate(contents))
        pack(tmp_path / kind, {name: value for a, b, content in pairs for name, value in ((a, content), (b, b"1"))})
    else:
        pack(tmp_path / kind, {f"pet {index % 3}/{index}.png": content for index, content in enumerate(contents)})
    decoded: list[bytes] = []

    def counted(content: bytes, **settings: Any) -> np.ndarray:
        decoded.append(content)
        return decode(content, **settings)

    monkeypatch.setattr("negatoscope.data.containers.decode", counted)
    dataset = open_dataset(str(tmp_path / kind))
    chosen = dataset.take(np.arange(7), split="test (7 of 9)")
    assert chosen.fingerprint != dataset.fingerprint
    assert len(chosen.labels) == len(chosen) == 7
    assert decoded == [], "labels, names and fingerprints come without decoding"
    assert sum(len(batch.labels) for batch in batches(chosen, FIT, batch_size=3)) == 7
    assert len(decoded) == len(set(decoded)) == 7


def test_stopping_early_leaves_no_thread(counting: Callable[[int], tuple[Dataset, CountingContainer]]) -> None:
    before = set(threading.enumerate())
    made = batches(counting(100)[0], FIT, batch_size=10)
    next(made)
    made.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before


def test_chosen_images_are_read_from_their_container_in_order(
    counting: Callable[[int], tuple[Dataset, CountingContainer]],
) -> None:
    dataset, container = counting(30)
    chosen = dataset.take(np.array([3, 8, 9, 20]), split="test (4 of 30)")
    (batch,) = batches(chosen, FIT, batch_size=9)
    assert container.reads == [3, 8, 9, 20]
    assert batch.names == ("3.png", "8.png", "9.png", "20.png")
    assert batch.samples.tolist() == [3, 8, 9, 20]


def test_an_error_that_is_not_of_the_data_is_raised(make_dataset: MakeDataset) -> None:
    images = [np.zeros((2, 4, 4), dtype=np.uint8)] * 3
    before = set(threading.enumerate())
    with pytest.raises(InputError, match=r"^expected an image of one or three channels, got one of shape \(2, 4, 4\)$"):
        list(batches(replace(make_dataset(3), images=images), FIT, batch_size=2))
    assert set(threading.enumerate()) <= before


def test_any_sequence_may_say_that_an_image_is_unreadable(make_dataset: MakeDataset) -> None:
    class Moody(Sequence[Any]):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            if index == 1:
                raise DataError("expected a better day")
            return np.zeros((1, 8, 8), dtype=np.uint8)

    (batch,) = batches(replace(make_dataset(3), images=Moody()), FIT, batch_size=3)
    assert batch.samples.tolist() == [0, 2]
    assert [(each.sample, each.name, each.reason) for each in batch.unreadable] == [(1, "", "expected a better day")]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch_size": 0}, "expected batch_size of at least 1, got 0"),
        ({"batch_size": 1, "first": -1}, "expected first of at least 0, got -1"),
        ({"batch_size": 1, "threads": 0}, "expected threads of at least 1, got 0"),
    ],
)
def test_an_impossible_setting_is_one_sentence(
    make_dataset: MakeDataset, settings: dict[str, int], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        batches(make_dataset(3), FIT, **settings)
