"""From the runs of a study to what they say, by a rule that was written before them and has only been made stricter.

**The rule.** Judged are levels with two runs or more: how much a recipe scatters cannot be told from one. A factor
*decides* how many negatives are read if its p-value, corrected for the number of factors of its study (Holm), is below
0.05, and its strongest level moves the accuracy on negatives by 5 points or more, with an interval without 0. It *does
not matter* if the 95 % intervals of all its judged levels' differences lie within 5 points on either side of 0.
Otherwise it is *undecided*; *not judged* if no level of it has two runs. This is asked twice: at the end of training,
and at equal validation accuracy along it, where a factor is *not compared* if the level that is strongest at the end,
or the default, has no two such numbers, and can be without matter only if all its judged levels have two. The paper's
pair counts as *found* where a run that has seen no negatives comes within 0.3 points on test images and 2 points on
negatives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any

from scipy import stats

from negatoscope.reproduce.paper import Printed, printed
from negatoscope.statistics import Effect, FittedLevels, factor_effects, fit_levels, holm, log_odds, mean_and_deviation
from negatoscope.studies.design import Factor, Study
from negatoscope.training.loop import MONITORED

SIGNIFICANT = 0.05
MATTERS = 0.05
"""Accuracy on negatives, in [0, 1], from which on a difference matters."""

NEAR_TEST, NEAR_NEGATIVE = 0.003, 0.02
"""How near to the paper's accuracies a run must come, in [0, 1]."""

REPEATED = 2
"""From how many runs on a level is judged."""

DEFAULT = "default"
NOT_COMPARED, NOT_JUDGED = "not compared", "not judged"

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
        factor.name: [key for key in (level_key(factor.name, level.value) for level in factor.levels) if key in runs]
        for factor in study.factors
    }
    runs = {DEFAULT: runs[DEFAULT], **runs}  # first, so that it is what others are connected with
    ends = {
        key: {seed: log_odds(run["negative"]["accuracy"], run["negative"]["n"]) for seed, run in seeds.items()}
        for key, seeds in runs.items()
    }
    marks = _at_accuracy(runs, study.decisive_accuracy)
    fit = fit_levels(ends)
    equal = fit_levels(marks) if DEFAULT in marks else None
    judged = _repeated(factors, ends)
    effects = _judged(fit, judged, family=study.family)
    effects |= _unjudged(fit, {name: keys for name, keys in factors.items() if name not in judged})
    judged = {name: keys for name, keys in judged.items() if name in effects}
    compared = {name: keys for name, keys in _repeated(judged, marks).items() if effects[name]["level"] in keys}
    at_equal = {} if equal is None else _judged(equal, compared, family=study.family)
    for name, effect in at_equal.items():
        if effect["verdict"] == "does not matter" and compared[name] != judged[name]:
            effect["verdict"] = "undecided"
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
                **at_equal.get(factor.name, {"effect": None, "verdict": _why_not(effects[factor.name])}),
            },
        }
        for factor in study.factors
        if factor.name in effects
    ]


def _why_not(effect: Document) -> str:
    """Why a factor has no verdict at equal accuracy."""
    return NOT_JUDGED if effect["verdict"] == NOT_JUDGED else NOT_COMPARED


def _repeated(factors: Mapping[str, Sequence[str]], found: Mapping[str, Mapping[int, float]]) -> dict[str, list[str]]:
    """The levels of each factor that are judged, beside a default that is; factors without one are left out."""
    kept = {
        name: [key for key in keys if len(found.get(key, ())) >= REPEATED]
        for name, keys in factors.items()
        if len(found.get(DEFAULT, ())) >= REPEATED
    }
    return {name: keys for name, keys in kept.items() if keys}


def _named_levels(factor: Factor) -> list[tuple[str, str]]:
    """The value and the key of each level, the default's first."""
    return [(factor.default, DEFAULT), *((level.value, level_key(factor.name, level.value)) for level in factor.levels)]


def verdict_of(effect: Effect, p_corrected: float | None) -> str:
    """What the rule says of a factor: "decides", "does not matter" or "undecided"."""
    if effect.lowest is None or effect.highest is None or p_corrected is None:
        return "undecided"
    apart = effect.low is not None and effect.high is not None and (effect.low > 0 or effect.high < 0)
    if p_corrected < SIGNIFICANT and abs(effect.difference) >= MATTERS and apart:
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
    """Whether negatives follow how far training has come: over all runs that have seen no negatives, and along each.

    `rising` are those, of the `followed` ones, that read more negatives at their end than after their first epoch;
    `swing` is the median of their largest changes from one epoch to the next.
    """
    unaided = _unaided(runs)
    cells = [run for seeds in unaided.values() for run in seeds.values()]
    negatives = [run["negative"]["accuracy"] for run in cells]
    validation = [
        _mean([run["curve"][-1]["validation_accuracy"] for run in each.values()]) for each in unaided.values()
    ]
    by_recipe = [_mean([run["negative"]["accuracy"] for run in each.values()]) for each in unaided.values()]
    several = len(set(validation)) > 1 and len(set(by_recipe)) > 1 and len(by_recipe) > 3
    epochs = [[point["negative_accuracy"] for point in run["curve"] if point["epoch"] % 1 == 0] for run in cells]
    followed = [ends for ends in epochs if len(ends) > 1]
    swings = [max(abs(after - before) for before, after in pairwise(ends)) for ends in followed]
    return {
        "runs": len(cells),
        "rank_correlation": float(stats.spearmanr(validation, by_recipe).statistic) if several else None,
        "followed": len(followed),
        "rising": sum(ends[-1] > ends[0] for ends in followed),
        "swing": median(swings) if swings else None,
        "above_chance": sum(run["negative"]["low"] > run["chance"] for run in cells),
        "below_chance": sum(run["negative"]["high"] < run["chance"] for run in cells),
        "lowest": min(negatives, default=None),
        "highest": max(negatives, default=None),
    }


