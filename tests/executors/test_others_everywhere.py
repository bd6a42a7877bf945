"""Searches, Table I and studies are the same bits wherever their jobs run."""

from pathlib import Path
from typing import Any

import pytest

import negatoscope as ng
from negatoscope.executors import Execution
from negatoscope.hardware import pick_hardware
from negatoscope.reproduce.table1 import Table1Request, reproduce_table1
from negatoscope.searching.result import SearchResult
from negatoscope.studies.sensitivity import StudyRequest, study_sensitivity
from negatoscope.training.recipe import Recipe

from .conftest import Run

HARDWARE = pick_hardware("cpu", "float32")
HERE = Execution(threads=1)
EXECUTORS = ["processes", pytest.param("ray", marks=pytest.mark.slow)]
# Python closes the file of images when it collects what an error held on to, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*bars.npz:pytest.PytestUnraisableExceptionWarning")


def bytes_of(out: Path | str, *patterns: str) -> dict[str, bytes]:
    """The bytes of the files that match."""
    files = [file for pattern in patterns for file in sorted(Path(out).rglob(pattern)) if file.is_file()]
    assert files
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


class Silent:
    """A progress of either kind that says nothing."""

    def planned(self, *_: object) -> None: ...

    def estimated(self, seconds: Any) -> None: ...

    def moved(self, *_: object) -> None: ...

    def finished(self, *_: object) -> None: ...


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_search_finds_the_same(executor: Any, run: Run) -> None:
    def search(out: str, **how: Any) -> SearchResult:
        settings: Any = {"size": 64, "interpolation": "nearest", "channels": "gray", "budget": 4, "no_self_check": True}
        return ng.search("bar_models:Reader", "bars.npz", space="gamma(exponent=0.5..2)", out=out, **settings, **how)

    here, there = search("here", threads=1), search("there", executor=executor, workers=2)
    found = bytes_of("there", "rows.parquet/*", "settings.parquet/*", "smallest.parquet")
    assert found == bytes_of("here", "rows.parquet/*", "settings.parquet/*", "smallest.parquet")
    assert len(bytes_of("there", "rows.parquet/*")) == 5
    assert there.summary.spaces == here.summary.spaces


@pytest.mark.parametrize("executor", EXECUTORS)
def test_table1_has_the_same_weights_and_rows(executor: Any, few_digits: str, tmp_path: Path) -> None:
    recipe = Recipe("small", validation_size=40, batch_size=32)
    request = Table1Request(datasets=(few_digits,), epsilons=(0.0, 0.1), recipe=recipe, fast=True)
    for out, execution in (("here", HERE), ("there", Execution(executor, 2))):
        reproduce_table1(request, out=tmp_path / out, hardware=HARDWARE, progress=Silent(), execution=execution)
    made = ("weights.safetensors", "rows.parquet")
    assert bytes_of(tmp_path / "there", *made) == bytes_of(tmp_path / "here", *made)
    assert len(bytes_of(tmp_path / "there", *made)) == 5


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_study_has_the_same_rows(executor: Any, few_runs: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(few_runs)
    for out, execution in (("here", HERE), ("there", Execution(executor, 2))):
        request = StudyRequest(seeds=1, plan=tmp_path / "plan.toml", fast=True, execution=execution)
        study_sensitivity(request, out=tmp_path / out, hardware=HARDWARE, progress=Silent())
    assert bytes_of(tmp_path / "there", "rows.parquet") == bytes_of(tmp_path / "here", "rows.parquet")
    assert len(bytes_of(tmp_path / "there", "rows.parquet")) == 2
