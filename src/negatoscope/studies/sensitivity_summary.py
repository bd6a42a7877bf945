"""Everything that the runs of a sensitivity study say, as one document."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median

from scipy import stats

from negatoscope.provenance import Provenance
from negatoscope.reproduce.paper import printed
from negatoscope.studies.sensitivity_effects import LevelRuns, judge_factors, mean
from negatoscope.studies.sensitivity_plan import DEFAULT, Study, combination_key
from negatoscope.studies.sensitivity_result import (
    AlongTraining,
    ClosestToPaper,
    CombinationResult,
    Curve,
    NearestRun,
    ProbedNetwork,
    RunsMadeBy,
    SensitivityResult,
    StudyResult,
)
from negatoscope.studies.sensitivity_run import StudyRun

NEAR_TEST, NEAR_NEGATIVE = 0.003, 0.02
"""How near to the paper's accuracies a run must come to count as found, in [0, 1]."""


def summarize_studies(
    studies: Sequence[Study],
    runs: Mapping[str, LevelRuns],
    *,
    provenance: Provenance,
    fast: bool,
    jobs: int,
    planned_runs: int,
) -> SensitivityResult:
    """What is written to `sensitivity.json`; a study without a run of its default is only named as missing.

    Args:
        studies: What was to be run.
        runs: Of each study by name, what has been run.
        provenance: Of the document.
        fast: Whether it is a smoke run.
        jobs: How many runs were made at once.
        planned_runs: How many there are to be.
    """
    begun = [(study, runs[study.name]) for study in studies if DEFAULT in runs[study.name]]
    every = [(study.name, *run) for study, levels in begun for run in _in_order(levels)]
    missing = {
        study.name: tuple(each.key for each in study.recipes if each.key not in runs[study.name]) for study in studies
    }
    closest = {study.name: closest_to_paper(study, levels) for study, levels in begun}
    made_by = Counter(run.made_by for levels in runs.values() for _, _, run in _in_order(levels))
    return SensitivityResult(
        provenance=provenance,
        fast=fast,
        jobs=jobs,
        planned_runs=planned_runs,
        made_by=tuple(RunsMadeBy(**vars(each), runs=number) for each, number in made_by.most_common()),
        missing={name: keys for name, keys in missing.items() if keys},
        studies=tuple(_study_result(study, levels) for study, levels in begun),
        factors=tuple(factor for study, levels in begun for factor in judge_factors(study, levels)),
        curves=tuple(
            Curve(name, key, seed, run.recipe.negative_share, *_accuracies(run), run.curve)
            for name, key, seed, run in every
        ),
        closest_to_paper={name: each for name, each in closest.items() if each is not None},
        probing=tuple(
            ProbedNetwork(
                **vars(run.probing),
                study=name,
                recipe=key,
                seed=seed,
                class_names=run.class_names,
                confidence=run.confidence,
                destinations=run.destinations,
            )
            for name, key, seed, run in every
            if run.probing and run.confidence and run.destinations
        ),
    )


def closest_to_paper(study: Study, runs: LevelRuns) -> ClosestToPaper | None:
    """The run that comes nearest to the pair that Table I prints, at its end and anywhere along training.

    Runs that were trained on negatives do not count. A distance of 1 is as far as still counts as found: 0.3 points on
    test images, 2 points on negatives. Along training validation accuracy stands for the test's, where validation
    images are not frames of signs that were trained on. None where Table I prints no pair, or there is no run.
    """
    paper = printed(study.dataset, study.epsilon)
    made = list(_in_order(_without_negatives(runs)))
    if paper.test is None or paper.negative is None or not made:
        return None
    pair = paper.test, paper.negative

    def near(key: str, seed: int, epoch: float, accuracy: float, negatives: float) -> NearestRun:
        distance = max(abs(accuracy - pair[0]) / NEAR_TEST, abs(negatives - pair[1]) / NEAR_NEGATIVE)
        return NearestRun(key, seed, epoch, accuracy, negatives, distance)

    ends = [
        near(key, seed, float(run.recipe.epochs), run.test.accuracy, run.negative_train.accuracy)
        for key, seed, run in made
    ]
    points = [
        near(key, seed, point.epoch, point.validation_accuracy, point.negative_accuracy)
        for key, seed, run in made
        if run.followed and not run.tracks
        for point in run.curve
    ]
    return ClosestToPaper(
        *pair,
        runs=len(made),
        nearest=min(ends, key=lambda end: end.distance),
        nearest_along_training=min(points, key=lambda point: point.distance, default=None),
    )


