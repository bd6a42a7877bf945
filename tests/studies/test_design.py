"""What a sensitivity study trains, in which order, and what its plan may say."""

from dataclasses import asdict
from pathlib import Path

import pytest

from negatoscope.errors import InputError, RecipeError
from negatoscope.studies.design import Study, choose_studies, load_studies
from negatoscope.studies.sensitivity import plan_runs

PLAN = """
[[study]]
name = "few"
dataset = "mnist_sample"
epsilon = 0.0
equal_accuracies = [0.3, 0.5]
decisive_accuracy = 0.5
changes = { epochs = 2 }

[[study.factor]]
name = "initialization"
default = "Glorot"
levels = [{ value = "He", network = { initialization = "he" } }]

[[study.factor]]
name = "step size"
default = "0.002"
levels = [{ value = "0.01", learning_rate = 0.01 }]

[[study.also]]
value = "He, small steps"
round = 1
seeds = 1
changes = { learning_rate = 0.0005, network = { initialization = "he" } }
"""


@pytest.fixture
def few(tmp_path: Path) -> Study:
    (tmp_path / "plan.toml").write_text(PLAN)
    (study,) = load_studies(tmp_path / "plan.toml")
    return study


def test_a_level_changes_what_it_names_and_nothing_else(few: Study) -> None:
    default = few.default.recipe.to_dict()
    assert default["epochs"] == 2
    for factor, level in few.levels:
        recipe = level.recipe.to_dict()
        apart = {name for name in recipe if recipe[name] != default[name]} - {"name"}
        network = {name for name in recipe["network"] if recipe["network"][name] != default["network"][name]}
        expected = {
            "": (set(), set()),
            "initialization": ({"network"}, {"initialization"}),
            "step size": ({"learning_rate"}, set()),
            "also": ({"network", "learning_rate"}, {"initialization"}),
        }
        assert (apart, network) == expected[factor]


def test_runs_come_round_by_round_and_late_ones_later(few: Study) -> None:
    order = [(run.factor, run.run.cell.seed) for run in plan_runs([few], seeds=2)]
    once = ["", "initialization", "step size"]
    assert order == [*((name, 0) for name in once), *((name, 1) for name in once), ("also", 0)]


def test_only_defaults_and_several_choices_at_once_are_looked_into(few: Study) -> None:
    looked = {run.factor for run in plan_runs([few], seeds=1) if run.run.look}
    assert looked == {"", "also"}


def test_the_packaged_plan_has_what_the_study_promises() -> None:
    studies = {study.name: study for study in load_studies()}
    mnist, gtsrb = studies["mnist"], studies["gtsrb"]
    assert len(mnist.factors) >= 10
    assert len(gtsrb.factors) >= 5
    assert {study.dataset for study in studies.values()} == {"mnist", "gtsrb", "fashion_mnist"}
    assert any(study.epsilon for study in studies.values())
    assert sum(level.recipe.epochs == 50 for level in mnist.also) >= 2
    for study in studies.values():
        digests = [level.recipe.digest for _, level in study.levels]
        assert len(set(digests)) == len(digests)
        assert study.decisive_accuracy in study.equal_accuracies


def test_every_default_that_the_packaged_plan_names_is_the_recipes() -> None:
    (mnist,) = [study for study in load_studies() if study.name == "mnist"]
    said = {factor.name: factor.default for factor in mnist.factors}
    recipe = asdict(mnist.default.recipe)
    assert said["optimizer"].lower() == recipe["optimizer"]
    assert float(said["step size"]) == recipe["learning_rate"]
    assert float(said["dropout"]) == recipe["network"]["dropout_pool"] == recipe["network"]["dropout_first"]
    assert said["shifts"] == f"{recipe['shift']} pixels"
    assert said["amount of training"] == f"{recipe['epochs']} epochs"
    assert int(said["batch size"]) == recipe["batch_size"]
    assert float(said["weight decay"]) == recipe["weight_decay"]
    assert said["initialization"].lower() == recipe["network"]["initialization"]


def test_factors_can_be_chosen_and_then_stand_alone(few: Study) -> None:
    (chosen,) = choose_studies([few], factors=["step size"])
    assert [factor for factor, _ in chosen.levels] == ["", "step size"]
    assert choose_studies([few], names=["few"]) == [few]


@pytest.mark.parametrize(
    ("names", "factors", "said"),
    [
        (["fow"], [], "did you mean 'few'"),
        ([], ["step sise"], "did you mean 'step size'"),
        ([], ["hue"], "there are initialization, step size"),
    ],
)
def test_unknown_names_are_refused(names: list[str], factors: list[str], said: str, few: Study) -> None:
    with pytest.raises(InputError, match=said):
        choose_studies([few], names=names, factors=factors)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study = []", "at least one study"),
        ("nothing = 1", "expected studies"),
        ("[[study", "expected studies"),
        (PLAN.replace("learning_rate = 0.01", "learning_rate = -1.0"), "learning_rate above 0"),
        (PLAN.replace("learning_rate = 0.01", "learning_rat = 0.01"), "learning_rat"),
        (PLAN.replace("mnist_sample", "nowhere"), "there is no default"),
        (PLAN.replace("epsilon = 0.0\n", ""), "epsilon"),
        (PLAN.replace('levels = [{ value = "He"', 'levels = [{ valu = "He"'), "expected studies"),
    ],
)
def test_what_is_no_plan_is_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_studies(tmp_path / "plan.toml")


TWICE = PLAN[PLAN.index("[[study.also]]") :]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAN + PLAN, "expected names of studies without repetition"),
        (PLAN + TWICE, "expected names of levels in few without repetition"),
        (PLAN.replace("decisive_accuracy = 0.5", "decisive_accuracy = 0.6"), "decisive_accuracy of 0.3, 0.5, got 0.6"),
    ],
)
def test_a_plan_that_would_fail_after_its_runs_is_refused_before(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_studies(tmp_path / "plan.toml")


def test_a_plan_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nowhere"):
        load_studies(tmp_path / "nowhere.toml")
