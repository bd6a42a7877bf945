"""The smallest change that is misclassified: never larger than what was found, and misclassified when it was asked."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from negatoscope.errors import InputError
from negatoscope.searching.smallest import HALVINGS, smallest_changes
from negatoscope.transforms.spaces import resolve_space

TONE = resolve_space("brightness(factor=0.5..1.5) | gamma(exponent=0.5..2)", channels=1)
GRAYS = torch.full((1, 1, 2, 2), 0.5)


def bright_is_class_one(level: float) -> Callable[[Tensor], Tensor]:
    """Which of two classes: brighter than a level or not."""

    def classify(images: Tensor) -> Tensor:
        lighter = images.mean(dim=(1, 2, 3)) - level
        return torch.stack([-lighter, lighter], dim=1)

    return classify


def of_class_zero(count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.int64)


def test_the_end_of_the_line_is_found_to_its_last_halving() -> None:
    space = resolve_space("brightness(factor=0.5..1.5)", channels=1)
    found = smallest_changes(bright_is_class_one(0.6), GRAYS, of_class_zero(1), torch.ones(1, 1), space=space)
    assert found.distances.item() == pytest.approx(0.4, abs=1 / 2**HALVINGS)  # 0.5 * 1.2 is 0.6, and 0.2 of 0.5 is 0.4
    assert found.distances.item() > 0.4
    assert found.queries.item() == HALVINGS


def test_what_is_not_needed_goes_back_to_where_it_changes_nothing() -> None:
    given = torch.tensor([[0.9, 0.6]], dtype=torch.float64)  # brighter, and darker by a curve
    found = smallest_changes(bright_is_class_one(0.51), GRAYS, of_class_zero(1), given, space=TONE)
    assert TONE.identity is not None
    assert found.points[0, 1] == TONE.identity[1]
    assert found.points[0, 0] > TONE.identity[0]
    (text,) = TONE.parameters(found.points)
    assert text.startswith("brightness(factor=1.0")
    assert "gamma" not in text


@given(st.integers(0, 2**32 - 1), st.floats(0.35, 0.65))
def test_no_change_grows_and_every_one_is_still_misclassified(seed: int, level: float) -> None:
    images = torch.rand(40, 1, 3, 3, generator=torch.Generator().manual_seed(seed))
    points = torch.rand(40, 2, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    classify = bright_is_class_one(level)
    labels = classify(images).argmax(dim=1)
    fooled = classify(TONE.apply(images, points)).argmax(dim=1) != labels
    images, labels, points = images[fooled], labels[fooled], points[fooled]
    found = smallest_changes(classify, images, labels, points, space=TONE)
    assert (classify(TONE.apply(images, found.points)).argmax(dim=1) != labels).all()
    assert (found.distances <= TONE.distance(points)).all()
    assert (found.distances > 0).all()
    assert (found.queries <= HALVINGS + 2).all()


def test_a_choice_stays_or_goes_but_is_never_halved() -> None:
    space = resolve_space("color_cube(element=..)", channels=3)
    images = torch.rand(8, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    points = torch.linspace(0.1, 0.9, 8, dtype=torch.float64)[:, None]
    found = smallest_changes(
        lambda shown: torch.zeros(len(shown), 2), images, of_class_zero(8) + 1, points, space=space
    )
    assert torch.equal(found.points, points)
    assert found.queries.tolist() == [0] * 8
    assert found.distances.tolist() == [1.0] * 8


def test_images_do_not_depend_on_those_beside_them() -> None:
    images = torch.rand(12, 1, 3, 3, generator=torch.Generator().manual_seed(4))
    points = torch.rand(12, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    classify = bright_is_class_one(0.45)
    labels = 1 - classify(TONE.apply(images, points)).argmax(dim=1)
    together = smallest_changes(classify, images, labels, points, space=TONE)
    for place in range(12):
        one = slice(place, place + 1)
        alone = smallest_changes(classify, images[one], labels[one], points[one], space=TONE)
        assert torch.equal(alone.points, together.points[one])
        assert torch.equal(alone.queries, together.queries[one])


def test_a_space_that_always_changes_something_is_refused() -> None:
    space = resolve_space("negative_sigmoid_contrast(steepness=1..5)", channels=1)
    with pytest.raises(InputError, match="some point changes nothing"):
        smallest_changes(bright_is_class_one(0.5), GRAYS, of_class_zero(1), torch.ones(1, 1), space=space)
