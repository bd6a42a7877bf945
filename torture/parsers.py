"""The parsers that are written here, each as a function of bytes that raises nothing but errors of negatoscope."""

import gzip
import importlib
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from negatoscope.data.gtsrb import TEST_TABLE, read_test_labels
from negatoscope.data.idx import read_idx
from negatoscope.errors import NegatoscopeError
from negatoscope.models.class_map import read_class_map
from negatoscope.models.options import read_options
from negatoscope.registry import parse_spec, split_list, split_stages
from negatoscope.rows import SCHEMA, read_rows
from negatoscope.transforms.label_preserving import read_rules
from negatoscope.transforms.spaces import resolve_space
from torture.samples import Samples

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

    read: Callable[[bytes, Path], object]
    seeds: Callable[[Samples], Sequence[bytes]]
    modules: Sequence[str]

    def __call__(self, content: bytes, folder: Path) -> None:
        """Read the bytes; anything but an error of negatoscope is a failure of the parser."""
        with suppress(NegatoscopeError):
            self.read(content, folder)


def _idx(content: bytes, folder: Path) -> object:
    file = folder / "a.gz"
    file.write_bytes(gzip.compress(content, 0, mtime=0))
    return read_idx(file)


def _signs(content: bytes, folder: Path) -> object:
    file = folder / TEST_TABLE
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("GT-final_test.csv", content)
    return read_test_labels(file)


def _spec(content: bytes, folder: Path) -> object:
    text = content.decode(errors="surrogateescape")
    for part in (*split_list(text), *split_stages(text)):
        with suppress(NegatoscopeError):
            parse_spec(part)
    return resolve_space(text, channels=1)


def _class_map(content: bytes, folder: Path) -> object:
    text = content.decode(errors="surrogateescape")
    with suppress(NegatoscopeError):
        read_options({"class_map": text})
    file = folder / "labels.txt"
    file.write_bytes(content)
    with suppress(NegatoscopeError):
        read_class_map(str(file), data_classes=2, class_names=("zero", "one"))
    return read_class_map(
        text if len(text) < 40 else "names", data_classes=3, class_names=("a", "b"), labels=text.split()
    )


def _rows(content: bytes, folder: Path) -> object:
    file = folder / "rows.parquet"
    file.write_bytes(content)
    return read_rows(file, columns=SCHEMA.names)


def _rules(content: bytes, folder: Path) -> object:
    file = folder / "rules.toml"
    file.write_bytes(content)
    return read_rules(file)


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
