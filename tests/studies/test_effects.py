"""What is concluded from runs, by the rule that was written before them."""

from dataclasses import replace
from typing import Any

import pytest

from negatoscope.statistics import Effect
from negatoscope.studies.design import Study, load_studies
from negatoscope.studies.effects import (
    MATTERS,
    closest_to_paper,
    level_key,
    negative_at,
    progress,
    study_effects,
    verdict_of,
)

CURVE = [
    {"epoch": 1.0, "validation_accuracy": 0.96, "negative_accuracy": 0.10},
    {"epoch": 2.0, "validation_accuracy": 0.98, "negative_accuracy": 0.20},
    {"epoch": 3.0, "validation_accuracy": 0.99, "negative_accuracy": 0.40},
]


@pytest.fixture
def mnist() -> Study:
    (study,) = [study for study in load_studies() if study.name == "mnist"]
    kept = [factor for factor in study.factors if factor.name in ("batch norm", "padding", "optimizer")]
    return replace(study, factors=tuple(kept), also=())


def run(negatives: float, *, test: float = 0.99, seed: int = 0, shift: float = 0.0) -> dict[str, Any]:
    """A finished run; its curve is above, moved by `shift` on negatives."""
    curve = [{**point, "negative_accuracy": point["negative_accuracy"] + shift} for point in CURVE]
    rate = {"accuracy": negatives, "n": 10_000, "low": negatives - 0.01, "high": negatives + 0.01}
    return {
        "recipe": {"negatives": "after", "negative_share": 0.0},
        "seed": seed,
        "curve": curve,
        "train": {"accuracy": 1.0},
        "test": {"accuracy": test},
        "negative": rate,
        "chance": 0.1,
        "tracks": False,
    }


def runs_of(mnist: Study, moved: dict[str, tuple[float, float]]) -> dict[str, dict[int, dict[str, Any]]]:
    """Three seeds of every level, at 20 % but for those `moved`: at the end, and along training."""
    found = {}
    for factor, level in mnist.levels:
        key = level_key(factor, level.value)
        end, shift = moved.get(key, (0.2, 0.0))
        place = len(found)
        found[key] = {
            seed: run(
                end + 0.005 * ((seed + place) % 3 - 1), seed=seed, shift=shift + 0.001 * ((2 * seed + place) % 3 - 1)
            )
            for seed in range(3)
        }
    return found


def test_a_choice_that_moves_negatives_decides_and_others_do_not_matter(mnist: Study) -> None:
    found = {each["name"]: each for each in study_effects(mnist, runs_of(mnist, {"batch norm: yes": (0.5, 0.0)}))}
    assert found["batch norm"]["verdict"] == "decides"
    assert found["batch norm"]["effect"] == pytest.approx(0.3, abs=0.01)
    assert found["batch norm"]["effect_low"] < 0.3 < found["batch norm"]["effect_high"]
    assert found["batch norm"]["at_equal_accuracy"]["verdict"] == "does not matter"
    assert found["padding"]["verdict"] == found["optimizer"]["verdict"] == "does not matter"
    assert found["batch norm"]["share_of_variance"] > 0.9


def test_what_differs_along_training_decides_at_equal_accuracy(mnist: Study) -> None:
    found = {each["name"]: each for each in study_effects(mnist, runs_of(mnist, {"padding: same size": (0.2, 0.3)}))}
    assert found["padding"]["verdict"] == "does not matter"
    assert found["padding"]["at_equal_accuracy"]["verdict"] == "decides"
    assert found["padding"]["at_equal_accuracy"]["effect"] == pytest.approx(0.3, abs=0.01)


def test_a_level_has_the_means_of_its_runs(mnist: Study) -> None:
    found = study_effects(mnist, runs_of(mnist, {}))
    (optimizer,) = [each for each in found if each["name"] == "optimizer"]
    assert [level["value"] for level in optimizer["levels"]] == ["AdamW", "SGD", "Adam", "Adadelta"]
    for level in optimizer["levels"]:
        assert level["seeds"] == 3
        assert level["negative_arithmetic_mean"] == pytest.approx(0.2)
        assert level["negative_accuracy"] == pytest.approx(0.2, abs=1e-4)  # on the scale of log-odds
        assert level["low"] < 0.2 < level["high"]
        assert level["at_equal_accuracy"]["0.98"] == pytest.approx(0.2, abs=0.002)


