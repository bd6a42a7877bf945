"""Whatever a user names as data: a dataset of the project, a folder, an archive, a table, an array, shards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from negatoscope.data import DATASETS, Dataset, SourceFile, load_dataset
from negatoscope.data.archives import TarMembers, open_tar, open_zip
from negatoscope.data.class_folders import SPLIT_NAMES, SPLITS, SUFFIXES, Opener
from negatoscope.data.dicom import with_dicom
from negatoscope.data.image_folder import open_folder
from negatoscope.data.labeled_images import open_labeled_images
from negatoscope.data.npz import open_npz
from negatoscope.data.objects import open_object
from negatoscope.data.parquet import open_parquet, parquet_files
from negatoscope.data.webdataset import open_shards, shard_paths
from negatoscope.errors import DataError, SpecError, expect, shown, suggest
from negatoscope.registry import parse_spec
from negatoscope.stores import AnyPath, path_of

TARS = (".tar", ".tar.gz", ".tgz")


def open_dataset(
    data: Any,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    labels: str | Path | None = None,
    label_columns: str | Sequence[str] = (),
) -> Dataset:
    """One split of what `data` names or is; images are read on access.

    Args:
        data: A spec such as "mnist" or "gtsrb(prepare='paper')"; "folder:PATH"; or a path: a folder, zip or tar
            (.tar, .tar.gz, .tgz) of class folders, a Parquet file or a folder of them, an .npz, or WebDataset shards
            ("shards-{000..009}.tar"). With ":train", ":test", ":validation" or ":val" at its end it names the split,
            too. What is a dataset's name is no path: write "./mnist" for a folder of that name. Or what is in memory:
            ``(images, labels)``, a torch Dataset or DataLoader, a Hugging Face dataset.
        split: The split, where `data` names none.
        data_dir: A folder to look into first for the files of a spec.
        labels: What labels the images of a folder, zip or tar, whose folders are no classes then: a .csv, .tsv, .jsonl
            or .json, or a pattern for file names such as "{label}_*.png".
        label_columns: The columns with file names and with labels, as in "FILE,LABEL", and perhaps with the objects
            that images show, "FILE,LABEL,OBJECT"; none finds them by usual names.

    Raises:
        SpecError: The dataset, one of its arguments or the split is unknown.
        DataNotFoundError: There is no copy of a dataset and none can be fetched.
        DataError: What is there is damaged, or not what it claims to be, or has no images of the split.
    """
    in_memory = not isinstance(data, str | Path)
    text = "" if in_memory else str(data)
    name, colon, last = text.rpartition(":")
    if colon and last in SPLIT_NAMES and name != "folder":  # in "folder:test" it is the folder's name
        text, split = name, last
    if split not in SPLIT_NAMES:
        raise SpecError(f"expected one of the splits {', '.join(SPLITS)}, got {split!r}")
    split = SPLIT_NAMES[split]
    columns = label_columns.split(",") if isinstance(label_columns, str) else label_columns
    columns = [column for column in columns if column]
    expect(labels is not None or not columns, "--labels beside --label-columns", "none")
    if in_memory:
        expect(labels is None, "no --labels beside images that are in memory", shown(labels))
        return open_object(data, split=split)
    if labels is not None:
        return with_dicom(_open_labeled(text, split, labels, columns))
    if text.startswith("folder:"):
        return _open_folder(text.removeprefix("folder:"), split)
    if not _is_spec(text):
        return with_dicom(_open_path(text, split))
    name, known = parse_spec(text).name, DATASETS.names()
    expect(name in known, "a folder, a file or the name of a dataset", f"{name!r}; {suggest(name, known)}", SpecError)
    spec, _ = DATASETS.resolve(text)
    if spec.name == "folder":
        return _open_folder(str(spec.arguments["path"]), split)
    return load_dataset(text, split=split, data_dir=data_dir)


def _open_labeled(text: str, split: str, labels: str | Path, columns: Sequence[str]) -> Dataset:
    path = path_of(text.removeprefix("folder:"))
    opener: Opener = partial(open_labeled_images, labels=labels, columns=columns)
    if path.is_dir():
        dataset = open_folder(str(path), split, opener)
    elif path.is_file() and path.name.lower().endswith(TARS):
        dataset = open_tar(path, split, TarMembers([path]), opener)
    elif path.is_file() and path.suffix.lower() == ".zip":
        dataset = open_zip(path, split, opener)
    else:
        kinds = ", ".join((".zip", *TARS))
        got = repr(text) if path.exists() else f"{text!r}, which does not exist"
        raise DataError(f"expected a folder or a file that ends in {kinds} beside --labels, got {got}; correct it")
    file = path_of(labels)
    return replace(dataset, files=(*dataset.files, SourceFile.of_user(file))) if file.is_file() else dataset


def _is_spec(text: str) -> bool:
    try:
        name = parse_spec(text).name
    except SpecError:
        return False
    return name in DATASETS.names() or not path_of(text).exists()


def _open_path(text: str, split: str) -> Dataset:
    path = path_of(text)
    if "{" not in text and not path.exists():
        raise DataError(f"expected a dataset, a folder or a file, got {text!r}, which does not exist; correct it")
    if path.name.lower().endswith(TARS):
        members = TarMembers(shard_paths(text))
        return open_shards(text, split, members) if any(members.classes) else open_tar(path, split, members)
    if path.is_dir():
        return _open_folder(text, split)
    openers: Mapping[str, Callable[[AnyPath, str], Dataset]] = {
        ".zip": open_zip,
        ".parquet": open_parquet,
        ".npz": open_npz,
    }
    if path.suffix.lower() not in openers:
        known = ", ".join((*openers, *TARS))
        step = (
            "without a label: negatoscope.classify_unlabeled" if path.name.lower().endswith(SUFFIXES) else "convert it"
        )
        raise DataError(f"expected a folder or a file that ends in {known}, got {text!r}; {step}")
    return openers[path.suffix.lower()](path, split)


def _open_folder(text: str, split: str) -> Dataset:
    path = path_of(text)
    return open_parquet(path, split) if text and parquet_files(path) else open_folder(text, split)
