"""What two papers claim: our test of each claim, its numbers, a verdict by rule, and when it holds.

`RULES` says how verdicts come about; the page prints it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from negatoscope.documents import read_settings
from negatoscope.reports.formatting import bits, counted, percent, points
from negatoscope.reproduce.paper import dataset_name, short_classifier_name
from negatoscope.reproduce.table1_document import SummaryRow, Table1
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.studies.sensitivity_effects import MATTERS
from negatoscope.studies.sensitivity_plan import DEFAULT
from negatoscope.studies.sensitivity_result import SensitivityResult
from negatoscope.studies.sensitivity_summary import NEAR_TEST

ClaimVerdict = Literal["holds", "holds in part", "does not hold", "undecided", "not tested"]

NEARLY_ALL, CONFIDENT, TEST_SLACK, NOISE_SLACK, LEARNED, GENERALISED = 0.995, 0.99, 0.005, 0.01, 0.95, 0.5

RULES = """\
Accuracy counts as *nearly 100 %* from 99.5 % on, confidence as *very high* from 99 % on, where labels are not smoothed.
A test accuracy agrees within 0.5 points or where ours is higher. Accuracy on negatives is *at the level of random* in a
run whose Wilson interval holds chance or lies below it. Predictions are *random* where they carry no more information
on the label than permuted labels do. Adversarial training *helps* where accuracy on negatives is 5 points or more above
the plain network's. Noise *keeps the class* where accuracy falls by less than a point. Images are *learned* where
accuracy on them is 95 % or more. CNNs of similar accuracy *perform differently* where a choice decides
(docs/sensitivity.md) with a recipe within 0.3 points of the default on test images. A choice makes networks
*generalise* where it decides upwards and accuracy on negatives is 50 % or more; a dataset on which it is undecided or
not judged says neither.
"""


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper; `quoted` where the words are the paper's own."""

    id: str
    text: str
    source: str
    quoted: bool


@dataclass(frozen=True)
class Finding:
    """What our runs say of a claim.

    Args:
        test: What was done, in a sentence.
        numbers: What came out.
        verdict: By the rules above.
        condition: When it holds, or why there is no verdict.
    """

    test: str
    numbers: str
    verdict: ClaimVerdict
    condition: str = ""


@dataclass(frozen=True)
class _Claims:
    claim: tuple[Claim, ...]


def judge_claims(table1: Table1, sensitivity: SensitivityResult) -> list[tuple[Claim, Finding]]:
    """Every claim of `claims.toml` with what we found.

    Args:
        table1: What `reproduce table1` found.
        sensitivity: What `reproduce sensitivity` found.
    """
    claims = read_settings(Path(__file__).with_name("claims.toml"), _Claims, what="claims").claim
    return [(claim, _JUDGES[claim.id](table1, sensitivity)) for claim in claims]


