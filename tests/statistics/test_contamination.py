"""How many items are of another kind follows from scores of known mixtures."""

import numpy as np
import pytest

from negatoscope.errors import InputError
from negatoscope.statistics.contamination import Kind, estimate_contamination, recall_of_kind


def mixture(n: int, share: float, *, apart: float, seed: int = 0) -> Kind:
    """Scores of ordinary items around -apart and of the other kind around +apart."""
    generator = np.random.default_rng(seed)
    number = round(share * n)
    scores = generator.normal(-apart, 1, n)
    scores[:number] *= -1
    others = generator.normal(apart, 1, n)
    others[:number] *= -1
    return Kind(scores, others)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("apart", [1.5, 4.0])
def test_the_share_of_a_known_mixture_is_inside_the_interval(share: float, apart: float) -> None:
    found = estimate_contamination([mixture(20_000, share, apart=apart)])
    assert found.low <= share
    assert share <= 1.02 * found.high  # the least of 19 bounds lies a little low
    assert found.share == pytest.approx(share, rel=0.1, abs=0.0005)


@pytest.mark.parametrize("apart", [1.5, 4.0])
def test_nothing_is_found_where_nothing_is(apart: float) -> None:
    found = estimate_contamination([mixture(20_000, 0.0, apart=apart)])
    assert found.share < 0.0005
    assert found.low == 0.0 or found.share > 0
    assert found.high < 0.003


def test_half_of_each_cannot_be_told_apart() -> None:
    assert estimate_contamination([mixture(2000, 0.5, apart=3.0)]).share <= 0.5


def test_kinds_add_up() -> None:
    first, second = mixture(5000, 0.02, apart=4.0), mixture(5000, 0.05, apart=4.0, seed=7)
    both = estimate_contamination([first, second])
    assert both.share == pytest.approx(sum(both.by_kind))
    assert both.by_kind == pytest.approx((0.02, 0.05), rel=0.3)
    assert both.low < 0.07 < both.high


def test_of_several_kinds_each_and_their_sum_are_those_of_the_mixture() -> None:
    n, of_each = 1000, 150
    ordinary, looks = np.arange(n) >= 2 * of_each, np.arange(n) // of_each
    kinds = [Kind(np.where(looks == place, 5.0, -5.0), np.where(ordinary, 5.0, -5.0)) for place in (0, 1)]
    found = estimate_contamination(kinds)
    assert found.by_kind == pytest.approx((0.15, 0.15))
    assert found.share == pytest.approx(0.3)
    assert found.low < 0.3 < found.high


def test_a_kind_that_looks_like_nothing_counts_nothing() -> None:
    nothing = np.full(50, -np.inf)
    found = estimate_contamination([Kind(nothing, np.r_[nothing[:20], np.arange(30.0)])])
    assert (found.share, found.low) == (0.0, 0.0)
    assert 0 < found.high < 0.2


def test_recall_is_the_share_of_the_kind_at_or_above_a_score() -> None:
    kind = Kind(np.zeros(4), np.array([1.0, 2.0, 3.0, 4.0]))
    assert recall_of_kind(kind, np.array([4.5, 4.0, 2.5, 0.0])).tolist() == [0.0, 0.25, 0.5, 1.0]


def test_no_kind_and_no_scores_are_refused() -> None:
    for kinds in ([], [Kind(np.zeros(0), np.zeros(0))]):
        with pytest.raises(InputError, match=r"^expected "):
            estimate_contamination(kinds)
