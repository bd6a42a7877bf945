"""The examples of docs/extending.md work: each adds in one block what its heading says."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import negatoscope as ng
from negatoscope.attacks import ATTACKS, resolve_attack
from negatoscope.attacks.search import Search, search_images
from negatoscope.attacks.strategies import STRATEGIES, resolve_strategy
from negatoscope.auditing.sections import SECTIONS
from negatoscope.data import DATASETS, Dataset
from negatoscope.data.sources import sources
from negatoscope.errors import DataNotFoundError, InputError
from negatoscope.hardening import METHODS
from negatoscope.models import MODELS, describe_models
from negatoscope.models.predict import predict
from negatoscope.rows import read_rows
from negatoscope.transforms import TRANSFORMS, describe_transform, describe_transforms
from negatoscope.transforms.groups import GROUPS, resolve_group
from negatoscope.transforms.spaces import resolve_space

PAGE = (Path(__file__).parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## (.*?)\n.*?```python\n(.*?)```", PAGE, flags=re.MULTILINE | re.DOTALL))
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an example registers is forgotten afterwards."""
    for registry in (TRANSFORMS, GROUPS, ATTACKS, STRATEGIES, METHODS, MODELS, DATASETS, SECTIONS):
        registry.names()
        monkeypatch.setattr(registry, "_functions", dict(registry._functions))
    monkeypatch.setattr("negatoscope.transforms._TRAITS", {})
    monkeypatch.setattr("negatoscope.models._FORMS", {})


def run(heading: str) -> None:
    exec(compile(EXAMPLES[heading], "extending.md", "exec"), {"__name__": "an_example"})


@pytest.mark.parametrize("code", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_takes_fewer_than_20_lines(code: str) -> None:
    assert len([line for line in code.splitlines() if line.strip()]) < 20
    assert max(map(len, code.splitlines())) <= 120


def test_a_transform() -> None:
    run("A transform")
    facts = describe_transform("fog(density=0.5)")
    assert facts.function(torch.zeros(1, 1, 2, 2)).unique().tolist() == [0.5]
    assert (facts.kind, facts.identity) == ("label_preserving", {"density": 0.0})
    assert "Mix every pixel with white." in [entry.summary for entry in describe_transforms()]
    with pytest.raises(InputError, match=r"^expected density of fog from 0 to 1, got 2\.0; 0\.0 changes nothing$"):
        describe_transform("fog(density=2.0)")


def test_an_attack() -> None:
    run("An attack")
    pixels = np.random.default_rng(0).integers(60, 190, (8, 1, 4, 4), dtype=np.uint8)
    weights = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))

    def classifier(images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ weights

    labels = np.zeros(8, dtype=np.int64)
    attack = resolve_attack("random_sign(epsilon=0.1)", seed=1).against(classifier)
    attacked = predict(classifier, pixels, labels, device=CPU, batch_transform=attack)
    assert not np.array_equal(attacked.confidences, predict(classifier, pixels, labels, device=CPU).confidences)
    with pytest.raises(InputError, match=r"^expected epsilon in \[0, 1\]"):
        resolve_attack("random_sign(epsilon=2)")


def test_a_strategy() -> None:
    run("A strategy")
    space = resolve_space("brightness(factor=0.5..1.5)", channels=1)
    search = Search(space, resolve_strategy("halfway"), budget=3)
    shown: list[torch.Tensor] = []

    def classifier(images: torch.Tensor) -> torch.Tensor:
        shown.append(images)
        return images.flatten(1)

    images = torch.tensor([0.5, 0.1, 0.1, 0.1]).reshape(1, 1, 2, 2)
    search_images(classifier, images, torch.zeros(1, dtype=torch.int64), search=search)
    factors = [float(each.flatten()[0]) / 0.5 for each in shown]
    assert factors[0] == 1.0
    assert len(set(factors)) == 3
    assert all(0.75 <= factor <= 1.25 for factor in factors)


def test_a_group() -> None:
    run("A group")
    images = torch.rand(2, 1, 4, 4)
    group = resolve_group("half_turn,negative", channels=1)
    assert len(group) == 4
    (_, turn) = resolve_group("half_turn", channels=1).elements
    turned = group.apply(images, torch.full((2,), group.elements.index(turn)))
    assert torch.equal(turned, images.rot90(2, dims=(2, 3)))


def test_a_method_of_hardening(tmp_path: Path) -> None:
    run("A method of hardening")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 1, 6, 6), dtype=np.uint8)
    data = Dataset.from_arrays(pixels, (pixels.mean(axis=(1, 2, 3)) > 128).astype(int))

    def bright(images: torch.Tensor) -> torch.Tensor:
        return torch.stack([0.5 - images.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)) - 0.5], dim=1)

    classifier = ng.open_classifier(bright, size=6, channels="gray", output="logits")
    given = {"fit": data, "data": data, "invariant": "negative", "suite": "none", "no_self_check": True}
    result = ng.harden(classifier, **given, method="brightest", out=tmp_path / "out")
    rows = read_rows(result.out / result.summary.best.folder / "rows.parquet").to_pylist()
    assert {row["prediction"] for row in rows} == {1}


def test_a_model_kind(tmp_path: Path) -> None:
    run("A model kind")
    weights = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    np.save(tmp_path / "weights.npy", weights)
    classifier = ng.open_classifier(tmp_path / "weights.npy", size=4, channels="gray", mean=0.5)
    images = torch.rand(5, 1, 4, 4)
    np.testing.assert_allclose(classifier(images), (images.numpy().reshape(5, 16) - 0.5) @ weights, atol=1e-5)
    assert (classifier.kind, classifier.input_spec.classes) == ("linear", 3)
    assert "weights.npy: The matrix of" in " ".join(entry.summary for entry in describe_models())


def test_a_published_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("negatoscope.data.sources._SOURCES", dict(sources()))
    run("A published dataset")
    assert sources()["tiny"].class_names == ("cat", "dog")
    (tmp_path / "tiny").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "tiny" / "tiny.npz", test_images=pixels, test_labels=np.array([0, 1] * 3))
    dataset = ng.load_dataset("tiny", split="test", data_dir=tmp_path, download=False)
    assert (dataset.spec, dataset.class_names, len(dataset), dataset.official) == ("tiny", ("cat", "dog"), 6, False)
    with pytest.raises(DataNotFoundError, match=r"^expected tiny\.npz of tiny in "):
        ng.load_dataset("tiny", split="test", download=False)


def test_a_section_of_the_report_and_an_attack_in_an_audit(tmp_path: Path, make_dataset) -> None:  # type: ignore[no-untyped-def]
    run("A section of the report")
    run("An attack")

    def brightest_bar(images: torch.Tensor) -> torch.Tensor:
        return 20 * torch.stack([bar.mean((1, 2, 3)) for bar in images[:, :, :6].split(2, dim=2)], dim=1)

    classifier = ng.open_classifier(brightest_bar, size=8, channels="gray")
    specs = ["negative", "random_sign(epsilon=0.1)"]
    result = ng.audit(classifier, make_dataset(60), suite="none", transforms=specs, out=tmp_path / "audit")
    assert result.transforms["random_sign(epsilon=0.1)"].kind == "attack"
    page = (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
    assert re.search(r'id="hardest_class".*Hardest class.*bar \d: 100.0% of \d+ images', page, flags=re.DOTALL)
