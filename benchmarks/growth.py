"""Time and peak memory of a whole audit as images, transforms, classes and seeds grow.

Each size is a process of its own, whose peak is what Linux tells as VmHWM: self-check, one pass, rows, summary, gallery
and report, with Python and all libraries in it. The classifier is one matrix product and images of 16x16 pixels are
made when they are asked for, so that nothing but the audit itself can grow; labels and positions of the images, 16
bytes for each, are the dataset's own and are counted as well. "system" has Arrow take its memory from the C library
(ARROW_DEFAULT_MEMORY_POOL=system), whose freed memory others can use. There is no peer.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.harness import Findings, Measure

SIDE = 16
FEW = ("negative", "gamma(exponent=2.0)", "noise(l2=1.0)")
IMAGES, TRANSFORMS, CLASSES, SEEDS = (1_000, 10_000, 100_000, 1_000_000), (1, 8, 64), (10, 100, 1_000), (1, 5, 25)
SOME = 10_000
"""Images where another number grows."""


def run(quick: bool) -> Findings:
    some = 200 if quick else SOME
    measures, stages = list[Measure](), dict[str, dict[str, float]]()
    for pool in ("default", "system"):
        if pool == "default" or not quick:
            sizes = [some, 2 * some] if quick else IMAGES
            measured = {n: _audit(n, FEW, classes=10, pool=pool) for n in sizes}
            measures += _grown("images", measured, base=sizes[0], pool=pool)
            stages |= {f"{n:,} images": audited.stages for n, audited in measured.items() if pool == "default"}
    paths = {n: [f"negative_path(share={(place + 1) / n})" for place in range(n)] for n in TRANSFORMS}
    noises = {n: [f"noise(l2=1.0, seed={place})" for place in range(n)] for n in SEEDS}
    measures += _grown("transforms", {n: _audit(some, specs, classes=10) for n, specs in paths.items()}, base=1)
    measures += _grown("classes", {n: _audit(some, FEW, classes=n) for n in CLASSES}, base=10)
    measures += _grown("seeds of noise", {n: _audit(some, specs, classes=10) for n, specs in noises.items()}, base=1)
    return Findings(measures, {"where the memory goes": stages})


@dataclass(frozen=True)
class _Audited:
    """Seconds and peak megabytes of an audit, and what the peak was at the end of each of its stages."""

    seconds: float
    megabytes: float
    stages: dict[str, float]


def _grown(what: str, measured: Mapping[int, _Audited], *, base: int, pool: str = "default") -> list[Measure]:
    suffix = "" if pool == "default" else f" ({pool})"
    measures = []
    for n, each in measured.items():
        note = f"{100 * (each.megabytes / measured[base].megabytes - 1):+.1f} % against {base:,}"
        measures.append(harness.value(f"peak memory, {n:,} {what}{suffix}", "MB", each.megabytes, note=note))
        measures.append(harness.value(f"time, {n:,} {what}{suffix}", "s", each.seconds))
    return measures


def _audit(images: int, transforms: Sequence[str], *, classes: int, pool: str = "default") -> _Audited:
    """One audit in a process of its own."""
    environment = dict(os.environ) | ({} if pool == "default" else {"ARROW_DEFAULT_MEMORY_POOL": pool})
    command = [sys.executable, "-m", "benchmarks.growth", json.dumps([images, list(transforms), classes])]
    done = subprocess.run(command, cwd=harness.ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"expected an audit of {images} images to end well, got: {done.stderr[-500:]}")
    audited = _Audited(**json.loads(done.stdout.splitlines()[-1]))
    harness.console.print(f"  {images:,} images, {len(transforms)} transforms, {classes} classes", style="dim")
    return audited


class _Made(Sequence[Any]):
    """Images that exist when they are asked for; no two are the same."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.noise = np.random.default_rng(0).integers(0, 256, 8192, dtype=np.uint8)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: Any) -> Any:
        start = int(index) % 4093
        image = self.noise[start : start + SIDE * SIDE].reshape(1, SIDE, SIDE).copy()
        image[0, 0, :4] = np.frombuffer(int(index).to_bytes(4, "little"), dtype=np.uint8)
        return image


def _work(images: int, transforms: list[str], classes: int) -> _Audited:
    import torch

    from negatoscope.auditing.audit import audit
    from negatoscope.auditing.run import AuditProgress
    from negatoscope.data import Dataset
    from negatoscope.models.open import open_classifier

    weights = torch.randn(SIDE * SIDE, classes, generator=torch.Generator().manual_seed(0))
    settings: dict[str, Any] = {"size": SIDE, "channels": "gray", "data_classes": classes}
    classifier = open_classifier(lambda x: (x.flatten(1) - 0.5) @ weights, **settings)
    samples = np.arange(images, dtype=np.int64)
    names = tuple(f"class {index}" for index in range(classes))
    dataset = Dataset("made", "test", _Made(images), samples % classes, names, samples)
    peaks: dict[str, float] = {}

    def note(progress: AuditProgress) -> None:
        if progress.stage not in peaks:
            peaks[progress.stage] = _peak()

    began = time.perf_counter()
    with TemporaryDirectory() as place:
        out = Path(place) / "audit"
        audit(classifier, dataset, suite="none", transforms=transforms, expect_accuracy=0.0, out=out, progress=note)
    seconds = time.perf_counter() - began
    ends = dict(zip(["start of the audit", *peaks], [*peaks.values(), _peak()], strict=True))
    return _Audited(seconds, _peak(), ends)


def _peak() -> float:
    """Of this process so far, in megabytes."""
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    if peak is None:
        raise RuntimeError("expected Linux, which tells the peak of a process")
    return int(peak[1]) / 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_work(*json.loads(sys.argv[1])))) + "\n")
