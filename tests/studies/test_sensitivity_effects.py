"""What is concluded from runs, by the rule that was written before them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from negatoscope.provenance import record_provenance
from negatoscope.reproduce.measure import TrackedRate
from negatoscope.statistics.factors import Effect
from negatoscope.studies.sensitivity_effects import MATTERS, judge_factors, verdict_of
from negatoscope.studies.sensitivity_figure import draw_sensitivity
from negatoscope.studies.sensitivity_plan import Study, choose_studies, load_studies
from negatoscope.studies.sensitivity_result import ClosestToPaper, FactorResult
from negatoscope.studies.sensitivity_run import CurvePoint, MadeBy, StudyRun, negative_at
from negatoscope.studies.sensitivity_summary import along_training, closest_to_paper, summarize_studies
from negatoscope.training.recipe import Recipe

CURVE = (CurvePoint(1.0, 0.96, 0.10), CurvePoint(2.0, 0.98, 0.20), CurvePoint(3.0, 0.99, 0.40))


@pytest.fixture
def mnist() -> Study:
    (study,) = choose_studies(load_studies(), names=["mnist"], factors=["batch norm", "padding", "optimizer"])
    return study


def run(
    rate_on_negatives: float, *, test: float = 0.99, seed: int = 0, shift: float = 0.0, **changes: object
) -> StudyRun:
    """A finished run; its curve is above, moved by `shift` on negatives; `changes` are of its recipe."""

    def rate(accuracy: float, n: int = 10_000) -> TrackedRate:
        return TrackedRate(n, round(accuracy * n), accuracy, accuracy - 0.01, accuracy + 0.01)

    return StudyRun(
        dataset="mnist",
        epsilon=0.0,
        seed=seed,
        recipe=replace(Recipe("any"), **changes),  # type: ignore[arg-type]
        train=rate(1.0),
        test=rate(test),
        negative_train=rate(rate_on_negatives),
        made_by=MadeBy(None, "0", "0", "none"),
        class_names=tuple("0123456789"),
        tracks=False,
        curve=tuple(replace(point, negative_accuracy=point.negative_accuracy + shift) for point in CURVE),
    )


Runs = dict[str, dict[int, StudyRun]]


def runs_of(mnist: Study, moved: dict[str, tuple[float, float]]) -> Runs:
    """Three seeds of every level, at 20 % but for those `moved`: at the end, and along training."""
    runs: Runs = {}
    for place, planned in enumerate(mnist.recipes):
        end, shift = moved.get(planned.key, (0.2, 0.0))
        runs[planned.key] = {
            seed: run(
                end + 0.005 * ((seed + place) % 3 - 1), seed=seed, shift=shift + 0.001 * ((2 * seed + place) % 3 - 1)
            )
            for seed in range(3)
        }
    return runs


def closest(study: Study, runs: Runs) -> ClosestToPaper:
    nearest = closest_to_paper(study, runs)
    assert nearest is not None
    return nearest


def by_name(factors: Sequence[FactorResult]) -> dict[str, FactorResult]:
    return {factor.name: factor for factor in factors}


def short(runs: dict[int, StudyRun]) -> dict[int, StudyRun]:
    """The same runs, followed to their first epoch only."""
    return {seed: replace(each, curve=each.curve[:1]) for seed, each in runs.items()}


def test_a_choice_that_moves_negatives_decides_and_others_do_not_matter(mnist: Study) -> None:
    factors = by_name(judge_factors(mnist, runs_of(mnist, {"batch norm: yes": (0.5, 0.0)})))
    assert factors["batch norm"].verdict == "decides"
    assert factors["batch norm"].effect == pytest.approx(0.3, abs=0.01)
    assert factors["batch norm"].effect_low < 0.3 < factors["batch norm"].effect_high
    assert factors["batch norm"].at_equal_accuracy.verdict == "does not matter"
    assert factors["padding"].verdict == factors["optimizer"].verdict == "does not matter"
    assert factors["batch norm"].share_of_variance > 0.9


def test_what_differs_along_training_decides_at_equal_accuracy(mnist: Study) -> None:
    factors = by_name(judge_factors(mnist, runs_of(mnist, {"padding: same size": (0.2, 0.3)})))
    assert factors["padding"].verdict == "does not matter"
    assert factors["padding"].at_equal_accuracy.verdict == "decides"
    assert factors["padding"].at_equal_accuracy.effect == pytest.approx(0.3, abs=0.01)


def test_a_level_has_the_means_of_its_runs(mnist: Study) -> None:
    factors = judge_factors(mnist, runs_of(mnist, {}))
    (optimizer,) = [each for each in factors if each.name == "optimizer"]
    assert [level.value for level in optimizer.levels] == ["AdamW", "SGD", "Adam", "Adadelta"]
    for level in optimizer.levels:
        assert level.seeds == 3
        assert level.negative_arithmetic_mean == pytest.approx(0.2)
        assert level.negative_accuracy == pytest.approx(0.2, abs=1e-4)  # on the scale of log-odds
        assert level.low < 0.2 < level.high
        assert level.at_equal_accuracy["0.98"] == pytest.approx(0.2, abs=0.002)


def test_with_one_seed_nothing_is_decided(mnist: Study) -> None:
    alone = {key: {0: seeds[0]} for key, seeds in runs_of(mnist, {"batch norm: yes": (0.9, 0.5)}).items()}
    factors = judge_factors(mnist, alone)
    assert {each.verdict for each in factors} == {"not judged"}
    assert {each.at_equal_accuracy.verdict for each in factors} == {"not judged"}
    assert all(each.effect_low is None for each in factors)


def test_a_level_with_one_run_is_shown_and_not_judged(mnist: Study) -> None:
    runs = runs_of(mnist, {"optimizer: SGD": (0.5, 0.3), "padding: same size": (0.5, 0.3)})
    for key in ("optimizer: SGD", "padding: same size"):
        runs[key] = {0: runs[key][0]}
    factors = by_name(judge_factors(mnist, runs))
    assert (factors["padding"].verdict, factors["padding"].p) == ("not judged", None)
    assert factors["padding"].effect == pytest.approx(0.3, abs=0.01)
    assert factors["optimizer"].verdict == "does not matter"
    (alone,) = [level for level in factors["optimizer"].levels if level.value == "SGD"]
    assert alone.negative_accuracy == runs["optimizer: SGD"][0].negative_train.accuracy
    assert (alone.seeds, alone.low) == (1, None)


def test_p_values_are_corrected_for_all_factors_of_the_plan(mnist: Study) -> None:
    runs = runs_of(mnist, {"batch norm: yes": (0.21, 0.0)})
    factors = by_name(judge_factors(mnist, runs))
    assert mnist.family_size == 14
    p = factors["batch norm"].p
    assert p == min(each.p for each in factors.values())
    assert factors["batch norm"].p_corrected == pytest.approx(min(1, 14 * p))


def test_a_factor_can_be_without_matter_at_equal_accuracy_only_if_all_its_levels_come_to_it(mnist: Study) -> None:
    runs = runs_of(mnist, {"optimizer: SGD": (0.23, 0.0)})  # the strongest at the end
    runs["optimizer: Adam"] = short(runs["optimizer: Adam"])
    factors = by_name(judge_factors(mnist, runs))
    assert factors["optimizer"].at_equal_accuracy.verdict == "undecided"
    assert factors["padding"].at_equal_accuracy.verdict == "does not matter"


def test_a_factor_is_compared_only_where_its_strongest_level_is(mnist: Study) -> None:
    runs = runs_of(mnist, {"optimizer: SGD": (0.5, 0.0)})
    runs["optimizer: SGD"] = short(runs["optimizer: SGD"])
    factors = by_name(judge_factors(mnist, runs))
    assert factors["optimizer"].verdict == "decides"
    assert factors["optimizer"].at_equal_accuracy.verdict == "not compared"
    assert factors["padding"].at_equal_accuracy.verdict == "does not matter"


def test_negatives_that_were_not_followed_are_not_compared_at_equal_accuracy(mnist: Study) -> None:
    runs = runs_of(mnist, {})
    runs["batch norm: yes"] = {seed: run(0.2, seed=seed, negatives="before") for seed in range(3)}
    (batch_norm,) = [each for each in judge_factors(mnist, runs) if each.name == "batch norm"]
    assert (batch_norm.at_equal_accuracy.effect, batch_norm.at_equal_accuracy.verdict) == (None, "not compared")
    assert batch_norm.effect is not None


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
    assert negative_at(CURVE, accuracy) == (None if negatives is None else pytest.approx(negatives))


def test_what_falls_back_counts_where_it_first_came_to_the_accuracy() -> None:
    again = [*CURVE, CurvePoint(4.0, 0.97, 0.9), replace(CURVE[2], epoch=5.0)]
    assert negative_at(again, 0.985) == pytest.approx(0.30)


def test_the_papers_pair_is_found_only_within_what_counts_as_near(mnist: Study) -> None:
    near = {"default": {0: run(0.0668 + 0.019, test=0.992 - 0.0029)}}
    far = {"default": {0: run(0.0668 + 0.021, test=0.992)}}
    assert closest(mnist, near).nearest.is_near
    assert not closest(mnist, far).nearest.is_near
    both = closest(mnist, {"default": near["default"], "padding: same size": far["default"]})
    assert both.nearest.recipe == "default"
    assert both.runs == 2
    assert both.nearest_along_training is not None
    assert both.nearest_along_training.epoch == 2.0


def test_runs_that_were_trained_on_negatives_are_not_compared_with_the_paper(mnist: Study) -> None:
    trained_on_negatives = run(0.0668, test=0.992, negative_share=0.01)
    runs = {"default": {0: run(0.3)}, "negatives in training: 1 in 100": {0: trained_on_negatives}}
    assert closest(mnist, runs).runs == 1
    assert along_training(runs).runs == 1


def test_frames_of_signs_that_were_trained_on_do_not_stand_for_test_images(mnist: Study) -> None:
    nearest = closest(mnist, {"default": {0: replace(run(0.0668, test=0.992), tracks=True)}})
    assert nearest.nearest.is_near
    assert nearest.nearest_along_training is None


def test_the_paper_reports_nothing_of_other_datasets(mnist: Study) -> None:
    assert closest_to_paper(replace(mnist, dataset="fashion_mnist"), {"default": {0: run(0.2)}}) is None


def test_runs_are_counted_on_either_side_of_chance() -> None:
    along = along_training({"default": {0: run(0.05), 1: run(0.105), 2: run(0.3)}, "padding: same size": {0: run(0.4)}})
    assert (along.runs, along.below_chance, along.above_chance, along.rising) == (4, 1, 2, 4)
    assert (along.lowest, along.highest) == (0.05, 0.4)
    assert (along.followed, along.swing) == (4, pytest.approx(0.2))
    assert along.rank_correlation is None  # all came to the same validation accuracy


def test_a_default_that_lacks_its_first_seed_is_still_what_others_are_compared_with(mnist: Study) -> None:
    runs = runs_of(mnist, {"batch norm: yes": (0.5, 0.0)})
    late = {"batch norm: yes": runs.pop("batch norm: yes"), "padding: same size": {0: run(0.3)}, **runs}
    del late["default"][0]
    late["padding: same size"] = {9: run(0.3)}  # of no seed that another level has
    factors = by_name(judge_factors(mnist, late))
    assert factors["batch norm"].verdict == "decides"
    assert "padding" not in factors


def test_a_study_whose_runs_were_all_trained_on_negatives_concludes_nothing_about_others(mnist: Study) -> None:
    runs = {level.key: {0: run(0.9, negative_share=0.5)} for level in mnist.recipes}
    along = along_training(runs)
    assert (along.runs, along.lowest, along.highest, along.rank_correlation) == (0, None, None, None)
    provenance = record_provenance(command="a command", hardware="a machine", data=[])
    how: dict[str, Any] = {"provenance": provenance, "fast": False, "jobs": 1, "planned_runs": len(runs)}
    tall = replace(
        mnist, factors=tuple(replace(each, name=f"{each.name} {n}") for n in range(9) for each in mnist.factors)
    )
    every = {level.key: runs["default"] for level in tall.recipes}
    _, at_end, along_panel = draw_sensitivity(summarize_studies([tall], {tall.name: every}, **how)).axes
    assert (at_end.get_visible(), along_panel.get_visible()) == (False, False)
