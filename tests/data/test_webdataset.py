"""WebDataset shards are read one after another, in their own order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError

Encode = Callable[..., tuple[bytes, np.ndarray]]
Pack = Callable[..., Path]


def samples(encode: Encode, seeds: range) -> dict[str, bytes]:
    """As the format has it: a sample's files have one key and follow one another."""
    files = {}
    for seed in seeds:
        files |= {f"s/{seed:04d}.cls": b"%d\n" % (seed % 3), f"s/{seed:04d}.png": encode(seed)[0]}
        files |= {f"s/{seed:04d}.json": b"{}", f"s/{seed:04d}.seg.png": encode(99)[0]}
    return files


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_shards_are_one_dataset(tmp_path: Path, encode: Encode, pack: Pack, suffix: str) -> None:
    for shard in range(3):
        pack(tmp_path / f"pets-{shard + 8:03d}{suffix}", samples(encode, range(4 * shard, 4 * shard + 4)))
    dataset = open_dataset(str(tmp_path / f"pets-{{008..010}}{suffix}"))
    assert (dataset.spec, dataset.split) == (f"pets-{{008..010}}{suffix}", "test")
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.labels.tolist() == [seed % 3 for seed in range(12)]
    assert dataset.names[11] == "s/0011.png"
    assert [file.name for file in dataset.files] == [f"pets-{shard:03d}{suffix}" for shard in (8, 9, 10)]
    for index in (*range(12), 11, 0, 7):
        np.testing.assert_array_equal(dataset.images[index], encode(index)[1])


def test_one_tar_with_class_numbers_is_a_shard(tmp_path: Path, encode: Encode, pack: Pack) -> None:
    dataset = open_dataset(str(pack(tmp_path / "pets.tar", samples(encode, range(3)))))
    assert dataset.labels.tolist() == [0, 1, 2]


def test_several_tars_of_class_folders_are_one_dataset(tmp_path: Path, encode: Encode, pack: Pack) -> None:
    for number, kind in enumerate(("cat", "dog")):
        pack(tmp_path / f"imgs-{number}.tar", {f"{kind}/a.png": encode(number)[0], f"{kind}/b.png": encode(9)[0]})
    dataset = open_dataset(str(tmp_path / "imgs-{0..1}.tar"))
    assert (dataset.class_names, dataset.labels.tolist()) == (("cat", "dog"), [0, 0, 1, 1])
    assert [file.name for file in dataset.files] == ["imgs-0.tar", "imgs-1.tar"]
    np.testing.assert_array_equal(dataset.images[2], encode(1)[1])


def test_the_same_key_in_two_shards_is_two_samples(tmp_path: Path, encode: Encode, pack: Pack) -> None:
    pack(tmp_path / "p-0.tar", {"a.png": encode(0)[0], "a.cls": b"0"})
    pack(tmp_path / "p-1.tar", {"a.png": encode(1)[0], "a.cls": b"1"})
    assert open_dataset(str(tmp_path / "p-{0..1}.tar")).labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("content", "got"),
    [(None, "nothing"), (b"", "nothing"), (b"cat", "'cat'"), (b"-1", "'-1'"), (b"9" * 40, "'9999"), (b"\xff", "'")],
)
def test_an_image_without_a_class_number_is_one_sentence(
    tmp_path: Path, encode: Encode, pack: Pack, content: bytes | None, got: str
) -> None:
    files = {"a.png": encode(0)[0], "b.png": encode(1)[0], "b.cls": b"0"}
    path = pack(tmp_path / "p.tar", files if content is None else files | {"a.cls": content})
    with pytest.raises(DataError, match=rf"^expected a class number in a\.cls of .*p\.tar, got {got}"):
        open_dataset(str(path))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("p-{0..2}.tar", r"expected the shard .*p-1\.tar \(and 1 more\), it is missing; add it"),
        ("p-{2..0}.tar", r"expected a range of 1 to 100000 shards, got \{2\.\.0\} in "),
        ("p-{0..999999999}.tar", r"expected a range of 1 to 100000 shards, got "),
        ("p-{a..b}.tar", r"expected a whole tar in .*, got one that cannot be read \(No such file"),
    ],
)
def test_shards_that_are_not_there_are_one_sentence(
    tmp_path: Path, encode: Encode, pack: Pack, name: str, sentence: str
) -> None:
    pack(tmp_path / "p-0.tar", samples(encode, range(1)))
    with pytest.raises(DataError, match=f"^{sentence}"):
        open_dataset(str(tmp_path / name))


def test_shards_are_named_for_one_split(tmp_path: Path, encode: Encode, pack: Pack) -> None:
    path = pack(tmp_path / "pets.tar", samples(encode, range(3)))
    with pytest.raises(DataError, match=r"^expected no split beside the shards .*, got train; name the shards of that"):
        open_dataset(f"{path}:train")
