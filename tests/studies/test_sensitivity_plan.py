"""What a sensitivity study trains, in which order, and what its plan may say."""

from dataclasses import asdict
from pathlib import Path

import pytest

from negatoscope.errors import InputError, RecipeError
from negatoscope.studies.sensitivity_jobs import plan_runs
from negatoscope.studies.sensitivity_plan import Study, choose_studies, load_studies

PLAN = """
[[studies]]
name = "few"
dataset = "mnist_sample"
epsilon = 0.0
equal_accuracies = [0.3, 0.5]
decisive_accuracy = 0.5
changes = { epochs = 2 }

[[studies.factors]]
name = "initialization"
default = "Glorot"
levels = [{ value = "He", changes = { network = { initialization = "he" } } }]

[[studies.factors]]
name = "step size"
default = "0.002"
levels = [{ value = "0.01", changes = { learning_rate = 0.01 } }]

[[studies.combinations]]
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
    default = few.default_recipe.to_dict()
    assert default["epochs"] == 2
    for planned in few.recipes:
        recipe = planned.recipe.to_dict()
        apart = {name for name in recipe if recipe[name] != default[name]} - {"name"}
        network = {name for name in recipe["network"] if recipe["network"][name] != default["network"][name]}
        expected = {
            "default": (set(), set()),
            "initialization: He": ({"network"}, {"initialization"}),
            "step size: 0.01": ({"learning_rate"}, set()),
            "combination: He, small steps": ({"network", "learning_rate"}, {"initialization"}),
        }
        assert (apart, network) == expected[planned.key]


def test_runs_come_round_by_round_and_late_ones_later(few: Study) -> None:
    order = [(run.key, run.spec.seed) for run in plan_runs([few], seeds=2)]
    once = ["default", "initialization: He", "step size: 0.01"]
    assert order == [*((key, 0) for key in once), *((key, 1) for key in once), ("combination: He, small steps", 0)]


def test_only_defaults_and_combinations_are_probed(few: Study) -> None:
    probed = {run.key for run in plan_runs([few], seeds=2) if run.spec.probe}
    assert probed == {"default", "combination: He, small steps"}


def test_the_packaged_plan_has_what_the_study_promises() -> None:
    studies = {study.name: study for study in load_studies()}
    mnist, gtsrb = studies["mnist"], studies["gtsrb"]
    assert len(mnist.factors) >= 10
    assert len(gtsrb.factors) >= 5
    assert {study.dataset for study in studies.values()} == {"mnist", "gtsrb", "fashion_mnist"}
    assert any(study.epsilon for study in studies.values())
    assert sum(planned.recipe.epochs == 50 for planned in mnist.recipes) >= 2
    for study in studies.values():
        digests = [planned.recipe.digest for planned in study.recipes]
        assert len(set(digests)) == len(digests)
        assert study.decisive_accuracy in study.equal_accuracies


def test_every_default_that_the_packaged_plan_names_is_the_recipes() -> None:
    (mnist,) = [study for study in load_studies() if study.name == "mnist"]
    named = {factor.name: factor.default for factor in mnist.factors}
    recipe = asdict(mnist.default_recipe)
    assert named["optimizer"].lower() == recipe["optimizer"]
    assert float(named["step size"]) == recipe["learning_rate"]
    assert float(named["dropout"]) == recipe["network"]["dropout_pool"] == recipe["network"]["dropout_first"]
    assert named["shifts"] == f"{recipe['shift']} pixels"
    assert named["amount of training"] == f"{recipe['epochs']} epochs"
    assert int(named["batch size"]) == recipe["batch_size"]
    assert float(named["weight decay"]) == recipe["weight_decay"]
    assert named["initialization"].lower() == recipe["network"]["initialization"]


def test_factors_can_be_chosen_and_then_stand_alone(few: Study) -> None:
    (chosen,) = choose_studies([few], factors=["step size"])
    assert [planned.key for planned in chosen.recipes] == ["default", "step size: 0.01"]
    assert chosen.family_size == few.family_size == 2
    assert choose_studies([few], names=["few"]) == [few]


@pytest.mark.parametrize(
    ("names", "factors", "sentence"),
    [
        (["fow"], [], "did you mean 'few'"),
        ([], ["step sise"], "did you mean 'step size'"),
        ([], ["hue"], "there are initialization, step size"),
    ],
)
def test_unknown_names_are_refused(names: list[str], factors: list[str], sentence: str, few: Study) -> None:
    with pytest.raises(InputError, match=sentence):
        choose_studies([few], names=names, factors=factors)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("studies = []", "at least one study"),
        ("nothing = 1", "expected studies, which is missing"),
        ("[[studies", "expected a plan of studies as TOML"),
        (PLAN.replace("learning_rate = 0.01", "learning_rate = -1.0"), "learning_rate above 0"),
        (PLAN.replace("learning_rate = 0.01", "learning_rat = 0.01"), "learning_rat"),
        (PLAN.replace("mnist_sample", "nowhere"), "accurate is made for, got nowhere"),
        (PLAN.replace("epsilon = 0.0\n", ""), "epsilon"),
        (PLAN.replace('levels = [{ value = "He"', 'levels = [{ valu = "He"'), "levels.0.value, which is missing"),
        (
            PLAN.replace('default = "Glorot"', 'default = "Glorot"\nround = 1'),
            "expected no 'studies.0.factors.0.round'",
        ),
        (PLAN.replace("epochs = 2", "epochs = 2.5"), "epochs to be a whole number"),
    ],
)
def test_what_is_no_plan_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(RecipeError, match=sentence):
        load_studies(tmp_path / "plan.toml")


TWICE = PLAN[PLAN.index("[[studies.combinations]]") :]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (PLAN + PLAN, "expected names of studies without repetition"),
        (PLAN + TWICE, "expected names of levels in few without repetition"),
        (PLAN.replace("decisive_accuracy = 0.5", "decisive_accuracy = 0.6"), "decisive_accuracy of 0.3, 0.5, got 0.6"),
    ],
)
def test_a_plan_that_would_fail_after_its_runs_is_refused_before(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(RecipeError, match=sentence):
        load_studies(tmp_path / "plan.toml")


def test_a_plan_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nowhere"):
        load_studies(tmp_path / "nowhere.toml")