def test_with_one_seed_nothing_is_decided(mnist: Study) -> None:
    alone = {key: {0: seeds[0]} for key, seeds in runs_of(mnist, {"batch norm: yes": (0.9, 0.5)}).items()}
    found = study_effects(mnist, alone)
    assert {each["verdict"] for each in found} == {"not judged"}
    assert {each["at_equal_accuracy"]["verdict"] for each in found} == {"not judged"}
    assert all(each["effect_low"] is None for each in found)


def test_a_level_with_one_run_is_shown_and_not_judged(mnist: Study) -> None:
    runs = runs_of(mnist, {"optimizer: SGD": (0.5, 0.3), "padding: same size": (0.5, 0.3)})
    for key in ("optimizer: SGD", "padding: same size"):
        runs[key] = {0: runs[key][0]}
    found = {each["name"]: each for each in study_effects(mnist, runs)}
    assert (found["padding"]["verdict"], found["padding"]["p"]) == ("not judged", None)
    assert found["padding"]["effect"] == pytest.approx(0.3, abs=0.01)
    assert found["optimizer"]["verdict"] == "does not matter"
    (alone,) = [level for level in found["optimizer"]["levels"] if level["value"] == "SGD"]
    assert alone["negative_accuracy"] == runs["optimizer: SGD"][0]["negative"]["accuracy"]
    assert (alone["seeds"], alone["low"]) == (1, None)


def test_p_values_are_corrected_for_all_factors_of_the_plan(mnist: Study) -> None:
    runs = runs_of(mnist, {"batch norm: yes": (0.21, 0.0)})
    found = {each["name"]: each for each in study_effects(mnist, runs)}
    assert mnist.family == 14
    p = found["batch norm"]["p"]
    assert p == min(each["p"] for each in found.values())
    assert found["batch norm"]["p_corrected"] == pytest.approx(min(1, 14 * p))


def test_a_factor_can_be_without_matter_at_equal_accuracy_only_if_all_its_levels_come_to_it(mnist: Study) -> None:
    runs = runs_of(mnist, {"optimizer: SGD": (0.23, 0.0)})  # the strongest at the end
    for each in runs["optimizer: Adam"].values():
        each["curve"] = each["curve"][:1]
    found = {each["name"]: each for each in study_effects(mnist, runs)}
    assert found["optimizer"]["at_equal_accuracy"]["verdict"] == "undecided"
    assert found["padding"]["at_equal_accuracy"]["verdict"] == "does not matter"


def test_a_factor_is_compared_only_where_its_strongest_level_is(mnist: Study) -> None:
    runs = runs_of(mnist, {"optimizer: SGD": (0.5, 0.0)})
    for each in runs["optimizer: SGD"].values():
        each["curve"] = each["curve"][:1]
    found = {each["name"]: each for each in study_effects(mnist, runs)}
    assert found["optimizer"]["verdict"] == "decides"
    assert found["optimizer"]["at_equal_accuracy"]["verdict"] == "not compared"
    assert found["padding"]["at_equal_accuracy"]["verdict"] == "does not matter"


def test_negatives_that_were_not_followed_are_not_compared_at_equal_accuracy(mnist: Study) -> None:
    runs = runs_of(mnist, {})
    for each in runs["batch norm: yes"].values():
        each["recipe"] = {**each["recipe"], "negatives": "before"}
    (found,) = [each for each in study_effects(mnist, runs) if each["name"] == "batch norm"]
    assert (found["at_equal_accuracy"]["effect"], found["at_equal_accuracy"]["verdict"]) == (None, "not compared")
    assert found["effect"] is not None


@pytest.mark.parametrize(
    ("low", "high", "difference", "p", "verdict"),
    [
        (0.10, 0.30, 0.20, 0.001, "decides"),
        (0.10, 0.30, 0.20, 0.06, "undecided"),
        (0.01, 0.049, 0.03, 0.001, "does not matter"),
        (0.01, 0.06, 0.04, 0.001, "undecided"),
        (-0.04, 0.04, 0.0, 0.9, "does not matter"),
        (-0.30, -0.10, -0.20, 0.001, "decides"),
        (-0.01, 0.20, 0.10, 0.001, "undecided"),
        (None, None, 0.20, None, "undecided"),
    ],
)
def test_the_rule(low: float | None, high: float | None, difference: float, p: float | None, verdict: str) -> None:
    assert MATTERS == 0.05
    assert verdict_of(Effect("level", difference, low, high, low, high, p, None), p) == verdict


