"""From the runs of a study to verdicts, by a rule that was written before them and has only been made stricter.

**The rule.** Judged are levels with two runs or more: how much a recipe scatters does not show in one. A factor
*decides* the accuracy on negatives if its p-value, corrected for the number of factors of its study (Holm), is below
0.05, and its strongest level moves that accuracy by 5 points or more, with an interval without 0. It *does not matter*
if the 95 % intervals of all its judged levels' differences lie within 5 points on either side of 0. Otherwise it is
*undecided*; *not judged* if no level of it has two runs. This is asked twice: at the end of training, and at equal
validation accuracy along it, where a factor is *not compared* if the level that is strongest at the end, or the
default, has no two such numbers, and can be without matter only if all its judged levels have two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from negatoscope.statistics.factors import Effect, FittedLevels, factor_effects, fit_levels, log_odds
from negatoscope.statistics.intervals import mean_and_deviation
from negatoscope.statistics.paired import holm
from negatoscope.studies.sensitivity_plan import DEFAULT, Study
from negatoscope.studies.sensitivity_result import FactorEffect, FactorResult, FactorVerdict, LevelResult
from negatoscope.studies.sensitivity_run import StudyRun
from negatoscope.training.loop import MONITORED

SIGNIFICANT = 0.05
MATTERS = 0.05
"""Accuracy on negatives, in [0, 1], from which on a difference matters."""

REPEATED = 2
"""From how many runs on a level is judged."""

LevelRuns = Mapping[str, Mapping[int, StudyRun]]
"""For each recipe's key its runs by seed."""


def judge_factors(study: Study, runs: LevelRuns) -> list[FactorResult]:
    """Every factor of a study with its levels: at the end of training and at equal validation accuracy.

    Args:
        study: What was to be run.
        runs: What has been run, the default among it.
    """
    runs = {DEFAULT: runs[DEFAULT], **runs}  # first, so that it is what others are connected with
    made = {factor.name: [key for key in map(factor.key, factor.levels) if key in runs] for factor in study.factors}
    at_end = {
        key: {seed: log_odds(run.negative_train.accuracy, run.negative_train.n) for seed, run in seeds.items()}
        for key, seeds in runs.items()
    }
    at_mark = {key: seeds for key in runs if (seeds := _at_accuracy(runs[key], study.decisive_accuracy))}
    fit = fit_levels(at_end)
    equal = fit_levels(at_mark) if DEFAULT in at_mark else None
    judged = _repeated(made, at_end)
    effects = _judged(fit, judged, family=study.family_size)
    unjudged = factor_effects(fit, {name: keys for name, keys in made.items() if name not in judged}, default=DEFAULT)
    effects |= {
        name: FactorEffect(verdict="not judged", level=effect.level, effect=effect.difference)
        for name, effect in unjudged.items()
    }
    judged = {name: keys for name, keys in judged.items() if name in effects}
    compared = {name: keys for name, keys in _repeated(judged, at_mark).items() if effects[name].level in keys}
    at_equal = {} if equal is None else _judged(equal, compared, family=study.family_size)
    for name, effect in at_equal.items():
        if effect.verdict == "does not matter" and compared[name] != judged[name]:
            at_equal[name] = replace(effect, verdict="undecided")
    return [
        FactorResult(
            name=factor.name,
            study=study.name,
            dataset=study.dataset,
            epsilon=study.epsilon,
            default=factor.default,
            levels=tuple(
                _level(study, value, list(runs[key].values()), key, fit, equal)
                for value, key in factor.named_keys()
                if key in runs
            ),
            **vars(effects[factor.name]),
            at_equal_accuracy=at_equal.get(
                factor.name, FactorEffect(verdict="not compared" if factor.name in judged else "not judged")
            ),
        )
        for factor in study.factors
        if factor.name in effects
    ]


def verdict_of(effect: Effect, p_corrected: float | None) -> FactorVerdict:
    """What the rule says of a factor: "decides", "does not matter" or "undecided"."""
    if effect.lowest is None or effect.highest is None or p_corrected is None:
        return "undecided"
    apart = effect.low is not None and effect.high is not None and (effect.low > 0 or effect.high < 0)
    if p_corrected < SIGNIFICANT and abs(effect.difference) >= MATTERS and apart:
        return "decides"
    return "does not matter" if effect.lowest > -MATTERS and effect.highest < MATTERS else "undecided"


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return mean_and_deviation(values)[0]


def _repeated(levels: Mapping[str, Sequence[str]], values: Mapping[str, Mapping[int, float]]) -> dict[str, list[str]]:
    """The levels of each factor that are judged, beside a default that is; factors without one are left out."""
    several = {key for key, seeds in values.items() if len(seeds) >= REPEATED}
    judged = {name: [key for key in keys if key in several] for name, keys in levels.items() if DEFAULT in several}
    return {name: keys for name, keys in judged.items() if keys}


def _at_accuracy(seeds: Mapping[int, StudyRun], accuracy: float) -> dict[int, float]:
    """Log-odds of negatives where runs first come to `accuracy`, of those that do."""
    rates = {seed: run.negative_at(accuracy) for seed, run in seeds.items()}
    return {seed: log_odds(rate, MONITORED) for seed, rate in rates.items() if rate is not None}


def _judged(fit: FittedLevels, levels: Mapping[str, Sequence[str]], *, family: int) -> dict[str, FactorEffect]:
    """What the rule says of factors; p-values are corrected for `family` of them, however many have been run."""
    effects = factor_effects(fit, levels, default=DEFAULT)
    known = {name: effect.p for name, effect in effects.items() if effect.p is not None}
    others = [1.0] * (family - len(known))
    corrected = dict(zip(known, holm([*known.values(), *others]), strict=False)) if known else {}
    return {
        name: FactorEffect(
            verdict=verdict_of(effect, corrected.get(name)),
            level=effect.level,
            effect=effect.difference,
            effect_low=effect.low,
            effect_high=effect.high,
            p=effect.p,
            p_corrected=corrected.get(name),
            share_of_variance=effect.share,
        )
        for name, effect in effects.items()
    }


def _level(
    study: Study, value: str, runs: Sequence[StudyRun], key: str, fit: FittedLevels, equal: FittedLevels | None
) -> LevelResult:
    """A level's mean rates over its seeds; of judged ones on negatives as fitted, which is what intervals are about."""
    judged = len(runs) >= REPEATED and key in fit.levels
    interval = fit.interval(key) if judged else None
    known = {
        str(accuracy): [rate for run in runs if (rate := run.negative_at(accuracy)) is not None]
        for accuracy in study.equal_accuracies
    }
    marks = {accuracy: mean(rates) if rates else None for accuracy, rates in known.items()}
    reached = len(known[str(study.decisive_accuracy)])
    if equal is not None and key in equal.levels and reached >= REPEATED:
        marks[str(study.decisive_accuracy)] = equal.mean(key)
    plain = mean([run.negative_train.accuracy for run in runs])
    return LevelResult(
        value=value,
        seeds=len(runs),
        validation_accuracy=mean([run.curve[-1].validation_accuracy for run in runs]),
        test_accuracy=mean([run.test.accuracy for run in runs]),
        train_accuracy=mean([run.train.accuracy for run in runs]),
        negative_accuracy=fit.mean(key) if judged else plain,
        negative_arithmetic_mean=plain,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        at_equal_accuracy=marks,
        seeds_at_equal_accuracy=reached,
    )
