"""Models by URL: their files are copied to the disk, where each kind of model is opened from."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from negatoscope.copies import local_files, named
from negatoscope.errors import DataError
from negatoscope.models.onnx_graph import external_names, read_graph
from negatoscope.stores import AnyPath, StorePath, is_inside

_OF_A_FOLDER = (".json", ".safetensors")
"""What is copied of a Hugging Face folder: no code that lies in it."""


@contextmanager
def on_disk(place: AnyPath) -> Iterator[Path]:
    """The file or folder that a model is opened from: itself, or of a URL its copy; errors in the block name the URL.

    Raises:
        DataError: There is no such object, it changed while it was copied, or the folder is none of Hugging Face's.
        OutputError: The cache cannot be written.
        StoreError: The store cannot be reached or refuses.
    """
    if isinstance(place, Path):
        yield place
    elif place.is_dir():
        copy = local_files(place, _files_of(place))
        with named(place, copy):
            yield copy
    else:
        home, names = place.parent, [place.name]
        copy = local_files(home, names)
        if place.suffix == ".onnx" and (beside := _beside(copy / place.name)):
            copy = local_files(home, [*names, *beside])
        with named(home, copy):
            yield copy / place.name


def _files_of(folder: StorePath) -> list[str]:
    names = [path.name for path in folder.iterdir() if path.is_file() and path.suffix in _OF_A_FOLDER]
    if "config.json" not in names:
        raise DataError(f"expected a folder with config.json, as save_pretrained makes it, but {folder} has none")
    return names


def _beside(file: Path) -> list[str]:
    """What an ONNX file has its weights in; what leads out of its folder is for its opener to refuse."""
    return [name for name in external_names(read_graph(file.read_bytes(), name=file.name)) if is_inside(name)]
