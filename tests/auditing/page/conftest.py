"""Finished audits in which everything is real, though small: images, classifier, transforms, rows, what is counted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.gate import judge
from negatoscope.auditing.parts import L2Total, RunTotals
from negatoscope.auditing.plan import AuditConfig, AuditPlan, PlannedTransform
from negatoscope.auditing.results import (
    AuditSummary,
    SelfCheck,
    SuiteSummary,
    UnreadableImage,
)
from negatoscope.auditing.steps import transform_step
from negatoscope.auditing.summary import summarize
from negatoscope.data import Dataset
from negatoscope.documents import write_document
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.predict import predict_images, row_columns, to_images
from negatoscope.pixels import ResizeSpec
from negatoscope.provenance import Provenance
from negatoscope.rows import RowKey, hash_samples, make_rows, write_rows
from negatoscope.transforms import TransformFacts, describe_transform

Maker = Callable[..., Any]
MakeDataset = Callable[..., Dataset]


class BrightestBar:
    """A real classifier of the datasets that `make_dataset` makes: the class is where the image is brightest."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def __call__(self, images: Tensor) -> Tensor:
        rows = images.mean(dim=(1, 3))
        width = rows.shape[1] // self.classes
        return 12 * rows[:, : width * self.classes].unflatten(1, (self.classes, width)).mean(dim=2)


AUDITED = (
    "negative",
    "gamma(exponent=0.5)",
    "flip",
    "negative_path(share=0.25)",
    "negative_path(share=0.5)",
    "pixel_flips(probability=0.5)",
    "noise(l2=2.0)",
)


@pytest.fixture(scope="session")
def make_audit(make_dataset: MakeDataset, tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Makes a finished audit's folder with its summary and rows: ``make_audit(("negative",), rules=("clean=0.5",))``.

    The same arguments give the same folder, into which no test writes.
    """

    @cache
    def make(
        specs: tuple[str, ...] = AUDITED,
        *,
        n: int = 120,
        size: int = 9,
        classes: int = 3,
        names: tuple[str, ...] | None = None,
        lost: tuple[str, ...] = (),
        rules: tuple[str, ...] = (),
        unreadable: int = 0,
    ) -> tuple[Path, AuditSummary]:
        """Under the specs in `lost` no class keeps its label, under the flip the middle one does."""
        folder = tmp_path_factory.mktemp("audit")
        dataset = make_dataset(n, size=size, classes=classes, split="test")
        dataset = replace(dataset, class_names=names or dataset.class_names)
        steps = [_step(describe_transform(spec), classes, spec in lost) for spec in specs]
        write_rows(folder / "rows.parquet", _rows(dataset, classes, specs))
        summary = summarize(folder / "rows.parquet", **_facts(dataset, classes, steps, unreadable))
        summary = replace(summary, gate=judge(AuditResult(summary, folder), AuditConfig(fail_under=rules)))
        write_document(folder / "summary.json", summary)
        return folder, summary

    return make


def _rows(dataset: Dataset, classes: int, specs: Sequence[str]) -> Iterator[pa.Table]:
    assert isinstance(dataset.images, np.ndarray)
    images, labels = to_images(torch.from_numpy(dataset.images)), torch.from_numpy(dataset.labels)
    for spec in ("clean", *specs):
        changed = images if spec == "clean" else describe_transform(spec).function(images)
        predicted = predict_images(BrightestBar(classes), changed, labels)
        columns = row_columns(
            predicted,
            labels=dataset.labels,
            samples=dataset.samples,
            hashes=hash_samples(dataset.images),
            tracks=dataset.tracks,
        )
        yield make_rows(RowKey(dataset.spec, dataset.split, "brightest bar", spec, 0), columns)


def _step(facts: TransformFacts, classes: int, lost: bool) -> PlannedTransform:
    preserved = () if lost else (classes // 2,) if facts.spec.name == "flip" else None
    step = transform_step(facts.function)
    return PlannedTransform(str(facts.spec), facts.kind, step, dict(facts.spec.arguments), preserved)


def _facts(dataset: Dataset, classes: int, steps: Sequence[PlannedTransform], unreadable: int) -> dict[str, Any]:
    input_spec = InputSpec(ResizeSpec(height=9, width=9, channels="gray"), classes)
    run, device = BrightestBar(classes), torch.device("cpu")
    return {
        "plan": AuditPlan(
            classifier=ClassifierAdapter("brightest bar", "callable", input_spec, run, device, "", runs_code=True),
            dataset=dataset,
            available=len(dataset) + unreadable,
            transforms=tuple(steps),
            suite=SuiteSummary(name="semantic", version=1),
        ),
        "self_check": SelfCheck(n=len(dataset), accuracy=0.9, passed=True, suggestion=""),
        "totals": RunTotals(
            read=len(dataset),
            unreadable=unreadable,
            unreadable_named=tuple(
                UnreadableImage(name=f"{index}.png", reason="no image") for index in range(min(unreadable, 20))
            ),
            reached_l2={step.spec: L2Total(sum=1.5, n=1, max=1.75) for step in steps if step.kind == "control"},
        ),
        "provenance": Provenance(
            negatoscope="0.1.0",
            commit=None,
            command="negatoscope audit bar.onnx",
            created="2026-11-24",
            versions={"python": "3.11.9"},
            system="Linux x86_64",
            hardware="a processor",
            data=(),
        ),
    }
