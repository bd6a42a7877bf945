"""What a study is asked for bounds what it starts, and is refused before anything is loaded, where it cannot be."""

from pathlib import Path

import pytest

from negatoscope.errors import InputError
from negatoscope.studies.sensitivity import Budget, plan_runs, within
from negatoscope.studies.sensitivity_jobs import PlannedRun
from negatoscope.studies.sensitivity_plan import load_studies

COMBINATION = """
[[studies.combinations]]
value = "He, small steps"
seeds = 1
changes = { learning_rate = 0.0005, network = { initialization = "he" } }
"""


@pytest.mark.parametrize(("amount", "unit"), [(0, "passes"), (float("nan"), "minutes"), (1, "hours")])
def test_what_is_no_budget_is_refused(amount: float, unit: str) -> None:
    with pytest.raises(InputError, match="budget"):
        Budget(amount, unit)


@pytest.fixture
def planned(few_runs: str, tmp_path: Path) -> list[PlannedRun]:
    (tmp_path / "plan.toml").write_text(few_runs + COMBINATION)
    return plan_runs(load_studies(tmp_path / "plan.toml"), seeds=2, fast=True)


@pytest.mark.parametrize(
    ("budget", "count"),
    [
        (None, 5),
        (Budget(3, "passes"), 3),
        (Budget(3.5, "passes"), 3),
        (Budget(2, "minutes"), 2),
        (Budget(9, "minutes"), 5),
    ],
)
def test_a_budget_bounds_what_is_started(budget: Budget | None, count: int, planned: list[PlannedRun]) -> None:
    assert within(budget, planned, dict.fromkeys(planned, 60.0)) == planned[:count]


def test_passes_count_what_was_made_before_and_minutes_do_not(planned: list[PlannedRun]) -> None:
    left = dict.fromkeys(planned[2:], 60.0)
    assert within(Budget(3, "passes"), planned, left) == planned[2:3]
    assert within(Budget(2, "minutes"), planned, left) == planned[2:4]