def test_a_level_that_is_uncertain_keeps_a_factor_undecided() -> None:
    assert verdict_of(Effect("level", -0.027, -0.039, -0.014, -0.039, 0.061, 0.2, None), 0.2) == "undecided"


@pytest.mark.parametrize(
    ("accuracy", "negatives"), [(0.97, 0.15), (0.98, 0.20), (0.985, 0.30), (0.99, 0.40), (0.995, None), (0.95, None)]
)
def test_negatives_at_an_accuracy_lie_on_the_line_between_measurements(
    accuracy: float, negatives: float | None
) -> None:
    found = negative_at(CURVE, accuracy)
    assert found == (None if negatives is None else pytest.approx(negatives))


def test_what_falls_back_counts_where_it_first_came_to_the_accuracy() -> None:
    again = [*CURVE, {"epoch": 4.0, "validation_accuracy": 0.97, "negative_accuracy": 0.9}, {**CURVE[2], "epoch": 5.0}]
    assert negative_at(again, 0.985) == pytest.approx(0.30)


def test_the_papers_pair_is_found_only_within_what_counts_as_near(mnist: Study) -> None:
    near = {"default": {0: run(0.0668 + 0.019, test=0.992 - 0.0029)}}
    far = {"default": {0: run(0.0668 + 0.021, test=0.992)}}
    assert closest_to_paper(mnist, near)["found"] is True
    assert closest_to_paper(mnist, far)["found"] is False
    both = closest_to_paper(mnist, {"default": near["default"], "padding: same size": far["default"]})
    assert both["nearest"]["recipe"] == "default"
    assert both["runs"] == 2
    assert both["nearest_along_training"]["epoch"] == 2.0


def test_runs_that_saw_negatives_are_not_held_against_the_paper(mnist: Study) -> None:
    seen = run(0.0668, test=0.992)
    seen["recipe"] = {**seen["recipe"], "negative_share": 0.01}
    told = {"default": {0: run(0.3)}, "negatives in training: 1 in 100": {0: seen}}
    assert closest_to_paper(mnist, told)["runs"] == 1
    assert progress(told)["runs"] == 1


def test_frames_of_signs_that_were_trained_on_do_not_stand_for_test_images(mnist: Study) -> None:
    found = closest_to_paper(mnist, {"default": {0: {**run(0.0668, test=0.992), "tracks": True}}})
    assert found["found"] is True
    assert (found["found_along_training"], found["nearest_along_training"]) == (None, None)


def test_the_paper_says_nothing_of_other_datasets(mnist: Study) -> None:
    assert closest_to_paper(replace(mnist, dataset="fashion_mnist"), {"default": {0: run(0.2)}}) is None


def test_progress_counts_runs_on_either_side_of_chance() -> None:
    told = progress({"default": {0: run(0.05), 1: run(0.105), 2: run(0.3)}, "padding: same size": {0: run(0.4)}})
    assert (told["runs"], told["below_chance"], told["above_chance"], told["rising"]) == (4, 1, 2, 4)
    assert (told["lowest"], told["highest"]) == (0.05, 0.4)
    assert (told["followed"], told["swing"]) == (4, pytest.approx(0.2))
    assert told["rank_correlation"] is None  # all came to the same validation accuracy


def test_a_default_that_lacks_its_first_seed_is_still_what_others_are_held_against(mnist: Study) -> None:
    runs = runs_of(mnist, {"batch norm: yes": (0.5, 0.0)})
    late = {"batch norm: yes": runs.pop("batch norm: yes"), "padding: same size": {0: run(0.3)}, **runs}
    del late["default"][0]
    late["padding: same size"] = {9: run(0.3)}  # of no seed that another level has
    found = {each["name"]: each for each in study_effects(mnist, late)}
    assert found["batch norm"]["verdict"] == "decides"
    assert "padding" not in found


def test_a_study_whose_runs_have_all_seen_negatives_says_nothing_of_those_that_have_not() -> None:
    seen = run(0.9)
    seen["recipe"] = {**seen["recipe"], "negative_share": 0.5}
    told = progress({"default": {0: seen}})
    assert (told["runs"], told["lowest"], told["highest"], told["rank_correlation"]) == (0, None, None, None)
