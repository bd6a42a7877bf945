"""A chart of differences holds what it shows, and its labels are the numbers of its lines."""

import pytest

from negatoscope.reports.chart_scale import chart_scale
from negatoscope.reports.formatting import points


@pytest.mark.parametrize("end", [0.0, 0.004, 0.012, 0.031, 0.047, 0.15, 0.25, 0.55, 0.71, 1.0])
def test_a_chart_holds_every_end_and_half_of_it_is_labeled_exactly(end: float) -> None:
    scale = chart_scale([None, -end, end / 2])
    assert 100 * end <= scale <= 100
    label = points(scale / 200, decimals=0 if scale > 1 else 1, signed=False)
    assert float(label) == scale / 2


def test_a_chart_of_nothing_has_a_scale() -> None:
    assert chart_scale([]) == 1
