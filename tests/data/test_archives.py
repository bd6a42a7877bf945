"""Images are read out of zips and tars where they lie, and what is damaged or absurd is refused."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.data import containers
from negatoscope.data.archives import TarMembers
from negatoscope.data.open import open_dataset
from negatoscope.data.zips import ZipMembers
from negatoscope.errors import DataError

ARCHIVES = ["pets.zip", "pets.tar", "pets.tar.gz", "pets.tgz"]


@pytest.fixture
def files(encode: Callable[..., tuple[bytes, np.ndarray]]) -> dict[str, bytes]:
    names = ("pets/dog/b.png", "pets/dog/a.png", "pets/cat/c.png", "pets/cat/d.png")
    return {"pets/": b""} | {name: encode(seed)[0] for seed, name in enumerate(names)} | {"pets/notes.txt": b"hello"}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_read_as_its_folder_would_be(
    name: str, tmp_path: Path, files: dict[str, bytes], pack: Callable[..., Path]
) -> None:
    dataset = open_dataset(str(pack(tmp_path / name, files)))
    unpacked = open_dataset(f"folder:{pack(tmp_path / 'unpacked', files) / 'pets'}")
    assert (dataset.spec, dataset.split, dataset.class_names) == (name, "test", ("cat", "dog"))
    assert [file.name for file in dataset.files] == [name]
    for index, image_name in enumerate(dataset.names):
        other = unpacked.names.index(image_name)
        np.testing.assert_array_equal(dataset.images[index], unpacked.images[other])
        assert dataset.labels[index] == unpacked.labels[other]
    in_order = ("dog/b.png", "dog/a.png", "cat/c.png", "cat/d.png")
    assert dataset.names == (in_order if "zip" not in name else tuple(sorted(in_order)))


@pytest.mark.parametrize("name", ARCHIVES)
def test_images_come_in_any_order_and_more_than_once(
    name: str, tmp_path: Path, files: dict[str, bytes], pack: Callable[..., Path]
) -> None:
    images = open_dataset(str(pack(tmp_path / name, files))).images
    forwards = [images[index] for index in range(4)]
    for index in (3, 1, 1, 0, -1, 2):
        np.testing.assert_array_equal(images[index], forwards[index])
    np.testing.assert_array_equal(images[1:][0], forwards[1])


def test_a_compressed_tar_is_unpacked_once_when_it_is_read_in_order(tmp_path: Path, pack: Callable[..., Path]) -> None:
    contents = {f"cat/{index}.png": np.random.default_rng(index).bytes(40_000) for index in range(10)}
    members = TarMembers([pack(tmp_path / "pets.tar.gz", contents)])
    rewinds = 0
    unpacker = members._file._buffer.raw  # type: ignore[attr-defined]
    rewind = unpacker._rewind

    def counted() -> None:
        nonlocal rewinds
        rewinds += 1
        rewind()

    unpacker._rewind = counted
    assert [members.read(position) for position in range(10)] == list(contents.values())
    assert rewinds == 1  # from where the listing ended
    assert members.read(3) == contents["cat/3.png"]
    assert rewinds == 2


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_absurd_size_is_refused_unread(
    name: str, tmp_path: Path, files: dict[str, bytes], pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(tmp_path / name, files | {"pets/cat/c.png": bytes(5000)})
    monkeypatch.setattr(containers, "MAX_BYTES", 4000)
    dataset = open_dataset(str(path))
    index = dataset.names.index("cat/c.png")
    with pytest.raises(DataError, match=r"^expected at most 4000 bytes in pets/cat/c\.png, got 5000$"):
        dataset.images[index]
    assert dataset.images[dataset.names.index("dog/a.png")].shape == (3, 6, 5)


def test_a_zip_that_unpacks_to_more_than_it_declares_gives_no_more_than_that(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("cat/a.png", bytes(50_000_000))
    content = stream.getvalue().replace((50_000_000).to_bytes(4, "little"), (500).to_bytes(4, "little"))
    (tmp_path / "bomb.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"^expected a readable image, but cat/a\.png is none: Bad CRC-32"):
        ZipMembers(tmp_path / "bomb.zip").read(0)


def test_a_damaged_member_is_reported_by_name_and_the_others_are_read(
    tmp_path: Path, files: dict[str, bytes], pack: Callable[..., Path]
) -> None:
    path = pack(tmp_path / "pets.zip", files)
    with zipfile.ZipFile(path) as opened:
        start = opened.getinfo("pets/cat/c.png").header_offset + 30 + len("pets/cat/c.png")
    content = bytearray(path.read_bytes())
    content[start + 20] ^= 255
    path.write_bytes(content)
    images = open_dataset(str(path)).images
    with pytest.raises(DataError, match=r"^expected a readable image, but pets/cat/c\.png is none: "):
        images[0]
    assert images[1].shape == (3, 6, 5)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_unpacks_without_bound_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w", method) as opened:
        opened.writestr("cat/a.png", b"x")
    with pytest.raises(DataError, match=r"^expected cat/a\.png deflated or stored, got another compression; zip it"):
        open_dataset(str(tmp_path / "pets.zip")).images[0]


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("content", [b"", b"text, no archive", bytes(2000)])
def test_a_file_that_is_no_archive_is_one_sentence(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        DataError, match=rf"^expected (a zip|a whole tar|images .*) in .*{name}.*(fetch it again|found none)"
    ):
        open_dataset(str(tmp_path / name))


@pytest.mark.parametrize("name", ["pets.tar", "pets.tar.gz"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 1.0])
def test_a_truncated_tar_is_one_sentence(
    name: str, share: float, tmp_path: Path, files: dict[str, bytes], pack: Callable[..., Path]
) -> None:
    path = pack(tmp_path / name, files)
    content = path.read_bytes()
    used = len(content) if name.endswith("gz") else 512 * 11  # the end and padding follow
    path.write_bytes(content[: min(int(share * used), len(content) - 9)])
    with pytest.raises(
        DataError, match=rf"^expected a whole tar in .*{name}, got one that cannot be read \(.*\); fetch"
    ):
        open_dataset(str(path))


def test_a_damaged_header_is_not_taken_for_the_end(
    tmp_path: Path, files: dict[str, bytes], pack: Callable[..., Path]
) -> None:
    path = pack(tmp_path / "pets.tar", files)
    with tarfile.open(path) as tar:
        offset = tar.getmember("pets/cat/c.png").offset
    content = bytearray(path.read_bytes())
    content[offset] ^= 255
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"^expected a whole tar in .*, got one that cannot be read \(a header is damaged"
    ):
        open_dataset(str(path))


def test_headers_cannot_lead_back_or_ask_for_memory(tmp_path: Path) -> None:
    def header(kind: bytes, size: bytes) -> bytes:
        member = tarfile.TarInfo("cat/a.png")
        block = bytearray(member.tobuf(tarfile.USTAR_FORMAT)[:512])
        block[124:136], block[156:157] = size, kind
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        return bytes(block)

    first = header(b"0", b"00000000000\0")
    huge, back = b"77777777777\0", b"\xff" * 10 + b"\xfc\0"  # 8 GB, and minus 1024
    for name, blocks in (("pax", header(b"x", huge)), ("long", header(b"L", huge)), ("back", header(b"0", back))):
        path = tmp_path / f"{name}.tar.gz"
        path.write_bytes(gzip.compress(first + blocks + bytes(1024)))
        with pytest.raises(DataError, match=r"^expected a whole tar in .*, got one that cannot be read \("):
            TarMembers([path])


def test_links_and_devices_are_passed_over(tmp_path: Path, encode: Callable[..., tuple[bytes, np.ndarray]]) -> None:
    content, values = encode(0)
    with tarfile.open(tmp_path / "pets.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"cat/{kind.decode()}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        member = tarfile.TarInfo("./cat/a.png")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    dataset = open_dataset(str(tmp_path / "pets.tar"))
    assert dataset.names == ("cat/a.png",)
    np.testing.assert_array_equal(dataset.images[0], values)


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
@given(content=st.binary(max_size=200), place=st.integers(0, 3000), data=st.data())
def test_whatever_is_in_a_file_is_images_or_a_data_error(
    name: str, content: bytes, place: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = io.BytesIO()
    if name == "x.zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("cat/a.png", bytes(300))
    else:
        with tarfile.open(fileobj=stream, mode="w") as tar:
            member = tarfile.TarInfo("cat/a.png")
            member.size = 300
            tar.addfile(member, io.BytesIO(bytes(300)))
    whole = bytearray(stream.getvalue()[:3000])
    place = min(place, len(whole))
    whole[place : place + len(content)] = content
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(gzip.compress(bytes(whole)) if name.endswith("gz") else whole)
    try:
        images = open_dataset(str(path)).images
    except DataError:
        return
    for index in range(len(images)):
        with pytest.raises(DataError):
            images[index]
