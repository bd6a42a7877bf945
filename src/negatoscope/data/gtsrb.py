"""GTSRB, the German traffic signs, read straight from the official zips."""

import csv
import io
import mmap
import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from negatoscope.data import DataLocator, Dataset, register_dataset
from negatoscope.data.prepare import prepared
from negatoscope.data.sources import FoundFile, OfficialFile, Source, sources
from negatoscope.errors import DataError, SpecError
from negatoscope.pixels import Interpolation, decode, equalize, open_image, resize_square, to_array
from negatoscope.types import PixelArray

Prepare = Literal["none", "paper"]
Order = Literal["resize_equalize", "equalize_resize", "resize"]
Region = Literal["full", "sign"]

TRAIN_IMAGES = "GTSRB_Final_Training_Images.zip"
TEST_IMAGES = "GTSRB_Final_Test_Images.zip"
TEST_TABLE = "GTSRB_Final_Test_GT.zip"

CLASSES = 43
SIZE = 28
MAX_MEMBER_BYTES = 16_000_000
"""Larger members are refused: a small zip can claim any size."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_PACKED_OTHERWISE = 0x61  # flags of members that are encrypted or patches


@dataclass(frozen=True)
class Preparation:
    """How a colour sign becomes one gray 28x28 image: region, negative, gray (ITU-R 601 luma), then `order`."""

    order: Order = "resize_equalize"
    interpolation: Interpolation = "bilinear"
    region: Region = "full"
    negated: bool = False

    def __str__(self) -> str:
        first = ["cut to the sign"] * (self.region == "sign") + ["negative"] * self.negated + ["gray"]
        resized, equalized = [f"{SIZE}x{SIZE} {self.interpolation}"], ["equalized"]
        last = {
            "resize_equalize": resized + equalized,
            "equalize_resize": equalized + resized,
            "resize": resized,
        }
        return ", ".join(first + last[self.order])


@dataclass(frozen=True)
class Sign:
    """One line of the dataset's tables: a zip member, its class, its track, and where the sign lies.

    `region` is (left, top, right, bottom) as shares of width and height: the tables count in the original's pixels,
    which a rescaled copy no longer has.
    """

    member: str
    label: int
    track: int
    region: tuple[float, float, float, float]


# fmt: off
_CLASS_NAMES = (
    "20 km/h", "30 km/h", "50 km/h", "60 km/h", "70 km/h", "80 km/h", "end of 80 km/h", "100 km/h", "120 km/h",
    "no overtaking", "no overtaking by lorries", "priority at crossing", "priority road", "give way", "stop",
    "no vehicles", "no lorries", "no entry", "danger", "bend left", "bend right", "double bend", "bumpy road",
    "slippery road", "road narrows", "road works", "traffic signals", "pedestrians", "children", "bicycles",
    "snow or ice", "wild animals", "end of all limits", "turn right ahead", "turn left ahead", "ahead only",
    "ahead or right", "ahead or left", "keep right", "keep left", "roundabout", "end of no overtaking",
    "end of no overtaking by lorries",
)
# fmt: on

GTSRB = Source(
    name="gtsrb",
    title="German Traffic Sign Recognition Benchmark",
    citation="Stallkamp, Schlipsing, Salmen and Igel 2012, Man vs. computer, Neural Networks 32",
    license="CC0 1.0",
    home="https://benchmark.ini.rub.de/gtsrb_news.html",
    class_names=_CLASS_NAMES,
    addresses=("https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/",),
    counts={"train": 39_209, "test": 12_630},
    files={
        TRAIN_IMAGES: OfficialFile("f33fd80ac59bff73c82d25ab499e03a3", 276_294_756),
        TEST_IMAGES: OfficialFile("c7e4e6327067d32654124b0fe9e82185", 88_978_620),
        TEST_TABLE: OfficialFile("fe31e9c9270bbcd7b84b7f21a9d9d9e5", 99_620),
    },
    check=lambda paths, name: check_file(paths, name),
)


@register_dataset(source=GTSRB)
def gtsrb(
    locator: DataLocator,
    split: str,
    *,
    prepare: Prepare = "none",
    order: Order = "resize_equalize",
    interpolation: Interpolation = "bilinear",
    region: Region = "full",
    negated: bool = False,
) -> Dataset:
    """Traffic signs: 39,209 and 12,630 colour images of 15 to 250 pixels, 43 classes.

    Args:
        locator: Where files are looked for.
        split: "train" or "test".
        prepare: "none": colour at its own size. "paper": gray, 28x28, equalized; the other settings say how.
        order: Whether equalization comes after resizing, before it, or not at all.
        interpolation: The filter of the resizing, all but "nearest" with antialiasing.
        region: The "full" image or the "sign" that the dataset's tables mark in it.
        negated: Whether each image is made negative before everything else.

    Raises:
        SpecError: Another setting is given without ``prepare='paper'``.

    Source: Stallkamp et al. 2012, Neural Networks 32; the preparation is that of Hosseini and Poovendran 2017,
    arXiv 1703.06857v1, with the choices that they leave open as arguments.
    """
    preparation = Preparation(order, interpolation, region, negated)
    if prepare == "none" and preparation != Preparation():
        raise SpecError(f"expected prepare='paper' beside the other settings of gtsrb, got {preparation!r}; add it")
    found = locator.find("gtsrb")
    used = [found[name] for name in ((TRAIN_IMAGES,) if split == "train" else (TEST_IMAGES, TEST_TABLE))]
    signs = read_training_table(used[0].path) if split == "train" else read_test_table(used[0].path, used[1].path)
    expect_whole(signs, split, used[0].path)
    return Dataset(
        spec="gtsrb",
        split=split,
        images=ZipImages(used[0].path, signs) if prepare == "none" else _prepared(used, split, signs, preparation),
        labels=np.array([sign.label for sign in signs], dtype=np.int64),
        class_names=GTSRB.class_names,
        samples=np.arange(len(signs)),
        tracks=np.array([sign.track for sign in signs]) if split == "train" else None,
        files=tuple(file.source for file in found.values()),
        names=tuple(sign.member for sign in signs),
        prepared="" if prepare == "none" else str(preparation),
    )


def read_training_table(archive: Path) -> list[Sign]:
    """Every training image in the order of class, track and frame; tracks are numbered from 0 over all classes.

    Args:
        archive: The zip with the training images, which has a table for each class.

    Raises:
        DataError: The zip is damaged, or a table and the members disagree.
    """
    with opened_zip(archive) as opened:
        members = set(opened.namelist())
        signs = [sign for label in range(CLASSES) for sign in _signs_of_class(opened, members, label)]
    names = {name: index for index, name in enumerate(sorted({_track_name(sign) for sign in signs}))}
    signs = [replace(sign, track=names[_track_name(sign)]) for sign in signs]
    return _in_order(signs, members, archive)


def read_test_table(archive: Path, table: Path) -> list[Sign]:
    """Every test image in the order of its number; test images come in no tracks.

    Args:
        archive: The zip with the test images.
        table: The zip with the table of their classes.

    Raises:
        DataError: A zip is damaged, the table is missing, or the table and the members disagree.
    """
    signs = read_test_labels(table)
    with opened_zip(archive) as opened:
        return _in_order(signs, set(opened.namelist()), archive)


def read_test_labels(table: Path) -> list[Sign]:
    """The same without a look at the images, in the table's order."""
    with opened_zip(table) as opened:
        return _signs(opened, "GT-final_test.csv", "GTSRB/Final_Test/Images")