def along_training(runs: LevelRuns) -> AlongTraining:
    """Whether accuracy on negatives follows how far training has come: between recipes, and along each run."""
    levels = _without_negatives(runs)
    every = [run for _, _, run in _in_order(levels)]
    negatives = [run.negative_train.accuracy for run in every]
    validation = [mean([run.curve[-1].validation_accuracy for run in seeds.values()]) for seeds in levels.values()]
    by_recipe = [mean([run.negative_train.accuracy for run in seeds.values()]) for seeds in levels.values()]
    several = len(set(validation)) > 1 and len(set(by_recipe)) > 1 and len(by_recipe) > 3
    epochs = [[point.negative_accuracy for point in run.curve if point.epoch % 1 == 0] for run in every]
    followed = [rates for rates in epochs if len(rates) > 1]
    swings = [max(abs(after - before) for before, after in pairwise(rates)) for rates in followed]
    return AlongTraining(
        runs=len(every),
        rank_correlation=float(stats.spearmanr(validation, by_recipe).statistic) if several else None,
        followed=len(followed),
        rising=sum(rates[-1] > rates[0] for rates in followed),
        swing=median(swings) if swings else None,
        above_chance=sum(run.negative_train.low > run.chance for run in every),
        below_chance=sum(run.negative_train.high < run.chance for run in every),
        lowest=min(negatives, default=None),
        highest=max(negatives, default=None),
    )


def _without_negatives(runs: LevelRuns) -> LevelRuns:
    """The levels whose runs were trained without negatives."""
    return {key: seeds for key, seeds in runs.items() if not next(iter(seeds.values())).recipe.negative_share}


def _in_order(runs: LevelRuns) -> Iterator[tuple[str, int, StudyRun]]:
    """Every run with its recipe's key and its seed."""
    return ((key, seed, run) for key, seeds in runs.items() for seed, run in sorted(seeds.items()))


def _study_result(study: Study, runs: LevelRuns) -> StudyResult:
    default = list(runs[DEFAULT].values())
    combined = [(level.value, combination_key(level)) for level in study.combinations]
    return StudyResult(
        name=study.name,
        dataset=study.dataset,
        epsilon=study.epsilon,
        decisive_accuracy=study.decisive_accuracy,
        equal_accuracies=study.equal_accuracies,
        recipe=study.default_recipe,
        default_negative_accuracy=mean([run.negative_train.accuracy for run in default]),
        chance=default[0].chance,
        negative_n=default[0].negative_train.n,
        test_n=default[0].test.n,
        along_training=along_training(runs),
        combinations=tuple(_combination(value, list(runs[key].values())) for value, key in combined if key in runs),
        around=study.recipe,
    )


def _combination(value: str, runs: Sequence[StudyRun]) -> CombinationResult:
    confidences = [(each.train, each.negative_train) for run in runs if (each := run.confidence)]
    means = map(mean, (*zip(*map(_accuracies, runs), strict=True), *zip(*confidences, strict=True)))
    return CombinationResult(value, len(runs), runs[0].recipe.epochs, *means)


def _accuracies(run: StudyRun) -> tuple[float, float, float]:
    """On training images, test images and negatives of training images."""
    return run.train.accuracy, run.test.accuracy, run.negative_train.accuracy
