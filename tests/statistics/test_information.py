"""Entropy and mutual information, held against scikit-learn, scipy and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import confusion_matrix, mutual_info_score

from negatoscope.errors import InputError
from negatoscope.statistics.information import (
    contingency,
    count_pairs,
    entropy_bits,
    mutual_information_bits,
    mutual_information_null,
    pairs_information_bits,
)

counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=43).filter(any).map(np.array)
tables = st.integers(1, 6).flatmap(
    lambda size: (
        st.lists(st.integers(0, 40), min_size=size**2, max_size=size**2)
        .filter(any)
        .map(lambda cells: np.array(cells).reshape(size, size))
    )
)


@given(counts)
def test_entropy_is_the_mean_surprise_and_at_most_that_of_equal_shares(counts):
    shares = [count / counts.sum() for count in counts if count]
    entropy = entropy_bits(counts)
    assert entropy == pytest.approx(math.fsum(-share * math.log2(share) for share in shares), abs=1e-9)
    assert 0 <= entropy <= math.log2(len(counts)) + 1e-9
    assert entropy_bits(counts / counts.sum()) == pytest.approx(entropy)


def test_a_single_destination_has_no_entropy_and_equal_ones_have_all_of_it():
    assert math.copysign(1, entropy_bits(np.array([0, 12, 0]))) == 1
    assert entropy_bits(np.array([0, 12, 0])) == 0
    assert entropy_bits(np.full(8, 5)) == pytest.approx(3)


@pytest.mark.parametrize("counts", [[0, 0], [-1, 2], []])
def test_entropy_refuses_what_is_no_count(counts):
    with pytest.raises(InputError, match="expected counts"):
        entropy_bits(np.array(counts, dtype=np.int64))


def _classes(table):
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


@given(tables.filter(lambda table: len(table) > 1))  # scikit-learn warns of a single class
def test_contingency_is_scikit_learns_confusion_matrix(table):
    labels, predictions = _classes(table)
    ours = contingency(labels, predictions, classes=len(table))
    assert np.array_equal(ours, confusion_matrix(labels, predictions, labels=range(len(table))))


@pytest.mark.parametrize(("labels", "predictions"), [([3], [0]), ([0], [3]), ([-1], [0]), ([0], [-1])])
def test_contingency_refuses_a_class_that_is_not_there(labels, predictions):
    with pytest.raises(InputError, match="from 0 to 2"):
        contingency(np.array(labels), np.array(predictions), classes=3)


@given(tables)
def test_mutual_information_agrees_with_scikit_learn(table):
    expected = mutual_info_score(*_classes(table)) / math.log(2)
    assert mutual_information_bits(table) == pytest.approx(expected, abs=1e-9)


@given(tables)
def test_mutual_information_is_at_most_either_entropy_and_the_same_both_ways(table):
    information = mutual_information_bits(table)
    assert 0 <= information <= min(entropy_bits(table.sum(axis=0)), entropy_bits(table.sum(axis=1))) + 1e-9
    assert mutual_information_bits(table.T) == pytest.approx(information, abs=1e-9)


def test_mutual_information_is_none_for_independence_and_all_for_a_permutation():
    assert mutual_information_bits(np.outer([1, 2, 3], [4, 5, 6])) == pytest.approx(0, abs=1e-12)
    assert mutual_information_bits(np.eye(4, dtype=int)[[2, 0, 3, 1]] * 9) == pytest.approx(2)


def test_mutual_information_needs_an_image():
    with pytest.raises(InputError, match="expected counts"):
        mutual_information_bits(np.zeros((3, 3), dtype=np.int64))


def _permuted(labels, predictions, *, classes, draws):
    """The null as its definition has it: labels permuted, the whole table counted."""
    shuffled = (np.random.default_rng(seed).permutation(labels) for seed in range(draws))
    tables = (contingency(chance, predictions, classes=classes) for chance in shuffled)
    return np.quantile([mutual_information_bits(table) for table in tables], 0.95)


@pytest.mark.parametrize(
    ("classes", "n", "draws", "within"), [(5, 300, 3000, 0.1), (12, 4000, 500, 0.05), (150, 2000, 100, 0.01)]
)
def test_the_null_is_that_of_permuted_labels(classes, n, draws, within):
    generator = np.random.default_rng(classes)
    labels, predictions = generator.integers(0, classes, n), generator.integers(0, classes // 2, n)
    permuted = _permuted(labels, predictions, classes=classes, draws=min(draws, 1000))
    assert mutual_information_null(labels, predictions, draws=draws) == pytest.approx(permuted, rel=within)


def test_the_null_agrees_with_scipys_random_tables_of_the_same_margins():
    generator = np.random.default_rng(8)
    labels, predictions = generator.integers(0, 6, 300), generator.integers(0, 4, 300)
    margins = np.bincount(labels, minlength=6), np.bincount(predictions, minlength=6)
    drawn = stats.random_table(*margins).rvs(size=5000, random_state=generator)
    expected = np.quantile([mutual_info_score(None, None, contingency=table) for table in drawn], 0.95) / math.log(2)
    assert mutual_information_null(labels, predictions, draws=500) == pytest.approx(expected, rel=0.1)


def test_the_null_lies_above_chance_and_below_a_real_dependence():
    generator = np.random.default_rng(9)
    labels = generator.integers(0, 10, 2000)
    chance = generator.integers(0, 10, 2000)
    follows = np.where(generator.random(2000) < 0.2, labels, chance)
    for predictions, dependent in ((chance, False), (follows, True)):
        null = mutual_information_null(labels, predictions)
        assert (mutual_information_bits(contingency(labels, predictions, classes=10)) > null) is dependent


def test_the_null_of_a_classifier_that_always_predicts_the_same_is_0():
    assert mutual_information_null(np.arange(40) % 4, np.full(40, 2)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("classes", [3, 6, 150])
def test_the_null_repeats_with_its_seed_and_only_with_it(classes):
    labels, predictions = np.arange(900) % classes, np.arange(900) * 7 % 31 % classes
    first, again, other = (mutual_information_null(labels, predictions, seed=seed, draws=20) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(("n", "setting"), [(0, {}), (4, {"draws": 0}), (4, {"quantile": 1.0})])
def test_the_null_refuses_nothing_to_draw(n, setting):
    with pytest.raises(InputError):
        mutual_information_null(np.arange(n), np.arange(n), **setting)


@given(tables)
def test_pairs_are_the_cells_of_the_table_that_are_not_empty(table):
    pairs = count_pairs(*_classes(table))
    rows, columns = np.nonzero(table)
    assert np.array_equal(pairs.labels, rows)
    assert np.array_equal(pairs.predictions, columns)
    assert np.array_equal(pairs.counts, table[rows, columns])
    assert pairs_information_bits(pairs) == pytest.approx(mutual_information_bits(table), abs=1e-9)


@pytest.mark.parametrize(("labels", "predictions"), [([-1], [0]), ([0], [-1])])
def test_pairs_refuse_a_class_below_0(labels, predictions):
    with pytest.raises(InputError, match="from 0, got -1"):
        count_pairs(np.array(labels), np.array(predictions))
