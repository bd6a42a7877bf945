"""What a dry run says is what the audit then does, and it writes nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from negatoscope.auditing import plan as plan_module
from negatoscope.auditing.dry_run import dry_run_audit
from negatoscope.auditing.parts import ROWS
from negatoscope.auditing.plan import AuditConfig, AuditPlan, make_plan
from negatoscope.auditing.run import AuditProgress, run_pass
from negatoscope.data import Dataset
from negatoscope.errors import OutputError
from negatoscope.executors import Execution
from negatoscope.models.open import open_classifier
from negatoscope.rows import read_rows
from negatoscope.types import Images, Logits

MakePlan = Callable[..., AuditPlan]


class Reader(nn.Module):
    """Reads `make_dataset`'s bars, and counts the images that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = 0

    def forward(self, images: Images) -> Logits:
        self.shown += len(images)
        rows = images.mean(dim=(1, 3))
        return 9 * torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plan_module, "_PARTS", (64, 2048))
    return


@pytest.fixture
def reader() -> Reader:
    return Reader().eval()


@pytest.fixture
def make(reader: Reader, make_dataset: Callable[..., Dataset]) -> MakePlan:
    """Plans of 4,200 images, in parts of 1,536."""

    def made(n: int = 4200, **choice: object) -> AuditPlan:
        classifier = open_classifier(reader, size=8, channels="gray", data_classes=3)
        chosen = {"suite": "none", "transforms": ("negative", "pixel_flips(probability=0.2)", "flip"), **choice}
        return make_plan(classifier, make_dataset(n, split="test"), AuditConfig(**chosen))  # type: ignore[arg-type]

    return made


def content(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each file was written, and its size."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_it_counts_what_is_left_of_a_stopped_audit_and_writes_nothing(
    make: MakePlan, tmp_path: Path, reader: Reader
) -> None:
    def stop(progress: AuditProgress) -> None:
        if progress.images > 2500:
            raise KeyboardInterrupt

    before = dry_run_audit(make(), out=tmp_path / "out")
    assert (before.jobs, before.done, before.images, before.passes) == (3, 0, 4200, 4 * 4200)
    assert not (tmp_path / "out").exists()
    with pytest.raises(KeyboardInterrupt):
        run_pass(make(), out=tmp_path, progress=stop)
    kept = content(tmp_path)
    said = dry_run_audit(make(), out=tmp_path, execution=Execution("processes", 5))
    assert content(tmp_path) == kept
    assert (said.jobs, said.done, said.images, said.workers) == (3, 1, 4200 - 2048, 2)
    assert said.seconds is not None
    assert before.seconds is not None
    assert said.seconds > 0 < before.seconds
    plan = make()
    reader.shown = 0
    run_pass(plan, out=tmp_path)
    assert said.passes == reader.shown
    after = dry_run_audit(make(), out=tmp_path)
    assert (after.done, after.images, after.passes, after.size_bytes, after.seconds) == (3, 0, 0, 0, 0)
    assert "to run" in str(after)
    assert "about" not in str(after)


@pytest.mark.parametrize("n", [100, 4200])
def test_bytes_are_about_those_of_the_rows(n: int, make: MakePlan, tmp_path: Path) -> None:
    said = dry_run_audit(make(n), out=tmp_path)
    run_pass(make(n), out=tmp_path)
    written = sum(path.stat().st_size for path in (tmp_path / ROWS).iterdir())
    assert 0.7 * written < said.size_bytes < 2 * written


def test_queries_of_an_attack_are_passes(make: MakePlan, tmp_path: Path) -> None:
    plan = make(200, transforms=("negative", "pgd(epsilon=0.03, steps=4)"))
    said = dry_run_audit(plan, out=tmp_path)
    run_pass(plan, out=tmp_path)
    queries = read_rows(tmp_path / ROWS, where={"transform": plan.transforms[1].spec})["queries"]
    assert said.passes == pytest.approx(400 + int(np.sum(queries.to_numpy())), rel=0.2)


def test_another_audit_is_refused_or_makes_room_as_it_would(make: MakePlan, tmp_path: Path) -> None:
    run_pass(make(), out=tmp_path)
    with pytest.raises(OutputError, match="another audit: transforms differ"):
        dry_run_audit(make(transforms=("negative",)), out=tmp_path)
    kept = content(tmp_path)
    said = dry_run_audit(make(transforms=("negative",), overwrite=True), out=tmp_path)
    assert (said.jobs, said.done, said.passes) == (3, 0, 2 * 4200)
    assert content(tmp_path) == kept
