"""Documents of Table I, counted from simulated predictions, the paper's numbers being its own."""

from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from negatoscope.statistics.information import contingency, entropy_bits, mutual_information_bits
from negatoscope.statistics.intervals import prediction_interval, wilson
from negatoscope.statistics.verdicts import standing, verdict

DATASETS: dict[str, dict[str, Any]] = {
    "mnist": {
        "classes": 10,
        "sizes": {"train": 55_000, "validation": 5_000, "test": 10_000},
        "epsilons": (0.0, 0.05, 0.1, 0.2, 0.5),
        "test": (0.991, 0.992, 0.992, 0.991, 0.975),
        "negative": (0.045, 0.06, 0.09, 0.14, 0.075),
        "paper": ((0.992, 0.0668), (0.9934, 0.0672), (0.983, 0.0389), (0.9877, 0.0624), (0.9874, 0.1669)),
    },
    "gtsrb": {
        "classes": 43,
        "sizes": {"train": 35_000, "validation": 4_209, "test": 12_630},
        "epsilons": (0.0, 0.05, 0.1, 0.2, 0.5),
        "test": (0.962, 0.958, 0.951, 0.938, 0.92),
        "negative": (0.11, 0.12, 0.14, 0.17, 0.18),
        "paper": ((0.9563, 0.0439), (0.9808, 0.0707), (0.9739, 0.0844), (0.9455, 0.1112), (0.948, 0.1354)),
    },
    "mnist_sample": {
        "classes": 10,
        "sizes": {"train": 3_500, "validation": 500, "test": 1_000},
        "epsilons": (0.0, 0.1),
        "test": (0.95, 0.955),
        "negative": (0.1, 0.16),
        "paper": ((None, None), (None, None)),
    },
}

Maker = Callable[..., Any]


@pytest.fixture(scope="session")
def make_document() -> Maker:
    """Makes a document: ``make_document(["mnist"], seeds=3, random=False)``."""
    return document


def document(
    datasets: Sequence[str] = ("mnist", "gtsrb"), *, seeds: int = 1, random: bool = False, not_run: Sequence[str] = ()
) -> dict[str, Any]:
    runs = [
        run_of(name, index, seed, random) for name in datasets for index in range(_rows(name)) for seed in range(seeds)
    ]
    summary = [row(name, index, runs) for name in datasets for index in range(_rows(name))]
    return {
        "schema": 2,
        "provenance": _provenance(datasets, seeds),
        "fast": False,
        "runs": runs,
        "not_run": [{"dataset": name, "reason": "no copy was found"} for name in not_run],
        "summary": summary,
    }


def attacks(under: float, epsilon: float, n: int) -> dict[str, Any]:
    """Rates that name their own two epsilons, so that a table can be seen to have taken the right one."""
    fgsm, pgd = (rate(round(n * (share + epsilon - under / 2)), n) for share in (0.3, 0.25))
    return {"epsilon": under, "accuracies": {"fgsm": fgsm, "pgd": pgd}}


def run_of(name: str, index: int, seed: int, random: bool) -> dict[str, Any]:
    facts = DATASETS[name]
    draw = np.random.default_rng([seed, index, len(name)])
    moved = float(draw.normal(0, 0.005))
    test, negative = facts["test"][index] + moved / 20, facts["negative"][index] + moved
    sizes, classes, epsilon = facts["sizes"], facts["classes"], facts["epsilons"][index]
    labels = draw.integers(0, classes, sizes["train"])
    favored = draw.dirichlet(np.full(classes, 0.3))
    elsewhere = draw.choice(classes, sizes["train"], p=favored)
    predictions = elsewhere if random else np.where(draw.random(sizes["train"]) < negative, labels, elsewhere)
    result = {
        "dataset": name,
        "epsilon": epsilon,
        "seed": seed,
        "recipe": {"name": name},
        "train": rate(draw.binomial(sizes["train"], min(test + 0.007, 1)), sizes["train"]),
        "validation": rate(draw.binomial(sizes["validation"], test), sizes["validation"]),
        "test": rate(draw.binomial(sizes["test"], test), sizes["test"]),
        "negative_train": rate(int((predictions == labels).sum()), sizes["train"]),
        "negative_test": rate(draw.binomial(sizes["test"], negative), sizes["test"]),
        "attacks": [
            attacks(under, epsilon, sizes["test"]) for under in ([epsilon] if epsilon else facts["epsilons"][1:])
        ],
        "confidence": {
            "train": 0.996,
            "test": 0.99,
            "negative_train": 0.88 - epsilon / 4,
            "negative_test": 0.87 - epsilon / 4,
        },
        "destinations": destinations(labels, predictions, classes),
        "majority": float(np.bincount(labels).max() / len(labels)),
        "epochs": [epoch(number, test, negative, draw) for number in range(1, 11)],
        "seconds": 300.0 + index,
        "weights_sha256": "0" * 64,
    }
    if name == "gtsrb":
        for which in ("train", "negative_train"):
            result[which] |= {"track_low": result[which]["low"] - 0.01, "track_high": result[which]["high"] + 0.01}
    return result


def rate(correct: int, n: int) -> dict[str, Any]:
    interval = wilson(int(correct), n)
    return {"n": n, "correct": int(correct), "accuracy": correct / n, "low": interval.low, "high": interval.high}


