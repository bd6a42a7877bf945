"""Attacks are steps of an audit: rows keep what they chose for each image and what it cost, and reports say both."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
import torch
from jaxtyping import Int64
from rich.console import Console
from torch import Tensor

from negatoscope.attacks import ATTACKS, AttackResult
from negatoscope.auditing.audit import audit
from negatoscope.auditing.audit_result import AuditResult, read_audit
from negatoscope.auditing.gallery import Gallery
from negatoscope.auditing.page_csv import audit_csv
from negatoscope.auditing.page_terminal import audit_tables
from negatoscope.auditing.plan import AuditConfig, make_plan
from negatoscope.data import Dataset
from negatoscope.documents import read_document
from negatoscope.errors import InputError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import Classifier, to_images
from negatoscope.transforms import describe_transform
from negatoscope.types import Images, Labels

MOST = 5
MakeDataset = Callable[..., Dataset]


def dimmed(
    classifier: Classifier, images: Images, labels: Labels, keys: Int64[Tensor, " batch"] | None = None
) -> AttackResult:
    """For each image alone, brightness factors drawn by its key until one fools; five passes at most."""
    assert keys is not None
    parts = [_dim(classifier, images[i : i + 1], labels[i : i + 1], int(keys[i])) for i in range(len(images))]
    return AttackResult(
        torch.cat([part.images for part in parts]),
        torch.cat([part.queries for part in parts]),
        [part.parameters[0] for part in parts],
        torch.cat([part.success for part in parts]),
    )


def _dim(classifier: Classifier, image: Images, label: Labels, key: int) -> AttackResult:
    draws = np.random.default_rng(abs(key)).uniform(0, 0.6, MOST - 1)
    specs = ["", *(f"brightness(factor={factor:.3f})" for factor in draws)]
    while True:
        spec = specs.pop(0)
        found = describe_transform(spec).function(image) if spec else image
        wrong = classifier(found).argmax(dim=1) != label
        if wrong or not specs:
            return AttackResult(found, torch.full_like(label, MOST - len(specs)), [spec], wrong)


def bright_bar(images: Tensor) -> Tensor:
    """Knows the bar that is brighter than the rest, until the image is dark: then it says the first."""
    rows = images.mean(dim=(1, 3)).unflatten(1, (3, 3)).mean(dim=2)
    return 12 * rows + torch.tensor([1.5, 0.0, 0.0])


@pytest.fixture(scope="module")
def _with_dimmed() -> Iterator[None]:
    ATTACKS.names()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ATTACKS._functions, "dimmed", dimmed)
        yield


@pytest.fixture(scope="module")
def classifier() -> ClassifierAdapter:
    return open_classifier(bright_bar, size=9, channels="gray", classes=3, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def audited(
    _with_dimmed: None,
    classifier: ClassifierAdapter,
    make_dataset: MakeDataset,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[AuditResult, Dataset]:
    dataset, out = make_dataset(120, size=9, split="test"), tmp_path_factory.mktemp("attacked") / "audit"
    return audit(classifier, dataset, suite="none", transforms=["dimmed", "flip"], out=out), dataset


def test_rows_hold_the_transform_that_made_each_image_and_what_it_cost(audited: tuple[AuditResult, Dataset]) -> None:
    result, dataset = audited
    rows = result.rows().filter(pc.field("transform") == "dimmed").to_pylist()
    images = to_images(torch.from_numpy(np.asarray(dataset.images)))
    for row in rows:
        image = images[row["sample"]][None]
        shown = describe_transform(row["parameters"]).function(image) if row["parameters"] else image
        assert int(bright_bar(shown).argmax()) == row["prediction"]
        assert 1 <= row["queries"] <= MOST
        assert (row["parameters"] is None) == (row["queries"] == 1), "the clean image is asked about first"
    assert len({row["queries"] for row in rows}) > 2
    others = result.rows().filter(pc.field("transform") != "dimmed")
    assert others["queries"].null_count == others["parameters"].null_count == len(others) > 0


def test_what_is_drawn_for_an_image_depends_on_no_other_image(
    audited: tuple[AuditResult, Dataset], classifier: ClassifierAdapter, tmp_path: Path
) -> None:
    result, dataset = audited
    few = audit(classifier, dataset, suite="none", transforms=["dimmed"], limit=50, seed=3, out=tmp_path / "few")
    everything = {row["sample_hash"]: row["parameters"] for row in result.rows().to_pylist() if row["queries"]}
    found = {row["sample_hash"]: row["parameters"] for row in few.rows().to_pylist() if row["queries"]}
    assert found.items() <= everything.items()
    assert any(found.values())


def test_the_summary_counts_queries_and_names_settings_that_fooled(audited: tuple[AuditResult, Dataset]) -> None:
    result, _ = audited
    rows = result.rows()
    attacked = rows.filter(pc.field("transform") == "dimmed").to_pydict()
    clean = rows.filter(pc.field("transform") == "clean").to_pydict()
    entry = result.transforms["dimmed"]
    assert entry.mean_queries == np.mean(attacked["queries"])
    assert entry.median_queries == np.median(attacked["queries"])
    correct = [[p == t for p, t in zip(each["prediction"], each["label"], strict=True)] for each in (clean, attacked)]
    fooled = [
        spec for spec, before, after in zip(attacked["parameters"], *correct, strict=True) if before and not after
    ]
    assert entry.examples == tuple(dict.fromkeys(fooled))[:3]
    assert len(fooled) == entry.lost > 3
    assert result.transforms["flip"].mean_queries is None
    assert read_audit(result.out).summary == result.summary


def test_every_report_says_what_an_attack_cost_and_chose(audited: tuple[AuditResult, Dataset]) -> None:
    result, _ = audited
    entry = result.transforms["dimmed"]
    mean = f"{entry.mean_queries:.1f}".removesuffix(".0")
    words = f"{mean} queries an image on average, median {entry.median_queries:.0f}"
    page = (result.out / "report.html").read_text(encoding="utf-8").replace("<wbr>", "")
    shown = StringIO()
    Console(width=80, file=shown, color_system=None, highlight=False).print(audit_tables(result.summary))
    terminal = " ".join(shown.getvalue().split())
    for report in (page, str(result), terminal):
        assert words in report
        assert entry.examples[0] in report
    header, *lines = audit_csv(result.summary).splitlines()
    column = header.split(",").index("mean_queries")
    assert [line.split(",")[column] for line in lines] == ["", str(entry.mean_queries), ""]


def test_the_gallery_shows_what_the_rows_say(audited: tuple[AuditResult, Dataset]) -> None:
    result, _ = audited
    gallery = read_document(result.out / "gallery" / "gallery.json", Gallery, what="a gallery", make="")
    rows = {row["sample"]: row for row in result.rows().to_pylist() if row["transform"] == "dimmed"}
    shown = [entry for entry in gallery.entries if entry.spec == "dimmed"]
    assert len(shown) == 6
    page = (result.out / "report.html").read_text(encoding="utf-8").replace("<wbr>", "")
    for entry in shown:
        assert entry.parameters == rows[entry.sample]["parameters"] != ""
        assert entry.parameters in page
    assert all(entry.parameters == "" for entry in gallery.entries if entry.spec != "dimmed")


@pytest.mark.parametrize(
    ("space", "lost"),
    [("rotation(degrees=-15..15)", []), ("rotation(degrees=-180..180)", ["6", "9"]), ("gamma(exponent=0.5..2)", [])],
)
def test_a_search_counts_the_classes_that_its_whole_space_keeps_the_label_of(
    space: str, lost: list[str], make_dataset: MakeDataset
) -> None:
    names = tuple("0123456789")
    digits = replace(make_dataset(20, size=10, classes=10, split="test"), spec="mnist", class_names=names)
    classifier = open_classifier(lambda images: images.flatten(1)[:, :10], size=10, channels="gray", classes=10)
    plan = make_plan(classifier, digits, AuditConfig(suite="none", transforms=[f"search(space='{space}', budget=4)"]))
    (step,) = plan.transforms
    kept = range(10) if step.preserved is None else step.preserved
    assert step.kind == "attack"
    assert set(lost) <= {name for index, name in enumerate(names) if index not in kept}
    assert (step.preserved is None) == (not lost)


@pytest.fixture(scope="module")
def searched(
    classifier: ClassifierAdapter, make_dataset: MakeDataset, tmp_path_factory: pytest.TempPathFactory
) -> AuditResult:
    spec = "search(budget=12, space='brightness(factor=0.2..1)', strategy='random')"
    out = tmp_path_factory.mktemp("searched") / "audit"
    return audit(classifier, make_dataset(120, size=9, split="test"), suite="none", transforms=[spec], out=out)


def test_a_search_is_a_step_of_an_audit_whose_rows_repeat_it(
    searched: AuditResult, make_dataset: MakeDataset, classifier: ClassifierAdapter
) -> None:
    (spec,) = searched.transforms
    images = to_images(torch.from_numpy(np.asarray(make_dataset(120, size=9, split="test").images)))
    rows = [row for row in searched.rows().to_pylist() if row["transform"] == spec]
    for row in rows:
        shown = describe_transform(row["parameters"]).function(images[row["sample"]][None])
        assert int(bright_bar(shown).argmax()) == row["prediction"]
        assert (row["queries"] < 12) <= (row["prediction"] != row["label"]), "an image leaves at its first error alone"
    entry = searched.transforms[spec]
    assert entry.mean_queries == np.mean([row["queries"] for row in rows])
    assert max(row["queries"] for row in rows) <= 12
    assert entry.lost > 3
    assert all(example.startswith("brightness(factor=") for example in entry.examples)
    gallery = read_document(searched.out / "gallery" / "gallery.json", Gallery, what="a gallery", make="")
    by_sample = {row["sample"]: row["parameters"] for row in rows}
    assert {entry.sample: entry.parameters for entry in gallery.entries}.items() <= by_sample.items()


def test_an_attack_on_a_classifier_without_gradients_is_one_sentence_before_anything_is_written(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    def brightest_bar(images: Images) -> Tensor:
        rows = images.detach().mean(dim=(1, 3))
        return 9 * torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)

    without, data = open_classifier(brightest_bar, size=8, channels="gray"), make_dataset(60, split="test")
    with pytest.raises(InputError, match=r"^expected a classifier that gradients flow through, got outputs without"):
        audit(without, data, suite="none", transforms=["pgd(epsilon=0.1)"], out=tmp_path / "a")
    assert not (tmp_path / "a").exists()
