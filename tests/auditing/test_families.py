"""Which tests count together: those of one kind, each once, corrected as statsmodels corrects them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from negatoscope.auditing.families import corrected, find_repeats
from negatoscope.auditing.results import PlannedKind

KINDS: tuple[PlannedKind, ...] = ("label_preserving", "not_annotated", "path", "control")


@st.composite
def families(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, PlannedKind], dict[str, str]]:
    names = [f"t{place}" for place in range(draw(st.integers(1, 9)))]
    p_values = {name: draw(st.floats(0, 1)) for name in names}
    kinds: dict[str, PlannedKind] = {name: draw(st.sampled_from(KINDS)) for name in names}
    repeated = draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
    originals = [name for name in names if name not in repeated]
    repeats = {name: draw(st.sampled_from(originals)) for name in repeated if originals}
    for name, original in repeats.items():
        p_values[name] = p_values[original]
    return p_values, kinds, repeats


@given(families())
def test_each_kind_is_a_family_of_its_own_in_which_repetitions_do_not_count(
    family: tuple[dict[str, float], dict[str, PlannedKind], dict[str, str]],
) -> None:
    p_values, kinds, repeats = family
    result = corrected(p_values, kinds=kinds, repeats=repeats)
    assert result.keys() == p_values.keys()
    for kind in KINDS:
        once = [name for name in p_values if kinds[name] == kind and name not in repeats]
        if once:
            expected = multipletests([p_values[name] for name in once], method="holm")[1]
            assert [result[name] for name in once] == pytest.approx(expected.tolist())
    assert all(result[name] == result[original] for name, original in repeats.items())


def test_a_control_costs_a_transform_nothing() -> None:
    kinds: dict[str, PlannedKind] = {"negative": "label_preserving", "gamma": "label_preserving", "noise": "control"}
    p_values = {"negative": 0.02, "gamma": 0.5, "noise": 0.001}
    assert corrected(p_values, kinds=kinds, repeats={}) == {"negative": 0.04, "gamma": 0.5, "noise": 0.001}


@pytest.mark.parametrize("order", list(itertools.permutations(["flips", "negative", "path", "gamma"])))
def test_of_transforms_with_the_same_predictions_the_label_preserving_one_is_the_first(order: tuple[str, ...]) -> None:
    marks = {"flips": "a", "negative": "a", "path": "a", "gamma": "b"}
    kinds: dict[str, PlannedKind] = {
        "flips": "control",
        "negative": "label_preserving",
        "path": "path",
        "gamma": "label_preserving",
    }
    repeats = find_repeats({name: marks[name] for name in order}, kinds)
    assert repeats == {"flips": "negative", "path": "negative"}


def test_where_all_predictions_differ_nothing_repeats_another() -> None:
    kinds: dict[str, PlannedKind] = {"a": "control", "b": "path"}
    assert find_repeats({"a": 1, "b": 2}, kinds) == {}
