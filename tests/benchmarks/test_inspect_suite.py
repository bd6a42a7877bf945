"""A sample of real digits, of which a few are negated in secret: the suite finds them, and says so."""

import pytest
from benchmarks import inspect


@pytest.fixture(scope="module")
def cases() -> dict[str, dict[str, object]]:
    pytest.importorskip("mlxtend")
    found = inspect.run(quick=True).details["cases"]
    assert isinstance(found, dict)
    return found


def test_secret_negatives_are_found_and_counted(cases: dict[str, dict[str, object]]) -> None:
    case = cases["mnist_sample_0.01"]
    assert case["found"] == 1.0
    assert case["auc"] == pytest.approx(1.0, abs=1e-3)
    assert float(str(case["low"])) <= int(str(case["transformed"])) <= float(str(case["high"]))


def test_a_clean_sample_raises_no_alarm(cases: dict[str, dict[str, object]]) -> None:
    case = cases["mnist_sample_0.0"]
    assert (case["estimate"], case["found"], case["auc"]) == (0.0, None, None)
