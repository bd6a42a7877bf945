import sys
from pathlib import Path

import pytest
from benchmarks import startup


def test_a_process_that_fails_is_not_timed() -> None:
    with pytest.raises(RuntimeError, match=r"to end well, got: .*no such thing"):
        startup._process([sys.executable, "-c", "raise SystemExit('no such thing')"])()


def test_cold_means_that_nothing_is_compiled_and_nothing_cached() -> None:
    show = "import sys, os; print(sys.pycache_prefix, os.environ['NEGATOSCOPE_CACHE_DIR'], os.environ['MPLCONFIGDIR'])"
    places = [startup._cold([sys.executable, "-c", show])().split() for _ in range(2)]
    assert len({place for each in places for place in each}) == 6
    assert not any(Path(place).exists() for each in places for place in each)


@pytest.mark.slow
@pytest.mark.data
def test_a_smoke_run_of_the_suite_measures_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = startup.run(quick=True)
    found = {measure.name: measure for measure in findings.measures}
    assert found["negatoscope --help"].peers == {}
    assert {"import of the package", "import torch"} <= found.keys()
    assert all(measure.ours > 0 for measure in found.values())
    profiles = findings.details["where the time goes"]
    assert isinstance(profiles, dict)
    assert profiles["audit of a hundred images, own network"]["import of torch"] > 0
