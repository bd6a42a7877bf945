import pytest
from benchmarks import report


@pytest.mark.slow
@pytest.mark.data
def test_a_smoke_run_times_a_report_and_its_two_halves() -> None:
    found = report.run(quick=True)
    whole, *halves = found.measures
    assert whole.name == "report of an audit of 64 images under 50 transforms"
    assert whole.ours == pytest.approx(sum(half.ours for half in halves))
    profiles = found.details["where the time goes"]
    assert isinstance(profiles, dict)
    assert all(share > 0 for share in profiles[whole.name].values())
