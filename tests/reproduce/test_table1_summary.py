import math
from typing import Any

import pytest

from negatoscope.errors import RecipeError
from negatoscope.provenance import command_line, commit
from negatoscope.reproduce.paper import EPSILONS, default_recipe, printed
from negatoscope.reproduce.table1_summary import summarize


def rate(accuracy: float, n: int = 10_000) -> dict[str, Any]:
    return {"n": n, "correct": round(accuracy * n), "accuracy": accuracy, "low": accuracy, "high": accuracy}


def cell(seed: int, *, test: float, negative: float, dataset: str = "mnist", epsilon: float = 0.0) -> dict[str, Any]:
    names = ("train", "validation", "negative_test", "fgsm", "pgd")
    ends = dict.fromkeys(("entropy_bits", "mutual_information_bits", "mutual_information_null_bits"), 1.0)
    return {
        "dataset": dataset,
        "epsilon": epsilon,
        "seed": seed,
        "recipe": "mnist",
        "test": rate(test),
        "negative_train": rate(negative),
        **{name: rate(0.5) for name in names},
        "attack_epsilon": 0.1,
        "confidence": {"train": 0.9, "negative_train": 0.8},
        "destinations": ends,
        "chance": 0.1,
        "majority": 0.11,
        "seconds": 1.0,
    }


def test_under_three_runs_nothing_is_decided() -> None:
    (row,) = summarize([cell(0, test=0.992, negative=0.0668), cell(1, test=0.992, negative=0.0668)])
    assert (row["verdict_test"], row["verdict_negative"], row["interval"]) == ("undecided", "undecided", "wilson")
    assert row["paper_test_accuracy"] == 0.992


def test_with_three_runs_the_verdict_follows_from_the_interval() -> None:
    tests, negatives = (0.990, 0.992, 0.994), (0.30, 0.31, 0.32)
    pairs = zip(tests, negatives, strict=True)
    (row,) = summarize([cell(seed, test=test, negative=negative) for seed, (test, negative) in enumerate(pairs)])
    half = 4.302652729911275 * 0.002 * math.sqrt(4 / 3)
    assert row["test_low"] == pytest.approx(0.992 - half)
    assert row["test_high"] == pytest.approx(min(1.0, 0.992 + half))
    assert (row["verdict_test"], row["verdict_negative"], row["interval"]) == ("agrees", "above", "prediction")


def test_a_smoke_run_is_not_held_against_the_paper() -> None:
    (row,) = summarize([cell(0, test=0.9, negative=0.1)], comparable=False)
    assert row["paper_test_accuracy"] is None


def test_rows_keep_the_order_of_the_cells() -> None:
    cells = [
        cell(0, test=0.9, negative=0.1, dataset=name, epsilon=e) for e in (0.0, 0.1) for name in ("mnist", "gtsrb")
    ]
    rows = summarize(cells)
    assert [(row["dataset"], row["epsilon"]) for row in rows] == [
        ("mnist", 0.0),
        ("gtsrb", 0.0),
        ("mnist", 0.1),
        ("gtsrb", 0.1),
    ]


def test_the_papers_table_has_twenty_numbers() -> None:
    cells = [printed(name, epsilon) for name in ("mnist", "gtsrb") for epsilon in EPSILONS]
    assert all(one.test is not None and one.negative is not None for one in cells)
    assert printed("mnist", 0.0).negative == 0.0668
    assert printed("gtsrb", 0.5).test == 0.948
    assert printed("fashion_mnist", 0.0).test is None


@pytest.mark.parametrize("name", ["mnist", "gtsrb", "fashion_mnist", "mnist_sample"])
def test_every_default_recipe_names_its_data(name: str) -> None:
    recipe = default_recipe(name)
    assert recipe.name == name
    assert recipe.data.startswith(name)


def test_a_dataset_without_a_recipe_says_how_to_give_one() -> None:
    with pytest.raises(RecipeError, match="--recipe"):
        default_recipe("unheard_of")


def test_the_command_is_told_without_what_is_empty() -> None:
    options = {"seeds": 3, "datasets": "", "fast": True}
    assert command_line("reproduce table1", options) == "negatoscope reproduce table1 --seeds 3 --fast"


def test_the_commit_is_that_of_this_checkout_or_none() -> None:
    found = commit()
    assert found is None or len(found.removesuffix("+changes")) == 12
