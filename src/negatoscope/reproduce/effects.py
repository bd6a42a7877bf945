"""From the runs of a study to what they say, by a rule that was written before any of them.

**The rule.** A factor *decides* how many negatives are read if its p-value, corrected for the number of factors of its
study (Holm), is below 0.05, and its strongest level moves the accuracy on negatives by 5 points or more. It *does not
matter* if the 95 % intervals of all its levels' differences lie within 5 points on either side of 0. Otherwise it is
*undecided*. This is asked twice: at the end of training, and at equal validation accuracy along it, where a factor
is *not compared* if the level that is strongest at the end, or the default, has no such number. The paper's pair counts
as *found* where a run that has seen no negatives comes within 0.3 points on test images and 2 points on negatives.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from scipy import stats

from negatoscope.reproduce.paper import Printed, printed
from negatoscope.reproduce.study import Factor, Study
from negatoscope.statistics import Effect, Fit, factor_effects, fit_levels, holm, log_odds, mean_and_deviation
from negatoscope.training.loop import MONITORED

SIGNIFICANT = 0.05
MATTERS = 0.05
"""Accuracy on negatives, in [0, 1], from which on a difference matters."""

NEAR_TEST, NEAR_NEGATIVE = 0.003, 0.02
"""How near to the paper's accuracies a run must come, in [0, 1]."""

DEFAULT = "default"
NOT_COMPARED = "not compared"

Document = dict[str, Any]
LevelRuns = dict[str, dict[int, Document]]
"""For each level's key its runs by seed."""


def level_key(factor: str, value: str) -> str:
    """The one name of a level within its study."""
    return f"{factor}: {value}" if factor else DEFAULT


def study_effects(study: Study, runs: LevelRuns) -> list[Document]:
    """Every factor of a study, with its levels: at the end of training and at equal validation accuracy.

    Args:
        study: What was to be run.
        runs: What has been run, the default among it.
    """
    factors = {
        factor.name: [level_key(factor.name, level.value) for level in factor.levels] for factor in study.factors
    }
    runs = {DEFAULT: runs[DEFAULT], **runs}  # first, so that it is what others are connected with
    ends = {
        key: {seed: log_odds(run["negative"]["accuracy"], run["negative"]["n"]) for seed, run in seeds.items()}
        for key, seeds in runs.items()
    }
    fit, equal = fit_levels(ends), _equal_fit(runs, study.decisive_accuracy)
    effects = _corrected(factor_effects(fit, factors, default=DEFAULT))
    compared = {name: keys for name, keys in factors.items() if _is_compared(effects.get(name), equal)}
    at_equal = {} if equal is None else _corrected(factor_effects(equal, compared, default=DEFAULT))
    return [
        {
            "name": factor.name,
            "study": study.name,
            "dataset": study.dataset,
            "epsilon": study.epsilon,
            "default": factor.default,
            "levels": [
                _level(study, runs, (fit, equal), *named) for named in _named_levels(factor) if named[1] in runs
            ],
            **effects[factor.name],
            "at_equal_accuracy": {
                "validation_accuracy": study.decisive_accuracy,
                **at_equal.get(factor.name, {"effect": None, "verdict": NOT_COMPARED}),
            },
        }
        for factor in study.factors
        if factor.name in effects
    ]


def _named_levels(factor: Factor) -> list[tuple[str, str]]:
    """The value and the key of each level, the default's first."""
    return [(factor.default, DEFAULT), *((level.value, level_key(factor.name, level.value)) for level in factor.levels)]


def verdict_of(effect: Effect, p_corrected: float | None) -> str:
    """What the rule says of a factor: "decides", "does not matter" or "undecided"."""
    if effect.lowest is None or effect.highest is None or p_corrected is None:
        return "undecided"
    if p_corrected < SIGNIFICANT and abs(effect.difference) >= MATTERS:
        return "decides"
    return "does not matter" if effect.lowest > -MATTERS and effect.highest < MATTERS else "undecided"


def negative_at(curve: Sequence[Mapping[str, float]], accuracy: float) -> float | None:
    """Accuracy on negatives where validation accuracy first comes to `accuracy`, on a line between two measurements.

    None where it never does, and where it was there before the first measurement.
    """
    for before, after in pairwise(curve):
        low, high = before["validation_accuracy"], after["validation_accuracy"]
        if low < accuracy <= high:
            share = (accuracy - low) / (high - low)
            return before["negative_accuracy"] + share * (after["negative_accuracy"] - before["negative_accuracy"])
        if low >= accuracy:
            return None
    return None


