"""From the classifiers of all seeds to one row for each dataset and epsilon, beside what the paper printed."""

from collections.abc import Mapping, Sequence
from typing import Any

from negatoscope.reproduce.paper import printed
from negatoscope.statistics import Interval, mean_and_deviation, prediction_interval, verdict, wilson

MINIMUM_RUNS = 3
"""With fewer runs there is no verdict."""

Row = Mapping[str, Any]


def summarize(cells: Sequence[Row], *, comparable: bool = True) -> list[dict[str, Any]]:
    """One row for each dataset and epsilon, in the order in which they first come.

    Args:
        cells: What `run_cell` returns.
        comparable: Whether the runs are of the paper's size; a smoke run's are not and get no verdict.
    """
    groups: dict[tuple[str, float], list[Row]] = {}
    for cell in cells:
        groups.setdefault((cell["dataset"], cell["epsilon"]), []).append(cell)
    return [_summary(runs, comparable) for runs in groups.values()]


def _summary(runs: Sequence[Row], comparable: bool) -> dict[str, Any]:
    first = runs[0]
    paper = printed(first["dataset"], first["epsilon"])
    paper_test, paper_negative = (paper.test, paper.negative) if comparable else (None, None)
    tests, negatives = _accuracies(runs, "test"), _accuracies(runs, "negative_train")
    test, negative = _interval(runs, "test"), _interval(runs, "negative_train")
    return {
        "dataset": first["dataset"],
        "epsilon": first["epsilon"],
        "recipe": first["recipe"],
        "seeds": len(runs),
        "test_accuracy": mean_and_deviation(tests)[0],
        "test_low": test.low,
        "test_high": test.high,
        "test_std": mean_and_deviation(tests)[1],
        "negative_accuracy": mean_and_deviation(negatives)[0],
        "negative_low": negative.low,
        "negative_high": negative.high,
        "negative_std": mean_and_deviation(negatives)[1],
        "interval": "prediction" if len(runs) >= MINIMUM_RUNS else "wilson",
        "paper_test_accuracy": paper_test,
        "paper_negative_accuracy": paper_negative,
        "verdict_test": verdict(paper_test, tests, minimum_runs=MINIMUM_RUNS),
        "verdict_negative": verdict(paper_negative, negatives, minimum_runs=MINIMUM_RUNS),
        **_means(runs),
    }


def _means(runs: Sequence[Row]) -> dict[str, Any]:
    first = runs[0]

    def mean(*path: str) -> float:
        values: list[Any] = list(runs)
        for name in path:
            values = [value[name] for value in values]
        return mean_and_deviation(values)[0]

    tracked = len(runs) == 1 and "track_low" in first["negative_train"]
    return {
        "n_test": first["test"]["n"],
        "n_negative": first["negative_train"]["n"],
        **{f"{name}_accuracy": mean(name, "accuracy") for name in ("train", "validation", "negative_test")},
        **{f"{name}_accuracy": mean(name, "accuracy") for name in ("fgsm", "pgd")},
        "attack_epsilon": first["attack_epsilon"],
        "confidence_train": mean("confidence", "train"),
        "confidence_negative": mean("confidence", "negative_train"),
        **{
            name: mean("destinations", name)
            for name in ("entropy_bits", "mutual_information_bits", "mutual_information_null_bits")
        },
        "chance": first["chance"],
        "majority": mean("majority"),
        "negative_track_low": first["negative_train"]["track_low"] if tracked else None,
        "negative_track_high": first["negative_train"]["track_high"] if tracked else None,
        "seconds": mean("seconds"),
    }


def _accuracies(runs: Sequence[Row], name: str) -> list[float]:
    return [run[name]["accuracy"] for run in runs]


def _interval(runs: Sequence[Row], name: str) -> Interval:
    """For enough runs the range of one new run, else Wilson's interval of all their images."""
    if len(runs) >= MINIMUM_RUNS:
        return prediction_interval(_accuracies(runs, name))
    return wilson(sum(run[name]["correct"] for run in runs), sum(run[name]["n"] for run in runs))
