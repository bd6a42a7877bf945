"""GTSRB, the German traffic signs, read straight from the official zips."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import ImageOps

from negatoscope.data import DataLocator, Dataset, register_dataset
from negatoscope.data.containers import LazyImages, reporting
from negatoscope.data.prepare import prepared
from negatoscope.data.sources import OfficialFile, Source, sources
from negatoscope.data.zips import ZipMembers
from negatoscope.errors import DataError, SpecError
from negatoscope.pixels import DECODING, Interpolation, ResizeSpec, decode, equalize, open_image, resize_image, to_array
from negatoscope.types import PixelArray

Prepare = Literal["none", "paper", "color"]
Order = Literal["resize_equalize", "equalize_resize", "resize"]
Region = Literal["full", "sign"]

TRAIN_IMAGES = "GTSRB_Final_Training_Images.zip"
TEST_IMAGES = "GTSRB_Final_Test_Images.zip"
TEST_TABLE = "GTSRB_Final_Test_GT.zip"

CLASSES = 43
_COLUMNS = ("Filename", "Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")
SIZE = 28
COLOR = ResizeSpec(32, 32, "rgb")


@dataclass(frozen=True)
class Preparation:
    """How a color sign becomes one gray 28x28 image: region, negative, gray (ITU-R 601 luma), then `order`."""

    order: Order = "resize_equalize"
    interpolation: Interpolation = "bilinear"
    region: Region = "full"
    negated: bool = False

    def __str__(self) -> str:
        first = ["cut to the sign"] * (self.region == "sign") + ["negative"] * self.negated + ["gray"]
        steps = {"resize": f"{SIZE}x{SIZE} {self.interpolation}", "equalize": "equalized"}
        return ", ".join(first + [steps[step] for step in self.order.split("_")])


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
    """Traffic signs: 39,209 and 12,630 color images of 15 to 250 pixels, 43 classes.

    Args:
        locator: Where files are looked for.
        split: "train" or "test".
        prepare: "none": color at its own size. "paper": gray, 28x28, equalized; the other settings say how. "color":
            color, 32x32, as audits resize it for a network of that size.
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
    if prepare != "paper" and preparation != Preparation():
        raise SpecError(f"expected prepare='paper' beside the other settings of gtsrb, got {preparation!r}; add it")
    files = locator.find("gtsrb")
    used = [files[name] for name in ((TRAIN_IMAGES,) if split == "train" else (TEST_IMAGES, TEST_TABLE))]
    members = ZipMembers(used[0].path)
    signs = read_training_table(members) if split == "train" else read_test_table(members, used[1].path)
    expect_complete(signs, split, used[0].path)
    images: PixelArray | LazyImages = open_signs(members, signs)
    key = {"dataset": "gtsrb", "split": split, "sha256": [file.source.sha256 for file in used], "decoding": DECODING}
    if prepare == "paper":
        key |= asdict(preparation)
        images = prepared(key, lambda: {"images": prepare_signs(members, signs, preparation)})["images"]
    if prepare == "color":
        images = prepared(key | asdict(COLOR), lambda: {"images": prepare_colors(members, signs)})["images"]
    return Dataset(
        spec="gtsrb",
        split=split,
        images=images,
        labels=np.array([sign.label for sign in signs], dtype=np.int64),
        class_names=GTSRB.class_names,
        samples=np.arange(len(signs)),
        tracks=np.array([sign.track for sign in signs]) if split == "train" else None,
        files=tuple(file.source for file in files.values()),
        names=tuple(sign.member for sign in signs),
        prepared={"none": "", "paper": str(preparation), "color": "color, 32x32 bilinear"}[prepare],
    )


def read_training_table(members: ZipMembers) -> list[Sign]:
    """Every training image in the order of class, track and frame; tracks are numbered from 0 over all classes.

    Raises:
        DataError: The zip is damaged, or a table and the members disagree.
    """
    signs = [sign for label in range(CLASSES) for sign in _signs_of_class(members, label)]
    names = [sign.member.rpartition("_")[0] for sign in signs]  # files are called TRACK_FRAME.ppm
    tracks = {name: track for track, name in enumerate(sorted(set(names)))}
    signs = [Sign(s.member, s.label, tracks[name], s.region) for s, name in zip(signs, names, strict=True)]
    return _in_order(signs, members)


def read_test_table(members: ZipMembers, table: Path) -> list[Sign]:
    """Every test image in the order of its number; test images come in no tracks.

    Raises:
        DataError: A zip is damaged, the table is missing, or the table and the members disagree.
    """
    return _in_order(read_test_labels(table), members)