def destinations(labels: np.ndarray, predictions: np.ndarray, classes: int) -> dict[str, Any]:
    table = contingency(labels, predictions, classes=classes)
    return {
        "shares": (table.sum(axis=0) / table.sum()).tolist(),
        "entropy_bits": entropy_bits(table.sum(axis=0)),
        "label_entropy_bits": entropy_bits(table.sum(axis=1)),
        "mutual_information_bits": mutual_information_bits(table),
        # Where permutations lead, at once: 2 n ln(2) bits are chi-squared in the limit of many images.
        "mutual_information_null_bits": float(chi2.ppf(0.95, (classes - 1) ** 2) / (2 * len(labels) * np.log(2))),
    }


def epoch(number: int, test: float, negative: float, draw: np.random.Generator) -> dict[str, Any]:
    return {
        "epoch": number,
        "train_loss": float(0.5 / number),
        "validation_accuracy": float(test - 0.05 / number**2 + draw.normal(0, 0.0008)),
        "negative_accuracy": float(np.clip(negative + 0.08 / number + draw.normal(0, 0.008), 0, 1)),
        "seconds": 30.0,
    }


def row(name: str, index: int, every: Sequence[dict[str, Any]]) -> dict[str, Any]:
    facts = DATASETS[name]
    epsilon, papers = facts["epsilons"][index], facts["paper"][index]
    runs = [run for run in every if run["dataset"] == name and run["epsilon"] == epsilon]

    def mean(*path: str) -> float:
        return fmean(_at(run, path) for run in runs)

    values_of = [[run[kind]["accuracy"] for run in runs] for kind in ("test", "negative_train")]
    return {
        "dataset": name,
        "epsilon": epsilon,
        "recipe": name,
        "seeds": len(runs),
        "test_accuracy": mean("test", "accuracy"),
        "negative_accuracy": mean("negative_train", "accuracy"),
        "paper_test_accuracy": papers[0],
        "paper_negative_accuracy": papers[1],
        "reproduced": reproduced([verdict(paper, values) for paper, values in zip(papers, values_of, strict=True)]),
        "beside_chance": standing(values_of[1], 1 / facts["classes"]),
        "beside_majority": standing(values_of[1], mean("majority")),
        "negative_before_accuracy": None,
        "test": _compared([run["test"] for run in runs], papers[0]),
        "negative": _compared([run["negative_train"] for run in runs], papers[1]),
        "interval": "wilson" if len(runs) < 3 else "prediction",
        "train_accuracy": mean("train", "accuracy"),
        "validation_accuracy": mean("validation", "accuracy"),
        "negative_test_accuracy": mean("negative_test", "accuracy"),
        "attack_epsilon": epsilon or 0.1,
        "attack_accuracies": {name: fmean(_shown(run)[name]["accuracy"] for run in runs) for name in ("fgsm", "pgd")},
        "confidence_train": mean("confidence", "train"),
        "confidence_negative": mean("confidence", "negative_train"),
        "entropy_bits": mean("destinations", "entropy_bits"),
        "mutual_information_bits": mean("destinations", "mutual_information_bits"),
        "mutual_information_null_bits": mean("destinations", "mutual_information_null_bits"),
        "chance": 1 / facts["classes"],
        "majority": mean("majority"),
        "seconds": mean("seconds"),
    }


def reproduced(verdicts: Sequence[str]) -> bool | None:
    if any(found.startswith("ours") for found in verdicts):
        return False
    return True if all(found == "agrees" for found in verdicts) else None


def _compared(rates: Sequence[dict[str, Any]], paper: float | None) -> dict[str, Any]:
    values = [one["accuracy"] for one in rates]
    few = len(values) < 3
    pooled = wilson(sum(one["correct"] for one in rates), sum(one["n"] for one in rates))
    interval = pooled if few else prediction_interval(values)
    return {
        "n": rates[0]["n"],
        "accuracy": fmean(values),
        "low": interval.low,
        "high": interval.high,
        "std": stdev(values) if len(values) > 1 else None,
        "track_low": rates[0].get("track_low") if len(values) == 1 else None,
        "track_high": rates[0].get("track_high") if len(values) == 1 else None,
        "paper_accuracy": paper,
        "verdict": verdict(paper, values),
    }


def _provenance(datasets: Sequence[str], seeds: int) -> dict[str, Any]:
    notes = {"gtsrb": "unofficial copy: every image was rescaled to 32×32"}
    data = [
        {
            "name": name,
            "spec": name,
            "official": name == "mnist",
            "sha256": {"train-images": "0123456789abcdef" * 4},
            "note": notes.get(name, ""),
        }
        for name in datasets
    ]
    return {
        "negatoscope": "0.1.0",
        "commit": None,
        "command": f"negatoscope reproduce table1 --seeds {seeds}",
        "created": "2026-11-24",
        "versions": {"python": "3.11.9", "torch": "2.9.1"},
        "system": "Linux x86_64",
        "hardware": "AMD EPYC, 2 threads, bf16",
        "data": data,
    }


def _shown(run: dict[str, Any]) -> dict[str, Any]:
    """The accuracies under attack that the run's row shows."""
    under = run["epsilon"] or 0.1
    return next(found["accuracies"] for found in run["attacks"] if found["epsilon"] == under)


def _rows(name: str) -> int:
    return len(DATASETS[name]["epsilons"])


def _at(run: dict[str, Any], path: Sequence[str]) -> float:
    for key in path:
        run = run[key]
    return run  # type: ignore[return-value]
