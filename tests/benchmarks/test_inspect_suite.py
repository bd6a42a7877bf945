"""A sample of real digits, of which a few are negated in secret: the suite finds them, and says so."""

import json

import pytest
from benchmarks import inspect
from benchmarks.harness import ROOT


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


def test_the_page_shows_the_published_outcomes() -> None:
    published = json.loads(inspect.RESULTS.read_text(encoding="utf-8"))["cases"]
    assert inspect.table(published) in (ROOT / "docs" / "inspect.md").read_text(encoding="utf-8")
    assert set(published) <= set(inspect.CASES)
