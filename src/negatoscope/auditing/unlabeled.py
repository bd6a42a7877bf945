"""Images without labels from end to end: predictions clean and under a suite, with a page."""

import re
import shlex
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from negatoscope.auditing.arguments import as_texts, if_written, open_model, provenance_of
from negatoscope.auditing.plan import AuditConfig, AuditPlan, make_plan
from negatoscope.auditing.run import AuditProgress
from negatoscope.auditing.unlabeled_page import unlabeled_html
from negatoscope.auditing.unlabeled_predictions import UnlabeledPredictions, predict_unlabeled
from negatoscope.data import Dataset
from negatoscope.data.containers import LazyImages
from negatoscope.data.dicom import DicomImages, summarize_dicom
from negatoscope.data.unlabeled import open_unlabeled
from negatoscope.documents import write_document
from negatoscope.errors import DataError
from negatoscope.files import expect_free, locked, remove_leftovers, write_whole
from negatoscope.models.options import expect_known
from negatoscope.provenance import python_call
from negatoscope.reports.data_uri import GRAIN

_WRITTEN = ("predictions.json", "report.html", ".lock")
Progress = Callable[[AuditProgress], None]


def classify_unlabeled(
    model: object,
    data: str | Path,
    *,
    suite: str = "semantic",
    transforms: Sequence[str] = (),
    limit: int | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    **options: Any,
) -> UnlabeledPredictions:
    """What a classifier predicts for images without labels, clean and under transforms.

    Without labels nobody knows which predictions are correct, so there is no accuracy: only which ones change.

    Args:
        model: What `open_classifier` takes, or what it gives.
        data: An image file, or a folder of them that holds no folders.
        suite: "negative", "semantic" or "all"; "none" for none.
        transforms: Specs to add to the suite's.
        limit: At most this many images.
        out: Where page and predictions go, a folder or a URL; None writes nothing.
        device: Where a model that is opened here lives.
        progress: Called after each batch with how many images are done.
        options: What the model's file does not say, by the names of `ModelOptions`; as `class_map` a text file with a
            line for each output names the classes.

    Raises:
        InputError: Something given is unusable.
        DataError: The images are none, or in folders of classes: those have labels, and can be audited.
    """
    expect_known(options, signature(classify_unlabeled).parameters)
    dataset = open_unlabeled(data)
    got = f"{str(data)!r}; what has labels is audited with negatoscope.audit"
    if dataset is None:
        raise DataError(f"expected an image file or a folder of images without folders, got {got}")
    classifier = open_model(model, device=device, options=options)
    given: dict[str, Any] = {"suite": suite, "transforms": as_texts(transforms), "limit": limit}
    config = AuditConfig(**given)
    changed = {name: value for name, value in given.items() if value != getattr(AuditConfig(), name)}
    command = python_call("negatoscope.classify_unlabeled", model, data, **changed, **options)
    plan = make_plan(classifier, dataset, config)
    return if_written(out, lambda folder: run_unlabeled(plan, out=folder, command=command, progress=progress))


def run_unlabeled(
    plan: AuditPlan, *, out: Path | None, command: str, progress: Progress | None = None
) -> UnlabeledPredictions:
    """The predictions of a plan; `report.html` and `predictions.json` go to `out`, in place of earlier ones.

    Where an image is flagged as having text on a person burnt in, there are no pictures.

    Raises:
        OutputError: `out` cannot be written, or holds something else.
        InputError: As `classify_unlabeled` says.
    """
    if out is not None:
        expect_free(out, own=_WRITTEN, what="predictions for images without labels")
    provenance = provenance_of(plan.classifier, plan.dataset, command=without_names(command, plan.dataset))
    found, pictures = predict_unlabeled(plan, provenance=provenance, progress=progress)
    dicom = summarize_dicom(plan.dataset)
    if dicom and dicom.burnt_in:
        pictures = [{} for _ in pictures]
    if out is not None:
        resize = plan.classifier.input_spec.resize
        with locked(out):
            remove_leftovers([out])
            page = unlabeled_html(found, pictures, grain=max(resize.height, resize.width) < GRAIN)
            write_whole(out / "report.html", page.encode())
            write_document(out / "predictions.json", found)
    return found


def without_names(command: str, dataset: Dataset) -> str:
    """A recorded command that names no DICOM file."""
    images = dataset.images
    if isinstance(images, LazyImages) and isinstance(images.container, DicomImages):
        for name in sorted(images.container.files.names, key=len, reverse=True):  # one may end another
            for form in (shlex.quote(name), repr(name), name):
                command = re.sub(rf"(?<![\w.-]){re.escape(form)}(?![\w.-])", "image.dcm", command)
    return command
