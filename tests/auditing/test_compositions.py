"""Transforms one after the other are one transform of an audit, written as a search writes what it finds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
import torch
from torch import Tensor

from negatoscope.auditing.audit import audit
from negatoscope.auditing.gate import parse_rule
from negatoscope.auditing.plan import AuditConfig, make_plan
from negatoscope.data import Dataset
from negatoscope.errors import SpecError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import to_images
from negatoscope.transforms import describe_transform
from negatoscope.transforms.tone import gamma, negative

MakeDataset = Callable[..., Dataset]
BOTH = "gamma(exponent=0.5) | negative"


@pytest.fixture
def classifier() -> ClassifierAdapter:
    def brightest(images: Tensor) -> Tensor:
        return images.mean(dim=(1, 3)).unflatten(1, (3, 3)).mean(dim=2)

    return open_classifier(brightest, size=9, channels="gray", classes=3, device=torch.device("cpu"))


def test_transforms_one_after_the_other_are_one(classifier: ClassifierAdapter) -> None:
    images = torch.rand(4, 1, 9, 9)
    facts = describe_transform("gamma( exponent = 0.5)|negative")
    assert str(facts.spec) == BOTH
    assert [str(stage.spec) for stage in facts.stages] == ["gamma(exponent=0.5)", "negative"]
    assert torch.equal(facts.function(images), negative(gamma(images, exponent=0.5)))


@pytest.mark.parametrize(
    ("text", "kind", "color"),
    [
        ("clean", "label_preserving", False),
        ("negative | gamma(exponent=2.0)", "label_preserving", False),
        ("negative | negative_path(share=0.1)", "path", False),
        ("hue_shift(degrees=3) | noise(l2=1)", "control", True),
    ],
)
def test_their_kind_is_that_of_the_one_that_preserves_no_label(text: str, kind: str, color: bool) -> None:
    facts = describe_transform(text)
    assert (facts.kind, facts.color) == (kind, color)


def test_an_audit_takes_them_and_a_rule_names_them(
    classifier: ClassifierAdapter, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset(60, size=9, split="test")
    result = audit(
        classifier,
        dataset,
        suite="none",
        transforms=[BOTH, "negative"],
        fail_under=[f"{BOTH}=0.9"],
        no_self_check=True,
        out=tmp_path / "audit",
    )
    rows = result.rows().filter(pc.field("transform") == BOTH).to_pylist()
    images = negative(gamma(to_images(torch.from_numpy(np.asarray(dataset.images))), exponent=0.5))
    expected = classifier(images).argmax(dim=1)
    assert [row["prediction"] for row in rows] == [int(expected[row["sample"]]) for row in rows]
    entry = result.transforms[BOTH]
    assert (entry.name, entry.kind, entry.assumed) == (BOTH, "label_preserving", True)
    assert result.summary.gate is not None
    assert not result.summary.gate.passed
    assert BOTH in (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")


def test_classes_keep_their_label_where_they_do_so_under_each(
    classifier: ClassifierAdapter, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(20, size=9, split="test")
    config = AuditConfig(suite="none", transforms=["negative | flip", "contrast(factor=0.1) | negative"])
    unknown, lost = make_plan(classifier, dataset, config).transforms
    assert (unknown.kind, unknown.preserved) == ("not_annotated", None)
    assert lost.preserved == ()


def test_a_rule_is_canonical() -> None:
    assert parse_rule("gamma(exponent=0.5)|flip(axis='left_right')=0.5").name == "gamma(exponent=0.5) | flip"


def test_clean_images_are_no_transform_of_an_audit(classifier: ClassifierAdapter, make_dataset: MakeDataset) -> None:
    with pytest.raises(SpecError, match=r"^expected transforms besides clean images, which .*, got clean$"):
        make_plan(classifier, make_dataset(20, size=9), AuditConfig(suite="none", transforms=["clean"]))
