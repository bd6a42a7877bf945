import pytest
from benchmarks import report


@pytest.mark.slow
@pytest.mark.data
def test_a_smoke_run_times_a_report_and_its_two_halves() -> None:
    whole, *halves = report.run(quick=True)
    assert whole.name == "report of an audit of 64 images under 50 transforms"
    assert whole.ours == pytest.approx(sum(half.ours for half in halves))
