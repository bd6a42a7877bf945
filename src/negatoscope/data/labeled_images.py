"""Images of a folder or an archive, labeled by a table beside them or by their own names."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from negatoscope.data.base import Dataset, LeftOut
from negatoscope.data.class_folders import SPLIT_NAMES, SPLITS, SUFFIXES, has_dicom_suffix, has_no_suffix, passed_over
from negatoscope.data.containers import Container, LazyImages, printable
from negatoscope.data.label_table import PLACE, LabelTable, pattern_labels, read_labels
from negatoscope.data.labels import number_classes, number_objects
from negatoscope.errors import DataError, InputError, expect, shown
from negatoscope.stores import AnyPath, path_of

_LEAVES = re.compile(r"\.\.(/|$)|/|[A-Za-z]:")


def open_labeled_images(
    container: Container,
    path: AnyPath,
    split: str,
    *,
    labels: str | Path,
    columns: Sequence[str] = (),
    wrapped: bool = False,
    ordered: bool = True,
) -> Dataset:
    """The images of a container that have a label beside them, each named by its path.

    A table names an image by its path from the folder of the images or of the table, or by the end of its path where
    only one image of the split ends so; without a suffix where the table writes none. Where folders are called after
    splits, or a column ``split`` is there, only what is of `split` counts. Classes are those of `number_classes`.

    Args:
        container: What all entries are in, as `open_class_folders` takes it.
        path: Where the container is.
        split: "train", "test" or "validation".
        labels: The file of the table, or a pattern for file names with "{label}" in it.
        columns: The table's columns of files, labels and perhaps objects; none finds them by the usual names.
        wrapped: Not heeded: the folder around everything is a part of paths.
        ordered: Whether to sort by path; otherwise the images keep the order of their entries.

    Raises:
        InputError: `columns` are not two or three, or stand beside a pattern.
        DataError: The table cannot be read or leads out of the folder, an image has two labels or none is labeled.
    """
    entries = {name: position for position, name in enumerate(container.names) if not _is_hidden(name)}
    images = sorted(name for name in entries if _has_suffix(name) or has_no_suffix(name))
    chosen = _of_split(images, path, split)
    table = _read(labels, columns, images)
    rows, left_out = _match(table, chosen, images, path=path, home=path_of(labels).parent, split=split)
    names = sorted(rows, key=None if ordered else entries.__getitem__)
    others = [name for name in sorted(entries.keys() - set(images)) if posixpath.basename(name) != table.source]
    numbers, class_names = number_classes(table.labels, table.class_names, source=table.source)
    return Dataset(
        spec=printable(path.name),
        split=split,
        images=LazyImages(container, np.array([entries[name] for name in names], dtype=np.int64)),
        labels=np.array([numbers[table.labels[rows[name]]] for name in names], dtype=np.int64),
        class_names=tuple(map(printable, class_names)),
        samples=np.arange(len(names)),
        tracks=number_objects([table.objects[rows[name]] for name in names]) if table.objects else None,
        names=tuple(map(printable, names)),
        left_out=(*passed_over(others), *left_out),
    )


def _is_hidden(entry: str) -> bool:
    return entry.startswith((".", "__MACOSX/")) or "/." in entry or entry.endswith("/") or not entry


def _has_suffix(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _of_split(names: Sequence[str], path: AnyPath, split: str) -> list[str]:
    """The images of a split, where folders divide them; else all."""
    parts = [next((part for part in name.split("/")[:-1] if part in SPLIT_NAMES), "") for name in names]
    splits = sorted({SPLIT_NAMES[part] for part in parts if part})
    chosen = [name for name, part in zip(names, parts, strict=True) if SPLIT_NAMES.get(part) == split]
    images = f"images ({', '.join(SUFFIXES)}) in {path}"
    expect(names, images, "none; name another folder or archive", DataError)
    instead = f"those of {' and '.join(splits)}; name one, as in {path.name}:{splits[0]}" if splits else ""
    expect(chosen or not splits, f"{images}, split {split}", instead, DataError)
    return chosen if splits else list(names)


def _read(labels: str | Path, columns: Sequence[str], names: Sequence[str]) -> LabelTable:
    file, text = path_of(labels), str(labels)
    if PLACE in text and not file.is_file():
        expect(not columns, "no --label-columns beside a pattern of file names", ",".join(columns), InputError)
        return pattern_labels(text, names)
    got = f"{text!r}, which is no file; correct it"
    expect(file.is_file(), f"--labels to be a file, or a pattern such as {PLACE}_*.png", got, DataError)
    return read_labels(file, columns)


def _match(
    table: LabelTable, chosen: Sequence[str], names: Sequence[str], *, path: AnyPath, home: AnyPath, split: str
) -> tuple[Mapping[str, int], tuple[LeftOut, ...]]:
    """The row of each chosen image that has a label; and what has no part."""
    beside, top = (place.expanduser().absolute().as_posix() for place in (home, path))
    of_split, of_all = (_Finder(part, beside, top, table.source) for part in (chosen, names))
    rows: dict[str, int] = {}
    missing, repeated, others = [], [], set[str]()
    private = any(has_dicom_suffix(name) or has_no_suffix(name) for name in names)
    parts = [SPLIT_NAMES.get(part.lower(), part) for part in table.splits] or [split] * len(table.files)
    _expect_split(parts, split, path=path, source=table.source)
    for row, (file, label, part) in enumerate(zip(table.files, table.labels, parts, strict=True)):
        called = f"path {row + 1}" if private else repr(file)
        if part != split:
            others.update(of_all.find(file, called))
            continue
        found = of_split.find(file, called)
        if len(found) > 1:
            several = str(len(found)) if private else f"{len(found)}: {found[0]}, {found[1]}"
            raise DataError(f"expected one image for {called} of {table.source}, got {several}; write the whole path")
        if not found and not of_all.find(file, called):
            missing.append(file)
        for name in found:
            if name in rows:
                earlier = table.labels[rows[name]]
                same, both = earlier == label, f"{earlier!r} and {label!r}; correct it"
                image = called if private else printable(name)
                expect(same, f"one label for {image} in {table.source}", both, DataError)
                repeated.append(name)
            rows[name] = row
    labeled = {name: row for name, row in rows.items() if table.labels[row]}
    expect(labeled or not rows, f"labels in {table.source}", "none of an image; fill the column", DataError)
    if not labeled:
        image, path_there = f"such as {chosen[0]!r}", f"such as {table.files[0]!r}" if table.files else "none"
        if private:
            image, path_there = f"of {printable(path.name)}", "paths of none of them"
        raise DataError(f"expected labels in {table.source} for images {image}, got {path_there}; correct it")
    unlabeled = [name for name in chosen if name not in labeled and name not in others]
    left_out = (
        *passed_over([name for name in unlabeled if not _has_suffix(name)]),
        LeftOut.of("image", f"without a label in {table.source}", list(filter(_has_suffix, unlabeled))),
        LeftOut.of("label", f"without an image in {table.source}", missing),
        LeftOut.of("repeated label", f"in {table.source}", repeated),
    )
    return labeled, tuple(entry for entry in left_out if entry.n)


def _expect_split(parts: Sequence[str], split: str, *, path: AnyPath, source: str) -> None:
    """Raise unless some row of a table is of a split, or the table is empty."""
    known = [name for name in SPLITS if name in parts]
    step = f"name one, as in {printable(path.name)}:{known[0]}" if known else "correct them"
    got = f"those of {', '.join(known) or shown(', '.join(sorted(set(parts))))}; {step}"
    expect(split in parts or not parts, f"rows of the split {split} in {source}", got, DataError)


class _Finder:
    """Finds the images that a table's paths mean, among those that are there: none is looked for outside.

    Args:
        names: The paths of the images from their folder.
        home: The table's folder.
        top: The folder of the images.
        source: What an error calls the table.
    """

    def __init__(self, names: Sequence[str], home: str, top: str, source: str) -> None:
        self.names, self.home, self.top, self.source = names, home, top, source
        self.known = frozenset(names)

    def find(self, file: str, called: str) -> list[str]:
        """The image, or all of those that the path may mean; an error has `called` in its place.

        Raises:
            DataError: The path leads out of the folder.
        """
        path = posixpath.normpath(file.replace("\\", "/"))
        if path in self.known:
            return [path]
        beside = posixpath.relpath(posixpath.join(self.home, path), self.top)
        if beside in self.known:
            return [beside]
        inside = [each for each in (path, beside) if not _LEAVES.match(each)]
        expect(inside, f"paths of images inside {self.top.rpartition('/')[2]} in {self.source}", called, DataError)
        return self._endings.get(inside[0], [])

    @cached_property
    def _endings(self) -> dict[str, list[str]]:
        """The images by every end of their path, then those by every end without its suffix that is not among these."""
        endings: dict[str, list[str]] = {}
        bare: dict[str, list[str]] = {}
        for name in self.names:
            for ends, path in ((endings, name), (bare, posixpath.splitext(name)[0])):
                parts = path.split("/")
                for first in range(len(parts)):
                    ends.setdefault("/".join(parts[first:]), []).append(name)
        return bare | endings
