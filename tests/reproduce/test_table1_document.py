import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import RecipeError
from negatoscope.provenance import commit
from negatoscope.reproduce.measure import TrackedRate
from negatoscope.reproduce.paper import EPSILONS, printed
from negatoscope.reproduce.table1_document import summarize
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.training.recipe import PANEL, named_recipe


@pytest.fixture(scope="module")
def some_run(make_document: Callable[..., Any]) -> Table1Run:
    return from_plain(make_document(["mnist"])["runs"][0], Table1Run)


def rate(accuracy: float, n: int = 10_000) -> TrackedRate:
    return TrackedRate(n=n, correct=round(accuracy * n), accuracy=accuracy, low=accuracy, high=accuracy)


def changed(run: Table1Run, *, test: float, negative: float, **settings: Any) -> Table1Run:
    return replace(run, test=rate(test), negative_train=rate(negative), **settings)


def test_under_three_runs_nothing_is_decided(some_run: Table1Run) -> None:
    runs = [changed(some_run, seed=seed, test=0.992, negative=0.0668) for seed in range(2)]
    (row,) = summarize(runs)
    assert (row.test.verdict, row.negative.verdict, row.interval) == ("undecided", "undecided", "wilson")
    assert row.test.paper_accuracy == 0.992


def test_with_three_runs_the_verdict_follows_from_the_interval(some_run: Table1Run) -> None:
    pairs = enumerate([(0.990, 0.30), (0.992, 0.31), (0.994, 0.32)])
    (row,) = summarize([changed(some_run, seed=seed, test=test, negative=negative) for seed, (test, negative) in pairs])
    half = 4.302652729911275 * 0.002 * math.sqrt(4 / 3)
    assert row.test.low == pytest.approx(0.992 - half)
    assert row.test.high == pytest.approx(min(1.0, 0.992 + half))
    assert (row.test.verdict, row.negative.verdict, row.interval) == ("agrees", "ours higher", "prediction")


def test_a_smoke_run_is_not_compared_with_the_paper(some_run: Table1Run) -> None:
    (row,) = summarize([some_run], comparable=False)
    assert row.test.paper_accuracy is None


def test_rows_keep_the_order_of_the_runs(some_run: Table1Run) -> None:
    keys = [("mnist", 0.0), ("gtsrb", 0.0), ("mnist", 0.1), ("gtsrb", 0.1)]
    rows = summarize([replace(some_run, dataset=name, epsilon=epsilon) for name, epsilon in keys])
    assert [(row.dataset, row.epsilon) for row in rows] == keys


def test_a_summary_has_the_means_of_its_runs(make_document: Callable[..., Any]) -> None:
    document = make_document(["mnist", "gtsrb"], seeds=3)
    rows = summarize([from_plain(run, Table1Run) for run in document["runs"]])
    for row, expected in zip(to_plain(rows), document["summary"], strict=True):
        for name in ("test", "negative", "attack_accuracies"):
            assert row.pop(name) == pytest.approx(expected.pop(name))
        assert row == pytest.approx(expected)


def test_the_papers_table_has_twenty_numbers() -> None:
    cells = [printed(name, epsilon) for name in ("mnist", "gtsrb") for epsilon in EPSILONS]
    assert all(one.test is not None and one.negative is not None for one in cells)
    assert printed("mnist", 0.0).negative == 0.0668
    assert printed("gtsrb", 0.5).test == 0.948
    assert printed("fashion_mnist", 0.0).test is None


@pytest.mark.parametrize("name", ["mnist", "gtsrb", "fashion_mnist", "mnist_sample"])
@pytest.mark.parametrize("recipe_name", PANEL)
def test_every_recipe_names_itself_and_its_data(recipe_name: str, name: str) -> None:
    recipe = named_recipe(recipe_name, name)
    assert recipe.name == recipe_name
    assert recipe.data.startswith(name)


def test_the_error_of_a_dataset_without_a_recipe_names_the_option() -> None:
    with pytest.raises(RecipeError, match="--recipe"):
        named_recipe("accurate", "unheard_of")


def test_the_commit_is_that_of_this_checkout_or_none() -> None:
    found = commit()
    assert found is None or len(found.removesuffix("+changes")) == 12


def test_the_commit_is_known_also_where_a_link_leads_to_the_checkout(tmp_path: Path) -> None:
    top = Path(__file__).parents[2]
    (tmp_path / "link").symlink_to(top / "src")
    script = "from negatoscope.provenance import commit; print(commit())"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(tmp_path / "link")}, capture_output=True
    )
    assert done.stdout.decode().strip() == str(commit())