def read_test_labels(table: Path) -> list[Sign]:
    """The same without a look at the images, in the table's order."""
    return _signs(ZipMembers(table), "GT-final_test.csv", "GTSRB/Final_Test/Images")


def check_file(paths: Mapping[str, Path], name: str) -> None:
    """Read every member of one of the three zips, and hold its tables against them.

    Raises:
        DataError: A member is damaged, or images are missing.
    """
    path = paths[name]
    members = ZipMembers(path)
    for member in members.names:
        members.read_named(member)
    if name == TRAIN_IMAGES:
        expect_complete(read_training_table(members), "train", path)
    elif name == TEST_TABLE:
        expect_complete(read_test_labels(path), "test", path)
    elif TEST_TABLE in paths:
        expect_complete(read_test_table(members, paths[TEST_TABLE]), "test", path)


def expect_complete(signs: Sequence[Sign], split: str, archive: Path) -> None:
    """Raise unless these are all images of a split.

    Raises:
        DataError: Their number or that of their classes is another one.
    """
    count, classes = sources()["gtsrb"].counts[split], {sign.label for sign in signs}
    if len(signs) != count or len(classes) != CLASSES:
        expected, got = (f"{count} images of {CLASSES} classes", f"{len(signs)} of {len(classes)}")
        raise DataError(f"expected {expected} in {archive}, got {got}; fetch the official files")


def _signs_of_class(members: ZipMembers, label: int) -> list[Sign]:
    folder = f"GTSRB/Final_Training/Images/{label:05d}"
    table = f"{folder}/GT-{label:05d}.csv"
    signs = _signs(members, table, folder) if table in members.positions else []
    for sign in signs:
        if sign.label != label or "_" not in sign.member.removeprefix(folder):
            raise DataError(f"expected TRACK_FRAME.ppm of class {label} in {table}, got {sign.member} of {sign.label}")
    return signs


def _signs(members: ZipMembers, table: str, folder: str) -> list[Sign]:
    with reporting(f"expected {';'.join(_COLUMNS)} in {table}, got another table (", "); fetch the zip again"):
        lines = csv.reader(io.StringIO(members.read_named(table).decode("utf-8")), delimiter=";")
        header = next(lines, [])
        columns = [header.index(name) for name in _COLUMNS]
        return [_sign(folder, *(line[column] for column in columns)) for line in lines if line]


def _sign(folder: str, name: str, *numbers: str) -> Sign:
    width, height, left, top, right, bottom, label = map(int, numbers)
    if not (0 <= label < CLASSES and 0 <= left <= right < width and 0 <= top <= bottom < height):
        raise ValueError(f"an impossible line for {name}")
    region = (left / width, top / height, (right + 1) / width, (bottom + 1) / height)
    return Sign(f"{folder}/{name}", label, -1, region)


def _in_order(signs: Sequence[Sign], members: ZipMembers) -> list[Sign]:
    archive, named = members.path, {sign.member for sign in signs}
    missing = sorted(named - members.positions.keys())
    if missing:
        more = len(missing) - 1
        raise DataError(f"expected {missing[0]} in {archive} (and {more} more), it is missing; fetch it again")
    if len(named) != len(signs):
        raise DataError(f"expected each image of {archive} once in the tables, got {len(signs)} lines for {len(named)}")
    return sorted(signs, key=lambda sign: sign.member)


def open_signs(members: ZipMembers, signs: Sequence[Sign]) -> LazyImages:
    """The color images of a zip at their own size, decoded on access."""
    return LazyImages(members, np.array([members.positions[sign.member] for sign in signs], dtype=np.int64))


def prepare_signs(
    members: ZipMembers, signs: Sequence[Sign], preparation: Preparation
) -> UInt8[np.ndarray, "n 1 height width"]:
    """The gray 28x28 images of all signs, in their order."""
    images = np.concatenate([prepare_sign(members.read_named(sign.member), sign, preparation) for sign in signs])
    return (equalize(images) if preparation.order == "resize_equalize" else images)[:, None]


def prepare_colors(members: ZipMembers, signs: Sequence[Sign]) -> UInt8[np.ndarray, "n 3 height width"]:
    """The 32x32 images in color of all signs, in their order."""
    names = [sign.member for sign in signs]
    return np.stack([resize_image(decode(members.read_named(name), name=name), COLOR) for name in names])


def prepare_sign(content: bytes, sign: Sign, preparation: Preparation) -> UInt8[np.ndarray, "1 height width"]:
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
    gray = to_array(image.convert("L"))
    if preparation.order == "equalize_resize":
        gray = equalize(gray)
    return resize_image(gray, ResizeSpec(SIZE, SIZE, "gray", preparation.interpolation))