def check_file(paths: Mapping[str, Path], name: str) -> None:
    """Read every member of one of the three zips, and hold its tables against them.

    Raises:
        DataError: A member is damaged, or images are missing.
    """
    path = paths[name]
    with opened_zip(path) as opened:
        for member in opened.namelist():
            read_member(opened, member)
    if name == TRAIN_IMAGES:
        expect_whole(read_training_table(path), "train", path)
    elif name == TEST_TABLE:
        expect_whole(read_test_labels(path), "test", path)
    elif TEST_TABLE in paths:
        expect_whole(read_test_table(path, paths[TEST_TABLE]), "test", path)


def expect_whole(signs: Sequence[Sign], split: str, archive: Path) -> None:
    """Raise unless these are all images of a split.

    Raises:
        DataError: Their number or that of their classes is another one.
    """
    count, classes = sources()["gtsrb"].counts[split], {sign.label for sign in signs}
    if len(signs) != count or len(classes) != CLASSES:
        got = f"{len(signs)} of {len(classes)}"
        raise DataError(
            f"expected {count} images of {CLASSES} classes in {archive}, got {got}; fetch the official files"
        )


def opened_zip(path: Path) -> zipfile.ZipFile:
    """The zip, after a look at its members' names and sizes.

    Raises:
        DataError: It is no zip, or a member would leave its folder or is of absurd size.
    """
    try:
        opened = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise DataError(f"expected a zip in {path}, got a damaged one ({error}); fetch it again") from error
    for member in opened.infolist():
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            opened.close()
            raise DataError(
                f"expected members inside the zip {path}, got {member.filename!r}, which leaves it; fetch the zip again"
            )
        if member.file_size > MAX_MEMBER_BYTES:
            opened.close()
            raise DataError(f"expected small members in {path}, got {member.filename!r} of {member.file_size} bytes")
    return opened


