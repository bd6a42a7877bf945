"""The parsers that are written here: of any bytes they give a value that is what they promise, or our own error."""

import csv
import gzip
import importlib
import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import numpy as np
import torch

from negatoscope.data.gtsrb import CLASSES, TEST_TABLE, read_test_labels
from negatoscope.data.idx import read_idx
from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import NegatoscopeError
from negatoscope.models.class_map import read_class_map
from negatoscope.models.options import read_options
from negatoscope.registry import parse_spec, split_list, split_stages
from negatoscope.rows import SCHEMA, read_rows, write_rows
from negatoscope.transforms import CLEAN, describe_transform
from negatoscope.transforms.label_preserving import DatasetRules, read_rules
from negatoscope.transforms.spaces import resolve_space
from torture.samples import Samples

Value = TypeVar("Value")

SIGNS = (
    b"Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n"
    b"00000.ppm;53;54;6;5;48;49;16\r\n00001.ppm;42;45;5;5;36;40;1\r\n"
)
IDX = (b"\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\3abcdef", b"\0\0\x08\1\0\0\0\2ab")
SPECS = (
    "gamma(exponent=2.0) | negative",
    "gtsrb(prepare='paper', negated=True)",
    "hue_shift(degrees=-180..180)",
    "a,b",
)
CLASS_MAPS = ("1..1000", "4,7,9", "+1", "sorted", "names", "zero\none\ntench, Tinca tinca\n", "-1", "0..9,3")


@dataclass(frozen=True)
class Parser:
    """What reads bytes (in a folder for its files), texts that it takes, and the modules that it is written in."""

    read: Callable[[bytes, Path], bool]
    seeds: Callable[[Samples], Sequence[bytes]]
    modules: Sequence[str]

    def __call__(self, content: bytes, folder: Path) -> bool:
        """Whether the bytes are read; an `AssertionError` says which promise what is read does not keep."""
        return self.read(content, folder)


def _value(read: Callable[..., Value], *arguments: object, **named: object) -> Value | None:
    """What is read, or None where it is refused by an error of negatoscope."""
    try:
        return read(*arguments, **named)
    except NegatoscopeError:
        return None


def _idx(content: bytes, folder: Path) -> bool:
    """The array has the bytes of the file, in the shape that its header names."""
    file = folder / "a.gz"
    file.write_bytes(gzip.compress(content, 0, mtime=0))
    array = _value(read_idx, file)
    if array is not None:
        header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        assert array.dtype == np.uint8
        assert header + array.tobytes() == content
    return array is not None


def _signs(content: bytes, folder: Path) -> bool:
    """Each line of the table is a sign of a class that there is, in a region of the image."""
    file = folder / TEST_TABLE
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("GT-final_test.csv", content)
    signs = _value(read_test_labels, file)
    if signs is not None:
        header, *lines = filter(None, csv.reader(io.StringIO(content.decode()), delimiter=";"))
        labels = [int(line[header.index("ClassId")]) for line in lines]
        assert [sign.label for sign in signs] == labels
        for sign in signs:
            left, top, right, bottom = sign.region
            assert 0 <= sign.label < CLASSES
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
    return signs is not None


def _spec(content: bytes, folder: Path) -> bool:
    """A spec is written as it is read; so is a space, which has a transform at each point."""
    text = content.decode(errors="surrogateescape")
    specs = [_value(parse_spec, part) for part in (*split_list(text), *split_stages(text))]
    for spec in filter(None, specs):
        assert parse_spec(str(spec)) == spec
    space = _value(resolve_space, text, channels=3)
    if space is not None:
        assert resolve_space(space.text, channels=3).text == space.text
        corners = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)[:, None].expand(3, len(space.dimensions))
        for transform in space.parameters(corners):
            assert transform == CLEAN or describe_transform(transform)
    return space is not None or any(specs)


def _class_map(content: bytes, folder: Path) -> bool:
    """Numbers are of outputs; where names are looked for, each is found in the line of its output."""
    text = content.decode(errors="surrogateescape")
    options = _value(read_options, {"class_map": text})
    if options is not None:
        outputs = options.class_map
        assert outputs == text or outputs is None or min(map(int, outputs)) >= 0
    file = folder / "labels.txt"
    file.write_bytes(content)
    names = ("zero", "one")
    lines = content.decode(errors="replace").splitlines()  # as many as a classifier must have outputs
    by_file = _value(read_class_map, str(file), classes=len(lines), data_classes=2, class_names=names)
    if by_file is not None:
        lines = content.decode().splitlines()
        assert all(
            name in lines[place].casefold().replace("_", " ") for name, place in zip(names, by_file, strict=True)
        )
    turned = _value(read_class_map, text, classes=3, data_classes=3) if text in ("+1", "-1", "sorted") else None
    if turned is not None:
        assert sorted(turned) == [0, 1, 2]
    own = _value(read_class_map, "names", classes=len(text.split()), class_names=names, labels=text.split())
    if own is not None:
        assert all(0 <= place < len(text.split()) for place in own)
    return any(value is not None for value in (options, by_file, turned, own))


def _rows(content: bytes, folder: Path) -> bool:
    """Rows have every column, and are the same when they are written and read again."""
    file, again = folder / "rows.parquet", folder / "again.parquet"
    file.write_bytes(content)
    rows = _value(read_rows, file, columns=SCHEMA.names)
    if rows is not None:
        assert rows.schema.names == SCHEMA.names
        write_rows(again, [rows])
        assert repr(read_rows(again).to_pylist()) == repr(rows.to_pylist())  # NaN too
    return rows is not None


def _rules(content: bytes, folder: Path) -> bool:
    """Rules are the same when they are written and read again."""
    file = folder / "rules.toml"
    file.write_bytes(content)
    rules = _value(read_rules, file)
    for each in (rules or {}).values():
        assert from_plain(to_plain(each), DatasetRules) == each
    return rules is not None


def _file(*names: str) -> Callable[[Samples], Sequence[bytes]]:
    return lambda samples: [next(iter(sorted(samples.folder.glob(name)))).read_bytes() for name in names]


PARSERS = {
    "idx": Parser(_idx, lambda samples: IDX, ["data.idx"]),
    "gtsrb csv": Parser(_signs, lambda samples: [SIGNS], ["data.gtsrb"]),
    "specs": Parser(
        _spec,
        lambda samples: [text.encode() for text in SPECS],
        ["registry", "descriptions", "transforms.spaces", "transforms.space_text"],
    ),
    "class maps": Parser(
        _class_map, lambda samples: [text.encode() for text in CLASS_MAPS], ["models.class_map", "models.options"]
    ),
    "rows": Parser(_rows, _file("audit/rows.parquet/*.parquet"), ["rows"]),
    "annotations": Parser(_rules, _file("rules.toml"), ["transforms.label_preserving", "documents"]),
}


def modules_of(parser: Parser) -> list[ModuleType]:
    """The modules that it is written in."""
    return [importlib.import_module(f"negatoscope.{name}") for name in parser.modules]
