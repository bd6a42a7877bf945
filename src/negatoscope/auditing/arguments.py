"""What is given to a function such as `audit`, as what runs take, and where their result comes from."""

import shutil
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from negatoscope.data import Dataset
from negatoscope.errors import expect
from negatoscope.hardware import Hardware, pick_hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.provenance import Provenance, record_provenance
from negatoscope.stores import expand_home

Result = TypeVar("Result")


def as_texts(values: Sequence[str]) -> tuple[str, ...]:
    """Several texts, or one."""
    return (values,) if isinstance(values, str) else tuple(values)


def as_path(value: str | Path | None) -> Path | None:
    """A path, "~" resolved; None stays."""
    return None if value is None else expand_home(value)


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
        InputError: There are options beside a classifier that is open, or as `open_classifier` says.
    """
    if isinstance(model, ClassifierAdapter):
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


def in_folder(out: str | Path | None, run: Callable[[Path], Result]) -> Result:
    """What `run` gives for `out`, or else for a temporary folder that lasts as long as that."""
    if out is not None:
        return run(expand_home(out))
    temporary = Path(mkdtemp(prefix="negatoscope-"))
    try:
        result = run(temporary / "unsaved")
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    weakref.finalize(result, shutil.rmtree, temporary, ignore_errors=True)
    return result
