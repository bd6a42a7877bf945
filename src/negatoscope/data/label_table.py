"""Labels that stand beside images: a table (CSV, TSV, JSON lines, JSON), COCO's annotations, or in the files' names."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from negatoscope.data.containers import printable, reporting
from negatoscope.errors import DataError, InputError, expect, shown, suggest
from negatoscope.stores import AnyPath, size_of

FILE_COLUMNS = (
    *("file_name", "filename", "file", "image_path", "file_path", "filepath", "path", "image_file", "image_name"),
    *("image", "img", "image_id", "name", "id"),
)
LABEL_COLUMNS = (
    *("label", "class", "class_name", "label_name", "category", "target", "class_id", "classid", "label_id"),
    *("category_id", "y"),
)
OBJECT_COLUMNS = ("patient_id", "patientid", "patient", "subject_id", "subject", "track_id", "track")
"""Columns that say which images show one object, where there is one."""

SPLIT_COLUMN = "split"
"""The column that divides a table into splits, where there is one."""

PLACE = "{label}"
"""Where the label stands in a pattern of file names."""

_MAX_BYTES = 1_000_000_000
_DELIMITERS = ",;\t|"
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class LabelTable:
    """Which class each image is of.

    Args:
        source: What the user calls the table.
        files: The images' paths, as they are written there.
        labels: The class of each, "" for none.
        splits: The split of each; none where the table does not say.
        objects: The object that each shows, "" for one of its own; none where the table does not say.
        class_names: All classes in the order of their numbers, where the table lists them.
    """

    source: str
    files: Sequence[str]
    labels: Sequence[str]
    splits: Sequence[str] = ()
    objects: Sequence[str] = ()
    class_names: Sequence[str] = ()


def read_labels(path: AnyPath, columns: Sequence[str] = ()) -> LabelTable:
    """The labels in a file: .csv, .tsv, .jsonl, .ndjson, or .json of COCO's form or with a list of records.

    Args:
        path: The file.
        columns: Those with the images' paths, with the labels and perhaps with the objects that images show, by name,
            or by number from 1 in a table without a header; none finds them by the usual names.

    Raises:
        InputError: `columns` are not two or three.
        DataError: The file cannot be read, or has no such columns or no rows.
    """
    two = "--label-columns with two columns or three, as in FILE,LABEL or FILE,LABEL,OBJECT"
    expect(len(columns) in (0, 2, 3), two, shown(",".join(columns)))
    kind = path.suffix.lower()
    if kind not in _TABLES:
        raise DataError(f"expected labels in a file that ends in {', '.join(_TABLES)}, got {path}; convert it")
    with reporting(f"expected a table of labels in {path}, got one that cannot be read (", "); correct it"):
        size_bytes = size_of(path)
        expect(size_bytes <= _MAX_BYTES, f"at most {_MAX_BYTES} bytes in {path}", size_bytes, DataError)
        text = path.read_text(encoding="utf-8-sig")
        if kind in (".csv", ".tsv"):
            numbered = bool(columns) and all(column.isdigit() for column in columns)
            header, rows = _delimited(text, kind, numbered=numbered)
        else:
            lines = filter(str.strip, text.split("\n"))
            plain = json.loads(text) if kind == ".json" else [json.loads(line) for line in lines]
            if isinstance(plain, dict) and "annotations" in plain:
                return _coco(path, plain)
            header, rows = _records(plain)
        return _table(path, header, rows, columns)


def pattern_labels(pattern: str, names: Iterable[str]) -> LabelTable:
    """The labels that file names hold: "{label}_*.png" takes "cat" of "cat_01.png".

    "{label}" is as short as the rest allows, "*" is any text without "/", "?" one character, "[0-9]" one of some,
    "[!0-9]" one of the others. The pattern is held against a file's name, or as many folders before it as it names.

    Raises:
        InputError: "{label}" does not stand in the pattern once, or a set of characters is none.
    """
    expect(pattern.count(PLACE) == 1, f"{PLACE} once in the pattern of --labels", shown(pattern))
    signs = {PLACE: "(?P<label>[^/]+?)", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\{label\}|\*|\?|\[[^\]/]+\])", pattern)
    pieces[::2] = map(re.escape, pieces[::2])
    pieces[1::2] = [signs.get(sign) or _set(sign[1:-1]) for sign in pieces[1::2]]
    try:
        regex = re.compile("".join(pieces))
    except re.error as error:
        raise InputError(f"expected a pattern of file names for --labels, got {pattern!r} ({error})") from error
    depth = pattern.count("/") + 1
    found = {name: regex.fullmatch("/".join(name.split("/")[-depth:])) for name in names}
    labels = {name: match["label"] for name, match in found.items() if match}
    return LabelTable(pattern, list(labels), list(labels.values()))


def _set(characters: str) -> str:
    """A set of a pattern as one of a regular expression: ranges and the first "!" count, other signs are themselves."""
    plain = re.sub(r"([\[\]\\^&~|])", r"\\\1", characters.removeprefix("!")).replace("--", r"\-\-")
    return f"[{'^' if characters.startswith('!') else ''}{plain}]"


def _delimited(text: str, kind: str, *, numbered: bool) -> tuple[list[str], list[Sequence[str | None]]]:
    """Header and rows; without a header, columns are called by their numbers from 1."""
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = "\t" if kind == ".tsv" else max(_DELIMITERS, key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if numbered:
        return [str(number + 1) for number in range(max(map(len, rows), default=0))], list(rows)
    return [name.strip() for name in rows[0]] if rows else [], list(rows[1:])


def _records(records: object) -> tuple[list[str], list[Sequence[Any]]]:
    """The same of a list of JSON objects, or of one object that has a label for each file."""
    if isinstance(records, dict):
        return ["file", "label"], list(records.items())
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("its rows are no objects")
    header = list(dict.fromkeys(name for record in records for name in record))
    return header, [[record.get(name) for name in header] for record in records]


def _table(path: AnyPath, header: Sequence[str], rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> LabelTable:
    named = [_named(path, header, name) for name in columns]
    file, label, *more = named or [
        _found(path, header, FILE_COLUMNS, "file names"),
        _found(path, header, LABEL_COLUMNS, "labels"),
    ]
    of_object = more[0] if more else _usual(header, OBJECT_COLUMNS)
    split = _usual(header, (SPLIT_COLUMN,))
    expect(rows, f"rows in {path}", "none", DataError)
    files = _cells(rows, file)
    empty = next((number for number, name in enumerate(files, 1) if not name), None)
    expect(empty is None, f"a file name in each row of {path}", f"none in row {empty}", DataError)
    return LabelTable(path.name, files, _cells(rows, label), _cells(rows, split), _cells(rows, of_object))


def _cells(rows: Sequence[Sequence[Any]], place: int | None) -> list[str]:
    return [] if place is None else [_text(row[place]).strip() if place < len(row) else "" for row in rows]


def _usual(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Where the column stands that is the first of these names; None where there is none."""
    known = {re.sub(r"[\s-]+", "_", title.strip().lower()): place for place, title in reversed(list(enumerate(header)))}
    return next((known[name] for name in names if name in known), None)


