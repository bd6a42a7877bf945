"""What lies in the folder that an audit is to write to decides whether it may."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from negatoscope.auditing import folder
from negatoscope.auditing.plan import PLAN, AuditConfig, AuditPlan, make_plan
from negatoscope.data import Dataset
from negatoscope.documents import write_document
from negatoscope.errors import OutputError
from negatoscope.files import expect_free
from negatoscope.models.open import open_classifier
from negatoscope.types import Images, Logits


def brightness(images: Images) -> Logits:
    mean = images.mean(dim=(1, 2, 3))
    return torch.stack([mean, 1 - mean, 0.5 * mean], dim=1)


def planned(dataset: Dataset, seed: int) -> AuditPlan:
    classifier = open_classifier(brightness, size=8, channels="gray", data_classes=3, device=torch.device("cpu"))
    return make_plan(classifier, dataset, AuditConfig(suite="none", transforms=("negative",), seed=seed))


def test_an_audit_that_begins_while_its_folder_is_looked_at_is_taken_for_one(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours, theirs = (planned(make_dataset(20, split="test"), seed) for seed in (0, 1))

    def looked_at(out: Path, **how: Any) -> None:
        (out / "parts").mkdir(exist_ok=True)
        write_document(out / PLAN, ours.identity)
        expect_free(out, **how)

    monkeypatch.setattr(folder, "expect_free", looked_at)
    folder.expect_free_for(tmp_path, ours)  # which goes on to the lock, held by the other one
    (tmp_path / PLAN).unlink()
    with pytest.raises(OutputError, match="got another audit: seed is 0 there, 1 here"):
        folder.expect_free_for(tmp_path, theirs)
