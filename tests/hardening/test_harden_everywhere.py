"""Methods and seeds are fitted to the same bits wherever they run, and what is there is not fitted again."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import negatoscope as ng
from negatoscope.auditing.arguments import Named
from negatoscope.auditing.plan import AuditConfig
from negatoscope.documents import read_document
from negatoscope.errors import InputError
from negatoscope.executors import Execution
from negatoscope.hardening.dry_run import dry_run_harden
from negatoscope.hardening.jobs import FitOutcome, HardenProgress
from negatoscope.hardening.plan import NamedHarden
from negatoscope.hardening.result import HardenResult

READER = '''
import torch
from sklearn.datasets import load_digits

def nearest():
    """Knows the mean of each digit, and cannot read negatives."""
    images, labels = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
    means = torch.stack([images[labels == digit].mean(0) / 16 for digit in range(10)]).float()
    layer = torch.nn.Linear(64, 10)
    layer.load_state_dict({"weight": 2 * means, "bias": -(means**2).sum(1)})
    return torch.nn.Sequential(torch.nn.Flatten(), layer).eval()

def function():
    """The same as a function, of which no file is written but the wrapper's."""
    module = nearest()
    return lambda images: module(images)
'''
METHODS, TRAINED = "canonicalize(epochs=1),average,selective", "average,fine_tune(epochs=1)"
SLOW = pytest.mark.slow
KEYS = {"fit": ("x_train", "y_train"), "others": ("x_train", "y_train"), "judges": ("x_test", "y_test")}
Harden = Callable[..., HardenResult]


@pytest.fixture
def harden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harden:
    """Hardens a function of the user's own, which any process can open, on files of digits."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images * 255 / 16).round().astype(np.uint8).reshape(-1, 8, 8)
    for name, part in (("fit", slice(300)), ("others", slice(100, 400)), ("judges", slice(400, 600))):
        np.savez(tmp_path / f"{name}.npz", **dict(zip(KEYS[name], (pixels[part], labels[part]), strict=True)))
    (tmp_path / "digit_readers.py").write_text(READER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(fit: str = "fit.npz", **how: Any) -> HardenResult:
        settings: Any = {"suite": "none", "size": 8, "channels": "gray", "classes": 10, "method": METHODS, "seeds": 2}
        settings |= {"model": "digit_readers:function", "out": "out", **how}
        return ng.harden(fit=fit, data="judges.npz", **settings)

    return run


def made(out: str) -> dict[str, bytes]:
    """The bytes of rows and of weights."""
    named = (path for path in Path(out).rglob("*") if path.suffix in (".parquet", ".safetensors", ".onnx"))
    return {str(path.relative_to(out)): path.read_bytes() for path in named if path.is_file()}


def fits(result: HardenResult) -> list[tuple[str, int, str]]:
    return [(entry.method, entry.seed, entry.sha256) for entry in result.summary.methods]


@pytest.mark.parametrize(
    ("executor", "model", "method"),
    [
        ("processes", "function", METHODS),
        pytest.param("processes", "nearest", TRAINED, marks=SLOW),
        pytest.param("ray", "nearest", TRAINED, marks=SLOW),
    ],
)
def test_rows_and_weights_are_the_same_bits(executor: Any, model: str, method: str, harden: Harden) -> None:
    if executor == "ray":
        pytest.importorskip("ray", reason="needs the extra ray")
    seen = list[HardenProgress]()
    how: Any = {"model": f"digit_readers:{model}", "method": method}
    here = harden(out="here", threads=1, **how)
    there = harden(out="there", executor=executor, workers=2, progress=seen.append, **how)
    assert made("there") == made("here")
    assert fits(there) == fits(here)
    assert [(method, seed) for method, seed, _ in fits(here)] == [
        (each, seed) for each in method.split(",") for seed in (0, 1) if seed == 0 or "epochs" in each
    ]
    assert not Path("there/after-average-seed-1").exists(), "what draws nothing is audited once"
    assert [classifier.sha256 for classifier in there.classifiers] == [sha for _, _, sha in fits(here)]
    assert sorted(entry.share for entry in seen)[-1] == seen[-1].share == 1
    assert "there" not in there.summary.provenance.command


def test_a_stopped_run_resumes_after_the_last_fit(harden: Harden, monkeypatch: pytest.MonkeyPatch) -> None:
    here = harden(out="here", threads=1)

    def stop(progress: HardenProgress) -> None:
        if progress.text.startswith("selective") and not progress.fitting:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harden(threads=1, progress=stop)
    kept = {path: path.stat().st_mtime_ns for path in Path("out/fits").iterdir()}
    assert {path.name for path in kept} == {"after-canonicalize_epochs_1.json", "after-average.json"}
    dry = dry_run_harden(plan_of().open(), out=Path("out"), execution=Execution("processes", 2))
    assert (dry.jobs, dry.done, dry.workers, dry.images, dry.passes) == (6, 2, 2, 4 * 200, 4 * 200 * 2)
    again = harden(executor="processes", workers=2)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert made("out") == made("here")
    assert fits(again) == fits(here)


def plan_of() -> NamedHarden:
    named = Named("digit_readers:function", "judges.npz", {"size": 8, "channels": "gray", "classes": 10})
    return NamedHarden(named, "fit.npz", "negative", METHODS, 2, AuditConfig(suite="none", threads=1))


def test_fits_on_other_images_are_other_ones(harden: Harden) -> None:
    first = harden(method="canonicalize(epochs=1)", seeds=1)
    with pytest.raises(InputError, match="another hardening: the fit images differ"):
        harden(method="canonicalize(epochs=1)", seeds=1, fit="others.npz")
    second = harden(method="canonicalize(epochs=1)", seeds=1, fit="others.npz", overwrite=True)
    assert fits(first) != fits(second)


def test_what_is_in_memory_is_hardened_in_this_process_alone(harden: Harden) -> None:
    with pytest.raises(InputError, match=r"expected a model and data for --executor processes, got one that is open"):
        ng.harden(lambda images: images, fit="fit.npz", data="judges.npz", executor="processes")


def test_a_damaged_note_of_a_fit_is_made_again(harden: Harden) -> None:
    first = harden(method="average", seeds=1)
    note = Path("out/fits/after-average.json")
    note.write_text("{")
    assert fits(harden(method="average", seeds=1)) == fits(first)
    assert read_document(note, FitOutcome, what="", make="").hardened is not None