def closest_to_paper(study: Study, runs: LevelRuns) -> Document | None:
    """The run that comes nearest to the pair that Table I prints, at its end and anywhere along training.

    Runs that were trained on negatives do not count. A distance of 1 is as far as still counts as found. Along training
    validation accuracy stands for the test's, where validation images are not frames of signs that were trained on.
    """
    paper = printed(study.dataset, study.epsilon)
    if paper.test is None or paper.negative is None:
        return None
    ends, points = [], []
    for key, seeds in _unaided(runs).items():
        for seed, run in seeds.items():
            named = {"recipe": key, "seed": seed}
            end = {"test_accuracy": run["test"]["accuracy"], "negative_accuracy": run["negative"]["accuracy"]}
            ends.append({**named, **end, "distance": _far(end["test_accuracy"], end["negative_accuracy"], paper)})
            for point in run["curve"] if _is_followed(run) and not run["tracks"] else ():
                far = _far(point["validation_accuracy"], point["negative_accuracy"], paper)
                points.append({**named, **point, "distance": far})
    if not ends:
        return None
    nearest = min(ends, key=lambda each: float(each["distance"]))
    along = min(points, key=lambda each: float(each["distance"])) if points else None
    return {
        "study": study.name,
        "dataset": study.dataset,
        "epsilon": study.epsilon,
        "paper": {"test_accuracy": paper.test, "negative_accuracy": paper.negative},
        "runs": len(ends),
        "found": nearest["distance"] <= 1,
        "nearest": nearest,
        "found_along_training": None if along is None else along["distance"] <= 1,
        "nearest_along_training": along,
    }


def progress(runs: LevelRuns) -> Document:
    """Whether negatives follow how far training has come: over all runs that have seen no negatives, and along each."""
    unaided = _unaided(runs)
    cells = [run for seeds in unaided.values() for run in seeds.values()]
    negatives = [run["negative"]["accuracy"] for run in cells]
    validation = [
        _mean([run["curve"][-1]["validation_accuracy"] for run in each.values()]) for each in unaided.values()
    ]
    by_recipe = [_mean([run["negative"]["accuracy"] for run in each.values()]) for each in unaided.values()]
    several = len(set(validation)) > 1 and len(set(by_recipe)) > 1 and len(by_recipe) > 3
    return {
        "runs": len(cells),
        "rank_correlation": float(stats.spearmanr(validation, by_recipe).statistic) if several else None,
        "rising": sum(run["curve"][-1]["negative_accuracy"] > run["curve"][0]["negative_accuracy"] for run in cells),
        "above_chance": sum(run["negative"]["low"] > run["chance"] for run in cells),
        "below_chance": sum(run["negative"]["high"] < run["chance"] for run in cells),
        "lowest": min(negatives, default=None),
        "highest": max(negatives, default=None),
    }


def _unaided(runs: LevelRuns) -> LevelRuns:
    """The levels whose runs were trained without negatives."""
    return {key: seeds for key, seeds in runs.items() if not next(iter(seeds.values()))["recipe"]["negative_share"]}


def _is_compared(effect: Document | None, equal: Fit | None) -> bool:
    """Whether the level that is strongest at the end has a number at equal accuracy."""
    return effect is not None and equal is not None and effect["level"] in equal.levels


def _equal_fit(runs: LevelRuns, accuracy: float) -> Fit | None:
    """Of all runs that come to `accuracy`; None where the default does not."""
    found: dict[str, dict[int, float]] = {}
    for key, seeds in runs.items():
        rates = {seed: negative_at(run["curve"], accuracy) for seed, run in seeds.items() if _is_followed(run)}
        kept = {seed: log_odds(rate, MONITORED) for seed, rate in rates.items() if rate is not None}
        if kept:
            found[key] = kept
    return fit_levels(found) if DEFAULT in found else None


def _is_followed(run: Document) -> bool:
    """Whether the negatives counted along training are those that the run is about."""
    return bool(run["recipe"]["negatives"] == "after")


def _corrected(effects: Mapping[str, Effect]) -> dict[str, Document]:
    known = {name: effect.p for name, effect in effects.items() if effect.p is not None}
    corrected = dict(zip(known, holm(list(known.values())), strict=True))
    return {
        name: {
            "level": effect.level,
            "effect": effect.difference,
            "effect_low": effect.low,
            "effect_high": effect.high,
            "p": effect.p,
            "p_corrected": corrected.get(name),
            "share_of_variance": effect.share,
            "verdict": verdict_of(effect, corrected.get(name)),
        }
        for name, effect in effects.items()
    }


def _level(study: Study, runs: LevelRuns, fits: tuple[Fit, Fit | None], value: str, key: str) -> Document:
    """A level's mean rates over its seeds; on negatives the mean of log-odds, which is what intervals are about."""
    found = list(runs[key].values())
    fit, equal = fits
    interval = fit.interval(key) if key in fit.levels else None
    marks = {
        str(accuracy): _mean([negative_at(run["curve"], accuracy) for run in found if _is_followed(run)])
        for accuracy in study.equal_accuracies
    }
    if equal is not None and key in equal.levels:
        marks[str(study.decisive_accuracy)] = equal.mean(key)
    plain = _mean([run["negative"]["accuracy"] for run in found])
    return {
        "value": value,
        "seeds": len(found),
        "validation_accuracy": _mean([run["curve"][-1]["validation_accuracy"] for run in found]),
        "test_accuracy": _mean([run["test"]["accuracy"] for run in found]),
        "train_accuracy": _mean([run["train"]["accuracy"] for run in found]),
        "negative_accuracy": fit.mean(key) if key in fit.levels else plain,
        "negative_arithmetic_mean": plain,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "at_equal_accuracy": marks,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean_and_deviation(known)[0] if known else None


def _far(test: float, negatives: float, paper: Printed) -> float:
    assert paper.test is not None, "closest_to_paper checked it"
    assert paper.negative is not None, "closest_to_paper checked it"
    return max(abs(test - paper.test) / NEAR_TEST, abs(negatives - paper.negative) / NEAR_NEGATIVE)