def _training(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    rows = [
        (_name(run), run.train.accuracy, run.confidence.train, run.recipe.label_smoothing > 0) for run in table1.runs
    ]
    rows += [
        (each.value, each.train_accuracy, each.confidence_train, study.recipe.label_smoothing > 0)
        for study in sensitivity.studies
        for each in study.combinations
        if each.epochs >= 50
    ]
    holds, numbers, others = [], [], []
    for name, accuracy, confidence, smoothed in rows:
        sure = "labels smoothed" if smoothed else f"confidence {_rate(confidence)}"
        numbers.append(f"{name} {percent(accuracy, unit=True)}, {sure}")
        holds.append(accuracy >= NEARLY_ALL and (smoothed or confidence >= CONFIDENT))
        others += [] if holds[-1] else [name]
    return Finding(
        "Accuracy and mean confidence on all training images (Table I) or 5,000 of them (50 epochs). Where labels were "
        "smoothed, confidence says nothing about the claim.",
        _listed(numbers),
        _overall(holds),
        f"not in {_listed(others)}" if others else "",
    )


def _test(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    rows = [(row, row.test.paper_accuracy) for row in table1.summary if row.test.paper_accuracy is not None]
    holds = [row.test.accuracy >= paper - TEST_SLACK for row, paper in rows]
    numbers = [f"{_name(row)} {_rate(row.test.accuracy)} (paper {_rate(paper)})" for row, paper in rows]
    return Finding(
        "Accuracy on all test images.", _listed(numbers), _overall(holds), f"in {sum(holds)} of {len(holds)} rows"
    )


def _random_level(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    holds = [run.negative_train.low <= run.chance for run in table1.runs]
    where = [_name(run) for run, held in zip(table1.runs, holds, strict=True) if held]
    studies, low = [], 0
    for study in sensitivity.studies:
        along = study.along_training
        if not study.epsilon and along.runs:
            below = along.runs - along.above_chance
            holds += [True] * below + [False] * along.above_chance
            ends = f"{_rate(along.lowest)} to {_rate(along.highest)}"
            studies.append(f"{study.name}: {below} of {counted(along.runs, 'run')}, from {ends}")
            low += below
    if low:
        where.append(f"{counted(low, 'run')} of the study")
    verdict = _overall(holds)
    rates = [f"{_name(row)} {_rate(row.negative.accuracy)}" for row in table1.summary]
    guesses = {
        f"{dataset_name(row.dataset)} {_rate(row.chance)}, always the most frequent class {_rate(row.majority)}"
        for row in table1.summary
        if not row.epsilon
    }
    return Finding(
        "Accuracy on negatives of training images, against chance: each classifier of Table I, each run of the study.",
        f"Table I: {_listed(rates)}. Chance: {_listed(sorted(guesses))}. Of the study at or below chance: "
        f"{_listed(studies) or 'nothing was run'}.",
        verdict,
        f"in {_listed(where)}" if where and verdict == "holds in part" else "",
    )


def _random_class(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    holds = [row.mutual_information_bits <= row.mutual_information_null_bits for row in table1.summary]
    numbers = [
        f"{_name(row)} {bits(row.mutual_information_bits)} bits "
        f"({bits(row.mutual_information_null_bits, decimals=3)} permuted)"
        for row in table1.summary
    ]
    return Finding("Mutual information of label and prediction on negatives.", _listed(numbers), _overall(holds))


def _robust(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    plain = {row.dataset: row.negative.accuracy for row in table1.summary if not row.epsilon}
    gains = [
        (row, row.negative.accuracy - plain[row.dataset])
        for row in table1.summary
        if row.epsilon and row.dataset in plain
    ]
    helped = [_name(row) for row, gain in gains if gain >= MATTERS]
    return Finding(
        "Accuracy on negatives less the plain network's.",
        _listed(f"{_name(row)} {points(gain)} points ({counted(row.seeds, 'run')})" for row, gain in gains),
        _overall([gain < MATTERS for _, gain in gains]),
        f"everywhere but at {_listed(helped)}" if helped else "",
    )


def _noise(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    networks = [each for each in sensitivity.probing if each.recipe == DEFAULT and each.seed == 0]
    if not networks:
        return _not_run("Accuracy under random noise of a given L2 norm.")
    holds, numbers, ranges = [], [], []
    for network in networks:
        clean = network.path[0].accuracy
        small = [point.strength for point in network.noise if clean - point.accuracy < NOISE_SLACK]
        rates = [f"{point.strength:g}: {_rate(point.accuracy)}" for point in network.noise]
        numbers.append(f"{network.study} {_rate(clean)}, under noise {', '.join(rates)}")
        ranges.append(f"{network.study}: " + (f"up to {max(small):g}" if small else "at none of these norms"))
        holds += [point.strength in small for point in network.noise]
    return Finding(
        "Accuracy on 2,000 test images under Gaussian noise of an L2 norm; a digit's negative is about 26 away.",
        _listed(numbers),
        _overall(holds),
        "" if all(holds) else f"noise keeps the class on {_listed(ranges)}",
    )


def _learned(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    factors = [factor for factor in sensitivity.factors if factor.name == _AUGMENTATION]
    levels = [(factor.study, level) for factor in factors for level in factor.levels[1:]]
    if not levels:
        return _not_run("Training in which a share of images are negatives.")
    enough = [f"{study}: {level.value}" for study, level in levels if level.negative_accuracy >= LEARNED]
    whole = any(level.value == "half" for _, level in levels)
    numbers = [
        f"{level.value} {_rate(level.negative_accuracy)} (test {_rate(level.test_accuracy)}, "
        f"{counted(level.seeds, 'run')})"
        for _, level in levels
    ]
    return Finding(
        "Training in which a share of images are negatives.",
        _listed(numbers),
        "holds" if enough else "does not hold" if whole else "undecided",
        f"with {_listed(enough)}" if enough else "",
    )


def _similar(table1: Table1, sensitivity: SensitivityResult) -> Finding:
    factors = [factor for factor in sensitivity.factors if factor.name not in _OTHER_IMAGES]
    near = [
        f"{factor.study}: {factor.name}, {level.value} {_rate(level.negative_accuracy)} on negatives (test "
        f"{_rate(level.test_accuracy)}) beside {_rate(default.negative_accuracy)} (test {_rate(default.test_accuracy)})"
        for factor in factors
        if factor.verdict == "decides"
        for default, level in [(factor.levels[0], factor.strongest)]
        if abs(level.test_accuracy - default.test_accuracy) <= NEAR_TEST
    ]
    is_open = not factors or any(factor.verdict in _OPEN for factor in factors)
    return Finding(
        "Choices that decide among networks trained on the same images, with a test accuracy within 0.3 points of the "
        "default's.",
        _listed(near) or "none",
        "holds" if near else "undecided" if is_open else "does not hold",
    )


def _generalises(name: str, table1: Table1, sensitivity: SensitivityResult) -> Finding:
    factors = [factor for factor in sensitivity.factors if factor.name == name]
    if not factors:
        return _not_run(f"The factor {name!r} of the study.")
    holds = [
        factor.verdict == "decides" and (factor.effect or 0.0) > 0 and factor.strongest.negative_accuracy >= GENERALISED
        for factor in factors
        if factor.verdict not in _OPEN
    ]
    numbers = []
    for factor in factors:
        levels = (
            f"{each.value} {_rate(each.negative_accuracy)} ({counted(each.seeds, 'run')})" for each in factor.levels
        )
        numbers.append(f"{factor.study}: {', '.join(levels)}: {factor.verdict}")
    left = [f"{factor.study} ({factor.verdict})" for factor in factors if factor.verdict in _OPEN]
    return Finding(
        f"The factor {name!r} of the study, at the end of training.",
        _listed(numbers),
        "undecided" if left and not any(holds) else _overall(holds),
        f"no verdict on {_listed(left)}" if left and any(holds) else "",
    )


def _untested(test: str, condition: str, table1: Table1, sensitivity: SensitivityResult) -> Finding:
    return Finding(test, "", "not tested", condition)


_AUGMENTATION = "negatives in training"

_OTHER_IMAGES = (_AUGMENTATION, "negatives are taken", "equalization", "region of interest")
"""Factors that say nothing about networks trained and measured on the same images."""

_OPEN = ("undecided", "not judged")
"""Verdicts on a factor that say nothing yet."""

_JUDGES: dict[str, Callable[[Table1, SensitivityResult], Finding]] = {
    "training": _training,
    "test": _test,
    "random_level": _random_level,
    "random_class": _random_class,
    "robust": _robust,
    "noise": _noise,
    "learned": _learned,
    "humans": partial(_untested, "None: no person was asked.", "it would take a study with people"),
    "similar": _similar,
    "initialization": partial(_generalises, "initialization"),
    "augmentation": partial(_generalises, _AUGMENTATION),
    "batch_norm": partial(_generalises, "batch norm"),
    "other_transforms": partial(
        _untested,
        "None here: `negatoscope audit` measures other transforms on any classifier.",
        "it waits for later work",
    ),
}


def _not_run(test: str) -> Finding:
    return Finding(test, "", "undecided", "it has not been run")


def _overall(holds: Sequence[bool]) -> ClaimVerdict:
    if not holds:
        return "undecided"
    return "holds" if all(holds) else "holds in part" if any(holds) else "does not hold"


def _name(row: Table1Run | SummaryRow) -> str:
    recipe = row.recipe if isinstance(row.recipe, str) else row.recipe.name
    return f"{dataset_name(row.dataset)} {short_classifier_name(row.epsilon)} ({recipe})"


def _rate(value: float | None) -> str:
    return percent(value, decimals=1, unit=True)


def _listed(parts: Iterable[str]) -> str:
    return "; ".join(parts)
