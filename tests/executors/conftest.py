"""An audit of a file and a function of the user's own, which any process can open; some of the models misbehave."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import negatoscope as ng
from negatoscope.auditing.audit_result import AuditResult
from negatoscope.executors.jobs import Pool

MODELS = '''
import os, signal, subprocess, time
from pathlib import Path
import torch

IS_DRIVER = os.getpid() == int(Path("driver").read_text())

class Reader(torch.nn.Module):
    def forward(self, images):
        rows = images.mean(dim=(1, 3))
        return 9 * torch.stack([rows[:, :16].mean(1), rows[:, 16:32].mean(1), rows[:, 32:48].mean(1)], dim=1)

class Slow(Reader):
    def forward(self, images):
        time.sleep(0.1)
        return super().forward(images)

class Asking(Reader):
    """Starts a program that reads all that it is given."""

    def forward(self, images):
        subprocess.run(["cat"], stdout=subprocess.DEVNULL, timeout=60, check=True)
        return super().forward(images)

class Killed(Reader):
    """Its first batch in a worker ends the process from outside, once."""

    def forward(self, images):
        if not IS_DRIVER and len(images) > 2 and not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(images)

class Failing(Reader):
    """Fails in a worker wherever the image is that has a seven in its corner, until it may see it."""

    def forward(self, images):
        sees = (images[:, :, 63, 63] * 255).round().eq(7).any()
        if not IS_DRIVER and sees and not Path("allowed").exists():
            with Path("failures").open("a") as file:
                file.write("1")
            raise RuntimeError("a seven in the corner")
        return super().forward(images)

def unopened():
    """Cannot be opened in a worker."""
    if not IS_DRIVER:
        raise RuntimeError("no memory is left")
    return Reader()

def dying():
    """Ends the process of a worker that opens it."""
    if not IS_DRIVER:
        os._exit(7)
    return Reader()

def other():
    """Is another model in a worker."""
    model = Reader()
    if not IS_DRIVER:
        model.register_buffer("more", torch.ones(3))
    return model
'''
Run = Callable[..., AuditResult]


@pytest.fixture(autouse=True)
def needs_ray(request: pytest.FixtureRequest) -> None:
    """Where Ray is not installed, its tests are left out."""
    if "ray" in request.node.name:
        pytest.importorskip("ray", reason="needs the extra ray")


def begin(*words: str) -> "subprocess.Popen[str]":
    """Python with these words, in a process of its own that finds the same modules."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, *words]
    return subprocess.Popen(line, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs an audit of four parts."""
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 60, (6200, 8, 8), dtype=np.uint8), draw.integers(0, 3, 6200)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 150
    images[:, 7, 7], images[5000, 7, 7] = 1, 7
    np.savez(tmp_path / "bars.npz", images=images, labels=labels)
    (tmp_path / "bar_models.py").write_text(MODELS)
    (tmp_path / "driver").write_text(str(os.getpid()))
    monkeypatch.chdir(tmp_path)

    def audit(model: str = "Reader", *, out: str = "out", **how: Any) -> AuditResult:
        settings: Mapping[str, Any] = {
            **{"size": 64, "interpolation": "nearest", "channels": "gray"},  # parts have 1,920 images of this size
            **{"suite": "none", "name": "reader"},
        }
        transforms = ["negative", "pixel_flips(probability=0.2)"]
        return ng.audit(f"bar_models:{model}", "bars.npz", transforms=transforms, out=out, **settings, **how)

    return audit


def pools_begun(kind: type[Pool], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All pools of a kind that are begun from now on."""
    begun = list[Any]()
    begin = kind.__init__

    def note_and_begin(pool: Pool, *given: Any) -> None:
        begun.append(pool)
        begin(pool, *given)

    monkeypatch.setattr(kind, "__init__", note_and_begin)
    return begun


def rows_of(out: str | Path) -> dict[str, bytes]:
    """The bytes of each file of rows."""
    return {path.name: path.read_bytes() for path in sorted((Path(out) / "rows.parquet").iterdir())}
