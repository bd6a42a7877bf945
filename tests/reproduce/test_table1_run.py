"""How a classifier of Table I is followed along its training, and what it is attacked with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from negatoscope.attacks import ATTACKS, AttackResult
from negatoscope.data import Dataset
from negatoscope.hardware import pick_hardware
from negatoscope.models.predict import Classifier
from negatoscope.reproduce.run_data import RunData
from negatoscope.reproduce.runs import Pass, RunSpec, train_and_measure
from negatoscope.reproduce.table1_run import attack_specs
from negatoscope.training.recipe import Recipe, Selection
from negatoscope.types import Images, Labels


def trained_at(epsilon: float) -> RunSpec:
    return RunSpec("mnist", epsilon, 0, Recipe("any"))


def test_the_attacks_are_fgsm_and_pgd_of_twenty_steps() -> None:
    assert [str(spec) for spec in attack_specs(trained_at(0.1))] == ["fgsm(epsilon=0.1)", "pgd(epsilon=0.1, steps=20)"]


def test_another_attack_that_takes_an_epsilon_is_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def lighter(classifier: Classifier, images: Images, labels: Labels, *, epsilon: float) -> AttackResult:
        return AttackResult.judged(classifier, (images + epsilon).clamp(0, 1), labels, queries=0)

    def without_epsilon(classifier: Classifier, images: Images, labels: Labels, *, size: int = 1) -> AttackResult:
        return AttackResult.judged(classifier, images, labels, queries=0)

    for attack in (lighter, without_epsilon):
        monkeypatch.setitem(ATTACKS._functions, attack.__name__, attack)
    assert [spec.name for spec in attack_specs(trained_at(0.1))] == ["fgsm", "lighter", "pgd"]


def test_a_robust_network_is_attacked_at_its_own_epsilon_and_the_plain_one_at_all_of_the_papers() -> None:
    assert {spec.arguments["epsilon"] for spec in attack_specs(trained_at(0.2))} == {0.2}
    plain = [str(spec) for spec in attack_specs(trained_at(0.0)) if spec.name == "fgsm"]
    assert plain == [f"fgsm(epsilon={epsilon})" for epsilon in (0.05, 0.1, 0.2, 0.5)]


@pytest.mark.parametrize("selection", ["last", "best_validation"])
def test_few_validation_images_are_followed_unless_they_choose_the_epoch(
    make_dataset: Callable[..., Dataset], tmp_path: Path, selection: Selection
) -> None:
    data = RunData(make_dataset(100), make_dataset(20, split="test"))
    recipe = Recipe("any", epochs=1, batch_size=16, learning_rate=0.001, validation_size=24, selection=selection)
    _, result, columns = train_and_measure(
        RunSpec("bars", 0.0, 0, recipe),
        data,
        passes=lambda training, validation, network: iter([Pass(validation, "clean")]),
        followed=1,
        hardware=pick_hardware("cpu", "float32"),
        folder=tmp_path,
        progress=lambda _: None,
    )
    whole = columns["validation", "clean"]["correct"]
    assert len(whole) == 24
    assert 0 < whole.mean() < 1, "else one image and all of them look alike"
    (followed,) = {epoch.validation_accuracy for epoch in result.history}
    assert followed == whole.mean() if selection == "best_validation" else followed in (0.0, 1.0)
