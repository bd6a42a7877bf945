"""The picture of smallest changes says in words what was changed."""

import pytest

from negatoscope.searching.strip import change_words


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("translation(right=-0.0157)", ["left by 1 pixel"]),
        ("translation(right=0.09, down=-0.0625)", ["right by 3 pixels", "up by 2 pixels"]),
        ("translation(right=0.01)", ["translation"]),
        ("hue_shift(degrees=-31.52)", ["hue −31.5°"]),
        ("rotation(degrees=3.0)", ["turned 3°"]),
        ("saturation(factor=0.7581)", ["saturation × 0.758"]),
        ("saturation_shift(amount=-0.0123)", ["saturation −0.012"]),
        ("saturation_shift(amount=-0.00034)", ["saturation 0"]),
        ("sigmoid_contrast(steepness=2.0)", ["sigmoid_contrast, steepness 2"]),
        ("channel_permutation(order='BGR')", ["channel_permutation BGR"]),
        ("negative", ["negative"]),
    ],
)
def test_a_change_is_put_into_words(stage: str, words: list[str]) -> None:
    assert change_words(stage, size=(32, 32)) == words
