"""What is given to a function such as `audit`, as what runs take, and where their result comes from."""

import shutil
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from negatoscope.copies import local_file
from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.errors import InputError, expect
from negatoscope.executors import Execution
from negatoscope.hardware import Hardware, pick_hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.provenance import Provenance, record_provenance
from negatoscope.result_folder import result_folder
from negatoscope.stores import StorePath, path_of

Result = TypeVar("Result")
Written = TypeVar("Written")


def as_texts(values: Sequence[str]) -> tuple[str, ...]:
    """Several texts, or one."""
    return (values,) if isinstance(values, str) else tuple(values)


def as_file(value: str | Path | None) -> Path | None:
    """A file on the disk, of a URL a copy of the object; None and "" are none."""
    return local_file(value) if value else None


def as_folder(value: str | Path | None) -> Path | None:
    """A folder to look for data in, "~" resolved; None stays.

    Raises:
        InputError: It is a URL.
    """
    path = None if value is None else path_of(value)
    if isinstance(path, StorePath):
        raise InputError(f"expected data_dir to be a folder on this machine, got {path}; give it as data")
    return path


@dataclass(frozen=True)
class Named:
    """A model and data by the texts that name them, from which any process opens the same.

    Args:
        model: What `open_classifier` takes, as a text.
        data: What `open_dataset` takes, as a text.
        options: Of the model.
        labels: What labels the images of a folder or an archive.
        label_columns: The table's columns with file names and with labels.
        data_dir: A folder to look into first for named datasets.
        device: Where the model lives.
    """

    model: str
    data: str
    options: Mapping[str, object] = field(default_factory=dict)
    labels: str | Path | None = None
    label_columns: str | Sequence[str] = ()
    data_dir: Path | None = None
    device: str = "cpu"

    @classmethod
    def of(cls, model: object, data: object, **given: Any) -> "Named | None":
        """A model and data, where both are named by a text; None of what is in memory."""
        texts = (str, Path)
        return cls(str(model), str(data), **given) if isinstance(model, texts) and isinstance(data, texts) else None

    def open(self) -> tuple[ClassifierAdapter, Dataset]:
        """The classifier and the images.

        Raises:
            InputError: As `open_classifier` and `open_dataset` say.
        """
        dataset = open_dataset(self.data, data_dir=self.data_dir, labels=self.labels, label_columns=self.label_columns)
        names = dataset.class_names
        opened = open_model(
            self.model, device=self.device, options=self.options, data_classes=len(names), class_names=names
        )
        return opened, dataset


def expect_named(named: object, execution: Execution) -> None:
    """Refuse what lives in this process alone, and so has no texts that name it, where others are to open it.

    Raises:
        InputError: The executor is not this process, and the model or the data have no text that names them.
    """
    got = "one that is open in this process; name both by a path or a text"
    expect(named or execution.executor == "local", f"a model and data for --executor {execution.executor}", got)


def open_labeled(data: Any, *, data_dir: Path | None, **beside: Any) -> Dataset:
    """A dataset as it is, or what `open_dataset` makes of other data, with what labels them `beside` it.

    Raises:
        InputError: There is something beside a dataset that is open, or as `open_dataset` says.
    """
    if not isinstance(data, Dataset):
        return open_dataset(data, data_dir=data_dir, **beside)
    expect(not any(beside.values()), "no labels beside a dataset that is open", "some; give them to open_dataset")
    return data


def given_settings(config: Any) -> dict[str, Any]:
    """The settings that are not their defaults, but for `overwrite`, which is about files on this machine."""
    default = vars(type(config)()) | {"overwrite": config.overwrite}
    return {name: value for name, value in vars(config).items() if value != default[name]}


def open_model(
    model: object,
    *,
    device: str,
    options: Mapping[str, object],
    data_classes: int | None = None,
    class_names: Sequence[str] = (),
) -> ClassifierAdapter:
    """A classifier as it is, or what `open_classifier` makes of another model.

    Raises:
        InputError: There are options beside a classifier that is open, or it has fewer classes than the data; or as
            `open_classifier` says.
    """
    if isinstance(model, ClassifierAdapter):
        known = model.input_spec.data_classes
        expected = f"an output of {model.name} for each of the {data_classes} classes of the data"
        expect(data_classes is None or data_classes <= known, expected, known)
        option = next(iter(options), None)
        expect(option is None, f"no {option!r} beside a classifier that is open", "one; give it to open_classifier")
        return model
    return open_classifier(
        model,
        data_classes=data_classes,
        class_names=class_names,
        device=pick_hardware(device, "float32").device,
        **options,
    )


def provenance_of(classifier: ClassifierAdapter, *datasets: Dataset, command: str) -> Provenance:
    """Where a result of a classifier and data comes from."""
    return record_provenance(
        command=command,
        hardware=Hardware(classifier.device, "float32").description,
        data=[dataset.provenance for dataset in datasets],
        packages=(*classifier.packages, *(package for dataset in datasets for package in dataset.packages)),
    )


def _in_store(place: StorePath, copy: Path, run: Callable[[Path], Result]) -> Result:
    with result_folder(place) as folder:
        result: Any = run(folder)
        shutil.move(folder, copy)
    moved: Result = replace(result, out=copy)
    return moved


def if_written(out: str | Path | None, run: Callable[[Path | None], Written]) -> Written:
    """What `run` gives for the folder to write to for `out`, a folder or a URL; or else for None."""
    if out is None:
        return run(None)
    with result_folder(out) as folder:
        return run(folder)


def in_folder(out: str | Path | None, run: Callable[[Path], Result]) -> Result:
    """What `run` gives for `out`, or else for a temporary folder that lasts as long as that.

    Of a URL the results are in the store, and for as long as the result lasts in a temporary folder, too.
    """
    place = None if out is None else path_of(out)
    if isinstance(place, Path):
        return run(place)
    temporary = Path(mkdtemp(prefix="negatoscope-"))
    try:
        result = _in_store(place, temporary / place.name, run) if place else run(temporary / "unsaved")
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    weakref.finalize(result, shutil.rmtree, temporary, ignore_errors=True)
    return result