def read_member(opened: zipfile.ZipFile, name: str) -> bytes:
    """A member's bytes, their checksum verified.

    Raises:
        DataError: The member is missing or damaged.
    """
    try:
        return opened.read(name)
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        where = Path(opened.filename or "the zip")
        raise DataError(f"expected {name} in {where}, got a missing or damaged member; fetch the zip again") from error


def read_members(opened: zipfile.ZipFile, names: Iterable[str]) -> Iterator[bytes]:
    """What `read_member` gives for each name, in less than half its time where members are small and many.

    Raises:
        DataError: A member is missing or damaged.
    """
    with (
        Path(opened.filename or "").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        for name in names:
            unpacked = _deflated(content, opened.NameToInfo.get(name))
            yield read_member(opened, name) if unpacked is None else unpacked


def _deflated(content: mmap.mmap, member: zipfile.ZipInfo | None) -> bytes | None:
    """A deflated member's bytes if its names, size and checksum are right; None for whatever needs a closer look."""
    if member is None or member.compress_type != zipfile.ZIP_DEFLATED or member.flag_bits & _PACKED_OTHERWISE:
        return None
    try:
        signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(content, member.header_offset)
        name = member.header_offset + _LOCAL_HEADER.size
        start = name + name_bytes + extra_bytes
        packed = content[start : start + member.compress_size]
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, max(1, member.file_size))
    except (struct.error, zlib.error):
        return None
    named = signature == b"PK\x03\x04" and content[name : name + name_bytes] == member.orig_filename.encode()
    whole = len(unpacked) == member.file_size and zlib.crc32(unpacked) == member.CRC
    return unpacked if named and whole else None


def _signs_of_class(opened: zipfile.ZipFile, members: Set[str], label: int) -> list[Sign]:
    folder = f"GTSRB/Final_Training/Images/{label:05d}"
    table = f"{folder}/GT-{label:05d}.csv"
    signs = _signs(opened, table, folder) if table in members else []
    for sign in signs:
        if sign.label != label or "_" not in sign.member.removeprefix(folder):
            raise DataError(f"expected TRACK_FRAME.ppm of class {label} in {table}, got {sign.member} of {sign.label}")
    return signs


def _signs(opened: zipfile.ZipFile, table: str, folder: str) -> list[Sign]:
    try:
        text = read_member(opened, table).decode("utf-8")
        return [_sign(folder, row) for row in csv.DictReader(io.StringIO(text), delimiter=";")]
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        if isinstance(error, DataError):
            raise
        expected = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"
        raise DataError(
            f"expected {expected} in {table}, got another table ({error!r}); fetch the zip again"
        ) from error


