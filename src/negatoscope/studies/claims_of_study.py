"""Claims that a sensitivity study can be asked about, study by study: each has its center, a recipe."""

from collections.abc import Sequence
from statistics import fmean

from negatoscope.reports.formatting import percent
from negatoscope.reproduce.table1_document import MINIMUM_RUNS
from negatoscope.studies.claims_finding import ClaimVerdict, Finding, Judgement, together
from negatoscope.studies.sensitivity_plan import DEFAULT
from negatoscope.studies.sensitivity_result import FactorResult, LevelResult, SensitivityResult, StudyResult
from negatoscope.studies.sensitivity_summary import NEAR_TEST

LEARNED, GENERALIZED, NOISE_SLACK = 0.95, 0.5, 0.01

AUGMENTATION = "negatives in training"

_OTHER_IMAGES = (AUGMENTATION, "negatives are taken", "equalization", "region of interest")
"""Factors that say nothing about networks trained and measured on the same images."""

_OPEN = ("undecided", "not judged")
"""Verdicts on a factor that say nothing yet."""


def noise(sensitivity: SensitivityResult) -> Finding:
    """Whether random noise leaves the class."""
    judgements = []
    for study in sensitivity.studies:
        probed = [each for each in sensitivity.probing if (each.study, each.recipe) == (study.name, DEFAULT)]
        if not probed:
            continue
        clean = fmean(network.path[0].accuracy for network in probed)
        rates = [
            (points[0].strength, fmean(point.accuracy for point in points))
            for points in zip(*(network.noise for network in probed), strict=True)
        ]
        verdicts: list[ClaimVerdict] = ["holds" if clean - rate < NOISE_SLACK else "does not hold" for _, rate in rates]
        numbers = f"{_rate(clean)}; " + ", ".join(f"{strength:g}: {_rate(rate)}" for strength, rate in rates)
        verdict = together(verdicts) if len(probed) >= MINIMUM_RUNS else "undecided"
        judgements.append(Judgement(study.dataset, _center(study), len(probed), numbers, verdict))
    return Finding(
        "Accuracy on 2,000 test images, clean and under Gaussian noise of an L2 norm (a digit's negative is about 26 "
        "away) that is then cut off at 0 and 1: it falls by less than a point.",
        tuple(judgements),
    )


def learned(sensitivity: SensitivityResult) -> Finding:
    """Whether networks that see negatives in training read them."""
    judgements = []
    for study, factor in _factors(sensitivity, AUGMENTATION):
        judged = [level for level in factor.levels[1:] if level.seeds >= MINIMUM_RUNS]
        enough = any(level.negative_accuracy >= LEARNED for level in judged)
        whole = any(level.value == "half" for level in judged)
        verdict: ClaimVerdict = "holds" if enough else "does not hold" if whole else "undecided"
        judgements.append(_judgement(study, factor.levels[1:], verdict))
    return Finding(
        "Training in which a share of images are negatives: with one of these shares, accuracy on negatives is 95 % or "
        "more over three runs.",
        tuple(judgements),
    )


def similar(sensitivity: SensitivityResult) -> Finding:
    """Whether networks alike on images differ on negatives."""
    judgements = []
    for study in sensitivity.studies:
        factors = [each for each in sensitivity.factors_of(study) if each.name not in _OTHER_IMAGES]
        decisive = [(factor, factor.strongest) for factor in factors if factor.verdict == "decides"]
        near = [
            f"{factor.name}, {level.value}: {_rate(level.negative_accuracy)} (test {_rate(level.test_accuracy)})"
            for factor, level in decisive
            if abs(level.test_accuracy - factor.levels[0].test_accuracy) <= NEAR_TEST
        ]
        is_open = not factors or any(factor.verdict in _OPEN for factor in factors)
        verdict: ClaimVerdict = "holds" if near else "undecided" if is_open else "does not hold"
        default = f"default {_rate(sensitivity.default_of(study))}"
        seeds = factors[0].levels[0].seeds if factors else 0
        verdict = verdict if seeds >= MINIMUM_RUNS else "undecided"
        judgements.append(Judgement(study.dataset, _center(study), seeds, "; ".join([default, *near]), verdict))
    return Finding(
        "Among networks trained on the same images, a choice decides (docs/sensitivity.md) with a test accuracy within "
        "0.3 points of the default's.",
        tuple(judgements),
    )


def generalizes(name: str, sensitivity: SensitivityResult) -> Finding:
    """Whether a factor makes networks read negatives."""
    judgements = []
    for study, factor in _factors(sensitivity, name):
        accurate = factor.verdict == "decides" and factor.strongest.negative_accuracy >= GENERALIZED
        upwards = (factor.effect or 0.0) > 0
        verdict: ClaimVerdict = "holds" if accurate and upwards else "does not hold"
        is_open = factor.verdict in _OPEN or min(factor.levels[0].seeds, factor.strongest.seeds) < MINIMUM_RUNS
        judgements.append(_judgement(study, factor.levels, "undecided" if is_open else verdict))
    return Finding(
        f"The factor {name!r} of the study: it decides upwards, and accuracy on negatives is half or more.",
        tuple(judgements),
    )


def _factors(sensitivity: SensitivityResult, name: str) -> list[tuple[StudyResult, FactorResult]]:
    studies = {study.name: study for study in sensitivity.studies}
    return [
        (studies[factor.study], factor)
        for factor in sensitivity.factors
        if factor.name == name and factor.study in studies
    ]


def _judgement(study: StudyResult, levels: Sequence[LevelResult], verdict: ClaimVerdict) -> Judgement:
    numbers = "; ".join(f"{each.value}: {_rate(each.negative_accuracy)} (n = {each.seeds})" for each in levels)
    return Judgement(study.dataset, _center(study), max(each.seeds for each in levels), numbers, verdict)


def _center(study: StudyResult) -> str:
    """The recipe that a study is made around, with the epochs that it has there."""
    around = f" at ε = {study.epsilon:g}" if study.epsilon else ""
    return f"{study.around}, {study.recipe.epochs} epochs{around}"


def _rate(value: float) -> str:
    return percent(value, decimals=1, unit=True)
