"""Rows and facts of simulated audits: each image has a difficulty, each transform makes it harder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from negatoscope.auditing.parts import L2Total, RunTotals
from negatoscope.auditing.plan import AuditPlan, PlannedTransform
from negatoscope.auditing.results import AuditSummary, SelfCheck, SuiteSummary
from negatoscope.auditing.steps import transform_step
from negatoscope.auditing.summary import summarize
from negatoscope.data import Dataset
from negatoscope.documents import write_document
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.input_spec import InputSpec
from negatoscope.pixels import ResizeSpec
from negatoscope.provenance import Provenance
from negatoscope.rows import RowKey, make_rows, write_rows
from negatoscope.transforms import TransformKind, describe_transform

RATES: Mapping[str, float] = {
    "clean": 0.97,
    "negative": 0.2,
    "gamma(exponent=2.0)": 0.95,
    "gamma(exponent=0.5)": 0.8,
    "noise(l2=1.0)": 0.97,
    "negative_path(share=0.5)": 0.1,
}
PROVENANCE = Provenance(
    negatoscope="0.1.0",
    commit=None,
    command="negatoscope audit net.onnx",
    created="2026-11-24",
    versions={"python": "3.11.9"},
    system="Linux x86_64",
    hardware="a processor",
    data=(),
)

_SAMPLES = 2000  # that there are in all

Maker = Callable[..., Any]


@pytest.fixture(scope="session")
def make_rows_and_facts() -> Maker:
    """``make_rows_and_facts(folder, n=100)`` writes rows.parquet and gives the facts."""
    return rows_and_facts


@pytest.fixture(scope="session")
def make_audit() -> Maker:
    """``make_audit(folder, n=100)`` writes rows.parquet and summary.json and gives the summary."""

    def make(folder: Path, **settings: Any) -> AuditSummary:
        facts = rows_and_facts(folder, **settings)
        summary = summarize(folder / "rows.parquet", **facts)
        write_document(folder / "summary.json", summary)
        return summary

    return make


def rows_and_facts(
    folder: Path,
    *,
    n: int = 400,
    classes: int = 5,
    rates: Mapping[str, float] = RATES,
    preserved: Mapping[str, Sequence[int]] | None = None,
    samples: Sequence[int] | None = None,
    frames: int = 0,
    seed: int = 0,
    model: str = "net",
    parts: int = 3,
) -> dict[str, Any]:
    """Rows of samples, part by part, and in each part transform by transform; which samples are which is fixed."""
    chosen = np.arange(n) if samples is None else np.asarray(samples)
    steps = {spec: describe_transform(spec).kind for spec in rates if spec != "clean"}
    pieces = [piece for piece in np.array_split(chosen, parts) if len(piece)]
    tables = [
        make_rows(
            RowKey("mnist", "test", model, spec, 0), _columns(piece, classes, spec, rate, frames=frames, seed=seed)
        )
        for piece in pieces
        for spec, rate in rates.items()
    ]
    write_rows(folder / "rows.parquet", tables)
    return _facts(steps, classes=classes, preserved=preserved or {}, model=model)


def _columns(
    samples: np.ndarray, classes: int, spec: str, rate: float, *, frames: int, seed: int
) -> dict[str, np.ndarray | None]:
    """A sample's label, hash and difficulty depend on it alone; the rest on the transform and the seed, too."""
    few, own = np.random.default_rng(7), np.random.default_rng([seed, *spec.encode()])
    labels = few.integers(classes, size=_SAMPLES)[samples]
    hashes = few.integers(2**64, size=_SAMPLES, dtype=np.uint64)[samples]
    difficulties = few.random(_SAMPLES)
    difficulty = difficulties[samples // frames if frames else samples]  # frames are right or wrong together
    luck, other, share = own.random((3, _SAMPLES))[:, samples]
    wrong = np.where(luck < 0.1, other, difficulty) >= rate
    moved = own.integers(1, min(classes, 4), size=_SAMPLES)[samples]
    rank = own.integers(1, classes, size=_SAMPLES)[samples]
    confidence = (0.4 + 0.6 * share).astype(np.float32)
    return {
        "sample": samples,
        "sample_hash": hashes,
        "track": samples // frames if frames else None,
        "label": labels,
        "prediction": np.where(wrong, (labels + moved) % classes, labels),
        "confidence": confidence,
        "label_confidence": np.where(wrong, (1 - confidence) / 2, confidence),
        "label_rank": np.where(wrong, rank, 0),
    }


def _facts(
    steps: Mapping[str, TransformKind], *, classes: int, preserved: Mapping[str, Sequence[int]], model: str
) -> dict[str, Any]:
    """What `summarize` takes besides rows."""
    input_spec = InputSpec(ResizeSpec(height=8, width=8, channels="gray"), classes)
    dataset = Dataset(
        spec="mnist",
        split="test",
        images=np.zeros((classes, 1, 8, 8), dtype=np.uint8),
        labels=np.arange(classes),
        class_names=tuple(f"class of {index}" for index in range(classes)),
        samples=np.arange(classes),
    )
    transforms = (
        PlannedTransform(
            spec,
            kind,
            transform_step(describe_transform(spec).function),
            {},
            tuple(preserved[spec]) if spec in preserved else None,
        )
        for spec, kind in steps.items()
    )
    return {
        "plan": AuditPlan(
            classifier=ClassifierAdapter(model, "onnx", input_spec, torch.sin, torch.device("cpu"), "0" * 64, False),
            dataset=dataset,
            available=10_000,
            transforms=tuple(transforms),
            suite=SuiteSummary(name="semantic", version=1),
        ),
        "self_check": SelfCheck(n=512, accuracy=0.97, passed=True, suggestion=""),
        "totals": RunTotals(read=400, reached_l2={"noise(l2=1.0)": L2Total(sum=360.0, n=400, max=1.0)}),
        "provenance": PROVENANCE,
    }


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Real digits of scikit-learn, in [0, 1], and their labels."""
    images, labels = load_digits(return_X_y=True)
    return (images / 16).reshape(-1, 8, 8), labels


@pytest.fixture(scope="session")
def reader(digits: tuple[np.ndarray, np.ndarray]) -> nn.Module:
    """A small network that has learned digits and their negatives, on the first two thirds."""
    images, labels = (torch.from_numpy(array[:1200]) for array in digits)
    inputs = torch.cat([images, 1 - images]).float().flatten(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(80):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs), torch.cat([labels, labels])).backward()
            optimizer.step()
    return network.eval()