def _sign(folder: str, row: dict[str, str]) -> Sign:
    width, height = int(row["Width"]), int(row["Height"])
    left, top, right, bottom = (int(row[f"Roi.{corner}"]) for corner in ("X1", "Y1", "X2", "Y2"))
    label = int(row["ClassId"])
    if not (0 <= label < CLASSES and 0 <= left <= right < width and 0 <= top <= bottom < height):
        raise ValueError(f"an impossible line for {row['Filename']}")
    region = (left / width, top / height, (right + 1) / width, (bottom + 1) / height)
    return Sign(f"{folder}/{row['Filename']}", label, -1, region)


def _track_name(sign: Sign) -> str:
    """The member's name without its frame: files are called TRACK_FRAME.ppm."""
    return sign.member.rpartition("_")[0]


def _in_order(signs: Sequence[Sign], members: Set[str], archive: Path) -> list[Sign]:
    named = {sign.member for sign in signs}
    missing = sorted(named - members)
    if missing:
        raise DataError(
            f"expected {missing[0]} in {archive} (and {len(missing) - 1} more), it is missing; fetch it again"
        )
    if len(named) != len(signs):
        raise DataError(f"expected each image of {archive} once in the tables, got {len(signs)} lines for {len(named)}")
    return sorted(signs, key=lambda sign: sign.member)


class ZipImages(Sequence[UInt8[np.ndarray, "channels height width"]]):
    """The colour images of a zip at their own size, decoded when they are asked for.

    Safe in threads and in child processes: each opens the zip for itself.
    """

    def __init__(self, path: Path, signs: Sequence[Sign]) -> None:
        self.path, self.signs = path, signs
        self._opened = threading.local()

    def __len__(self) -> int:
        return len(self.signs)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return ZipImages(self.path, self.signs[index])
        member = self.signs[index].member
        return decode(read_member(self._zip(), member), name=member)

    def __reduce__(self) -> tuple[type["ZipImages"], tuple[Path, Sequence[Sign]]]:
        return ZipImages, (self.path, self.signs)

    def _zip(self) -> zipfile.ZipFile:
        if getattr(self._opened, "process", None) != os.getpid():
            self._opened.process, self._opened.zip = os.getpid(), opened_zip(self.path)
        opened: zipfile.ZipFile = self._opened.zip
        return opened


def _prepared(used: Sequence[FoundFile], split: str, signs: Sequence[Sign], preparation: Preparation) -> PixelArray:
    digests = [file.source.sha256 for file in used]
    key = {"dataset": "gtsrb", "split": split, "sha256": digests, **asdict(preparation)}
    return prepared(key, lambda: {"images": prepare_signs(used[0].path, signs, preparation)})["images"]


def prepare_signs(path: Path, signs: Sequence[Sign], preparation: Preparation) -> UInt8[np.ndarray, "n 1 height width"]:
    """The gray 28x28 images of all signs, in their order."""
    with opened_zip(path) as opened:
        contents = read_members(opened, (sign.member for sign in signs))
        images = np.stack(
            [prepare_sign(content, sign, preparation) for content, sign in zip(contents, signs, strict=True)]
        )
    return (equalize(images) if preparation.order == "resize_equalize" else images)[:, None]


def prepare_sign(content: bytes, sign: Sign, preparation: Preparation) -> UInt8[np.ndarray, "height width"]:
    """One sign before any equalization that comes after the resizing."""
    image = open_image(content, name=sign.member)
    if preparation.region == "sign":
        sizes = (image.width, image.height) * 2
        left, top, right, bottom = (share * size for share, size in zip(sign.region, sizes, strict=True))
        image = image.crop(
            (round(left), round(top), max(round(right), round(left) + 1), max(round(bottom), round(top) + 1))
        )
    if preparation.negated:
        image = ImageOps.invert(image)
    image = image.convert("L")
    if preparation.order == "equalize_resize":
        image = Image.fromarray(equalize(to_array(image))[0])
    return np.asarray(resize_square(image, size=SIZE, interpolation=preparation.interpolation))