def _unaided(runs: LevelRuns) -> LevelRuns:
    """The levels whose runs were trained without negatives."""
    return {key: seeds for key, seeds in runs.items() if not next(iter(seeds.values()))["recipe"]["negative_share"]}


def _at_accuracy(runs: LevelRuns, accuracy: float) -> dict[str, dict[int, float]]:
    """Log-odds of negatives where runs first come to `accuracy`, of those that do."""
    found = {}
    for key, seeds in runs.items():
        rates = {seed: negative_at(run["curve"], accuracy) for seed, run in seeds.items() if _is_followed(run)}
        kept = {seed: log_odds(rate, MONITORED) for seed, rate in rates.items() if rate is not None}
        if kept:
            found[key] = kept
    return found


def _is_followed(run: Document) -> bool:
    """Whether the negatives counted along training are those that the run is about."""
    return bool(run["recipe"]["negatives"] == "after")


def _judged(fit: FittedLevels, factors: Mapping[str, Sequence[str]], *, family: int) -> dict[str, Document]:
    """What the rule says of factors; p-values are corrected for `family` of them, however many have been run."""
    effects = factor_effects(fit, factors, default=DEFAULT)
    known = {name: effect.p for name, effect in effects.items() if effect.p is not None}
    others = [1.0] * (family - len(known))
    corrected = dict(zip(known, holm([*known.values(), *others]), strict=False)) if known else {}
    return {
        name: _told(effect, corrected.get(name), verdict_of(effect, corrected.get(name)))
        for name, effect in effects.items()
    }


def _unjudged(fit: FittedLevels, factors: Mapping[str, Sequence[str]]) -> dict[str, Document]:
    """The differences of factors whose levels have one run each, without what one run cannot tell."""
    effects = factor_effects(fit, factors, default=DEFAULT)
    return {
        name: _told(replace(effect, low=None, high=None, p=None, share=None), None, NOT_JUDGED)
        for name, effect in effects.items()
    }


def _told(effect: Effect, p_corrected: float | None, verdict: str) -> Document:
    return {
        "level": effect.level,
        "effect": effect.difference,
        "effect_low": effect.low,
        "effect_high": effect.high,
        "p": effect.p,
        "p_corrected": p_corrected,
        "share_of_variance": effect.share,
        "verdict": verdict,
    }


def _level(
    study: Study, runs: LevelRuns, fits: tuple[FittedLevels, FittedLevels | None], value: str, key: str
) -> Document:
    """A level's mean rates over its seeds; of judged ones on negatives as fitted, which is what intervals are about."""
    found = list(runs[key].values())
    fit, equal = fits
    judged = len(found) >= REPEATED and key in fit.levels
    interval = fit.interval(key) if judged else None
    at = {
        accuracy: [negative_at(run["curve"], accuracy) if _is_followed(run) else None for run in found]
        for accuracy in study.equal_accuracies
    }
    marks = {str(accuracy): _mean(rates) for accuracy, rates in at.items()}
    passed = sum(rate is not None for rate in at[study.decisive_accuracy])
    if equal is not None and key in equal.levels and passed >= REPEATED:
        marks[str(study.decisive_accuracy)] = equal.mean(key)
    plain = _mean([run["negative"]["accuracy"] for run in found])
    return {
        "value": value,
        "seeds": len(found),
        "validation_accuracy": _mean([run["curve"][-1]["validation_accuracy"] for run in found]),
        "test_accuracy": _mean([run["test"]["accuracy"] for run in found]),
        "train_accuracy": _mean([run["train"]["accuracy"] for run in found]),
        "negative_accuracy": fit.mean(key) if judged else plain,
        "negative_arithmetic_mean": plain,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "at_equal_accuracy": marks,
        "seeds_at_equal_accuracy": passed,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean_and_deviation(known)[0] if known else None


def _far(test: float, negatives: float, paper: Printed) -> float:
    assert paper.test is not None, "closest_to_paper checked it"
    assert paper.negative is not None, "closest_to_paper checked it"
    return max(abs(test - paper.test) / NEAR_TEST, abs(negatives - paper.negative) / NEAR_NEGATIVE)
