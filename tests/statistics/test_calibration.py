"""Reliability and calibration error, held against torchmetrics, pandas and simulation."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from negatoscope.errors import InputError
from negatoscope.statistics.calibration import expected_calibration_error, reliability

answers = st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=200)


def _columns(pairs):
    return np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_the_calibration_error_agrees_with_torchmetrics(bins, sharpness):
    generator = np.random.default_rng(bins)
    probabilities = torch.from_numpy(generator.normal(size=(3000, 7)) * sharpness).softmax(dim=1)
    labels = torch.from_numpy(generator.integers(0, 7, 3000))
    theirs = multiclass_calibration_error(probabilities, labels, num_classes=7, n_bins=bins, norm="l1")
    confidences, predictions = probabilities.max(dim=1)
    diagram = reliability(confidences.numpy(), (predictions == labels).numpy(), bins=bins)
    assert expected_calibration_error(diagram) == pytest.approx(float(theirs), abs=1e-6)


@given(answers, st.integers(1, 20))
def test_the_bins_are_those_of_pandas(pairs, bins):
    confidences, correct = _columns(pairs)
    frame = pd.DataFrame({"confidence": confidences, "correct": correct})
    cut = pd.cut(frame["confidence"], np.linspace(0, 1, bins + 1), include_lowest=True, labels=False)
    expected = frame.groupby(cut).agg(n=("correct", "size"), c=("confidence", "mean"), a=("correct", "mean"))
    diagram = reliability(confidences, correct, bins=bins)
    assert [(one.n, one.accuracy) for one in diagram] == list(zip(expected["n"], expected["a"], strict=True))
    assert [one.confidence for one in diagram] == pytest.approx(expected["c"].tolist())
    assert [one.low for one in diagram] == pytest.approx([index / bins for index in expected.index])


@given(answers)
def test_every_image_is_in_one_bin_and_the_error_is_a_rate(pairs):
    confidences, correct = _columns(pairs)
    diagram = reliability(confidences, correct)
    assert sum(one.n for one in diagram) == len(pairs)
    assert all(one.low - 1e-9 <= one.confidence <= one.high + 1e-9 for one in diagram)
    assert 0 <= expected_calibration_error(diagram) <= 1


def test_a_confidence_of_1_is_in_the_last_bin_and_one_of_0_in_the_first():
    diagram = reliability(np.array([0.0, 1.0, 0.99], dtype=np.float32), np.array([False, True, True]))
    assert [(one.n, one.low, one.high) for one in diagram] == [(1, 0.0, 1 / 15), (2, 14 / 15, 1.0)]


def test_a_classifier_that_is_right_as_often_as_it_is_sure_has_next_to_no_error():
    generator = np.random.default_rng(0)
    confidences = generator.uniform(0.2, 1, 50_000)
    correct = generator.random(50_000) < confidences
    assert expected_calibration_error(reliability(confidences, correct)) < 0.01
    assert expected_calibration_error(reliability(confidences, ~correct)) > 0.2


def test_surely_wrong_is_an_error_of_1():
    assert expected_calibration_error(reliability(np.ones(5), np.zeros(5, dtype=bool))) == 1


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_what_is_no_confidence_is_refused(value):
    with pytest.raises(InputError, match="expected confidences from 0 to 1"):
        reliability(np.array([0.5, value]), np.array([True, True]))


def test_no_image_has_no_calibration_error():
    assert reliability(np.array([]), np.array([], dtype=bool)) == ()
    with pytest.raises(InputError, match="expected diagram to hold at least one image"):
        expected_calibration_error(())


def test_no_bins_are_refused():
    with pytest.raises(InputError, match="expected bins at least 1"):
        reliability(np.array([0.5]), np.array([True]), bins=0)
