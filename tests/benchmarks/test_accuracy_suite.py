"""Time to accuracy and the paired test of bf16 against float32."""

import pytest
from benchmarks.accuracy import compared, seconds_to
from scipy import stats

RUN = {
    "history": [
        {"validation_accuracy": 0.97, "seconds": 10.0},
        {"validation_accuracy": 0.99, "seconds": 11.0},
        {"validation_accuracy": 0.98, "seconds": 12.0},
    ],
    "ends": [12.0, 25.0, 39.0],
}


def test_time_ends_with_the_first_epoch_that_reaches_the_mark() -> None:
    assert seconds_to(0.98, RUN) == {"training": 21.0, "with_validation": 25.0, "epochs": 2}


def test_a_mark_that_is_never_reached_has_no_time() -> None:
    assert seconds_to(0.995, RUN) is None


def test_the_paired_interval_and_the_exact_test_are_scipys() -> None:
    ours, others = [99.11, 98.9, 99.37, 99.0, 98.74], [99.0, 99.12, 99.0, 98.83, 98.6]
    found = compared(ours, others)
    interval = stats.ttest_rel(ours, others).confidence_interval(0.95)
    exact = stats.permutation_test((ours, others), lambda x, y: (x - y).mean(), permutation_type="samples")
    assert found["interval_95"] == pytest.approx([interval.low, interval.high])
    assert found["sign_flip_p"] == pytest.approx(exact.pvalue)


def test_no_difference_at_all_is_no_error() -> None:
    found = compared([1.0, 2.0], [1.0, 2.0])
    assert (found["mean_difference"], found["interval_95"], found["sign_flip_p"]) == (0.0, [0.0, 0.0], 1.0)