def _named(path: AnyPath, header: Sequence[str], name: str) -> int:
    """Where the column of that name stands."""
    if name not in header:
        raise DataError(f"expected a column of {path} for --label-columns, got {name!r}; {suggest(name, header)}")
    return header.index(name)


def _found(path: AnyPath, header: Sequence[str], usual: Sequence[str], kind: str) -> int:
    """Where the column stands that is the first of the usual names."""
    place = _usual(header, usual)
    if place is None:
        got = f"the columns {', '.join(map(printable, header[:10]))}" if header else "none"
        raise DataError(
            f"expected a column of {kind} in {path} ({', '.join(usual[:3])}, ...), got {got}; give "
            "--label-columns FILE,LABEL, by name or, in a table without a header, by number: 1,2"
        )
    return place


def _coco(path: AnyPath, content: Mapping[str, Any]) -> LabelTable:
    """COCO's annotations, each of them the class of an image; classes in the order of their ids."""
    try:
        categories = sorted((int(entry["id"]), str(entry["name"])) for entry in content["categories"])
        files = {entry["id"]: str(entry["file_name"]) for entry in content["images"]}
        pairs = [(entry["image_id"], int(entry["category_id"])) for entry in content["annotations"]]
        named = dict(categories)
        labels = {(files[image], named[category]): None for image, category in pairs}
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"expected images, annotations and categories of COCO's form in {path}, got others ({error!r}); correct it"
        ) from error
    names = [name for _, name in categories]
    if len(set(names)) < len(names) or len(named) < len(names):
        raise DataError(f"expected different categories in {path}, got two with one id or name; correct it")
    unlabeled = set(files.values()) - {file for file, _ in labels}
    rows = [*labels, *((file, "") for file in sorted(unlabeled))]
    return LabelTable(path.name, [file for file, _ in rows], [label for _, label in rows], class_names=names)


def _text(value: object) -> str:
    """A value of JSON as a table's cell, "" for null and NaN."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    raise ValueError(f"{shown(value)} is neither a text nor a number")
