"""The worst case counts only what some transform says something about."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from negatoscope.statistics.worst_case import WorstCase


def masks(rows, images):
    return arrays(np.bool_, (rows, images))


@given(st.data(), st.integers(0, 4), st.integers(1, 12))
def test_survivors_are_at_most_the_correct_images_of_every_transform_and_of_clean(data, transforms, images):
    clean = data.draw(arrays(np.bool_, images))
    correct, counted = data.draw(masks(transforms, images)), data.draw(masks(transforms, images))
    worst = WorstCase(clean)
    for one in zip(correct, counted, strict=True):
        worst.add(*one)
    assert len(worst.correct) == counted.any(axis=0).sum(), "images that no transform counts are no survivors"
    survives = np.zeros(images, dtype=bool)
    survives[worst.counted] = worst.correct
    assert survives.sum() <= clean.sum()
    for row, mask in zip(correct, counted, strict=True):
        assert survives[mask].sum() <= row[mask].sum()
    expected = [all([clean[i], *correct[counted[:, i], i]]) for i in range(images) if counted[:, i].any()]
    assert worst.correct.tolist() == expected
