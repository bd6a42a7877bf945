"""A ledger of what two papers claim: our test of each, its numbers, a verdict by rule, and when it holds.

`RULES` says how verdicts come about; the page prints it.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from negatoscope.errors import DataError
from negatoscope.files import write_whole
from negatoscope.reports.formatting import percent
from negatoscope.reproduce.names import dataset_name, short_classifier_name
from negatoscope.studies.claims_page import claims_page
from negatoscope.studies.effects import MATTERS, NEAR_TEST

Document = Mapping[str, Any]
Verdict = Literal["holds", "holds in part", "does not hold", "undecided", "not tested"]

_pc = partial(percent, decimals=1, unit=True, guard=False)

NEARLY_ALL, SURE, TEST_SLACK, NOISE_SLACK, LEARNED, READ = 0.995, 0.99, 0.005, 0.01, 0.95, 0.5

RULES = """\
Accuracy counts as *nearly 100 %* from 99.5 % on, confidence as *very high* from 99 % on, where labels are not smoothed.
A test accuracy agrees within 0.5 points or where ours is higher. Accuracy on negatives is *at the level of random* in a
run whose Wilson interval holds chance or lies below it. Predictions are *random* where they carry no more information
on the label than permuted labels do. Adversarial training *helps* where accuracy on negatives is 5 points or more above
the plain network's. Noise *keeps the class* where accuracy falls by less than a point. Images are *learned* where 95 %
are read. CNNs of similar accuracy *perform differently* where a choice decides (docs/sensitivity.md) with a recipe
within 0.3 points of the default on test images. A choice makes networks *generalise* where it decides upwards and half
or more of the negatives are read; a dataset on which it is undecided or not judged says neither.
"""


@dataclass(frozen=True)
class Finding:
    """What our runs say of a claim.

    Args:
        test: What was done, in a sentence.
        numbers: What came out.
        verdict: By the rules above.
        condition: When it holds, or why nothing is said.
    """

    test: str
    numbers: str
    verdict: Verdict
    condition: str = ""


def judge_claims(table1: Document, sensitivity: Document) -> list[dict[str, Any]]:
    """Every claim of `claims.toml` (`id`, `text`, `source`, `quoted`) with the fields of what we found.

    Args:
        table1: What `table1.json` holds.
        sensitivity: What `sensitivity.json` holds.

    Raises:
        DataError: One of them lacks what the rules need.
    """
    text = files("negatoscope.studies").joinpath("claims.toml").read_text(encoding="utf-8")
    try:
        return [
            {**claim, **asdict(_JUDGES[claim["id"]](table1, sensitivity))} for claim in tomllib.loads(text)["claim"]
        ]
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(f"expected documents of table1 and sensitivity, got others: {error} is missing") from error


def write_claims(table1: Path, sensitivity: Path, *, out: Path, command: str) -> Path:
    """Write the ledger as Markdown.

    Args:
        table1: The folder that `reproduce table1` wrote.
        sensitivity: The folder that `reproduce sensitivity` wrote.
        out: The page.
        command: How the page says it was made.

    Raises:
        DataError: A folder does not hold the document.
        OutputError: `out` cannot be written.
    """
    documents = [_read(table1 / "table1.json"), _read(sensitivity / "sensitivity.json")]
    claims = judge_claims(*documents)
    sources = [document["provenance"] for document in documents]
    write_whole(out, claims_page(claims, rules=RULES, command=command, sources=sources).encode())
    return out


def _read(file: Path) -> Document:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"expected {file.name} in {file.parent}, but it cannot be read; make it first") from error


def _training(table1: Document, sensitivity: Document) -> Finding:
    smoothed = {name for name, recipe in table1["provenance"]["recipes"].items() if recipe["label_smoothing"]}
    rows = [
        (_name(cell), cell["train"]["accuracy"], cell["confidence"]["train"], cell["recipe"] in smoothed)
        for cell in table1["cells"]
    ]
    rows += [
        (each["value"], each["train_accuracy"], each["confidence_train"], bool(study["recipe"]["label_smoothing"]))
        for study in sensitivity["studies"]
        for each in study["also"]
        if each["epochs"] >= 50
    ]
    held = [accuracy >= NEARLY_ALL and (soft or sure >= SURE) for _, accuracy, sure, soft in rows]
    told = [
        f"{name} {_pc(accuracy, decimals=2)}, " + ("labels smoothed" if soft else f"confidence {_pc(sure)}")
        for name, accuracy, sure, soft in rows
    ]
    apart = [name for (name, *_), holds in zip(rows, held, strict=True) if not holds]
    return Finding(
        "Accuracy and mean confidence on all training images (Table I) or 5,000 of them (50 epochs). Where labels were "
        "smoothed, confidence says nothing of the claim.",
        _listed(told),
        _part(held),
        f"not in {_listed(apart)}" if apart else "",
    )


def _test(table1: Document, sensitivity: Document) -> Finding:
    rows = [row for row in table1["summary"] if row["paper_test_accuracy"] is not None]
    held = [row["test_accuracy"] >= row["paper_test_accuracy"] - TEST_SLACK for row in rows]
    numbers = _listed(
        f"{_name(row)} {_pc(row['test_accuracy'])} (paper {_pc(row['paper_test_accuracy'])})" for row in rows
    )
    return Finding("Accuracy on all test images.", numbers, _part(held), f"in {sum(held)} of {len(held)} rows")


def _random_level(table1: Document, sensitivity: Document) -> Finding:
    cells = table1["cells"]
    held = [cell["negative_train"]["low"] <= cell["chance"] for cell in cells]
    random = [_name(cell) for cell, holds in zip(cells, held, strict=True) if holds]
    studies = [study for study in sensitivity["studies"] if not study["epsilon"]]
    told = [(study["name"], study["progress"]) for study in studies if study["progress"]["runs"]]
    counted = [
        f"{name}: {each['runs'] - each['above_chance']} of {each['runs']} runs, from {_pc(each['lowest'])} to "
        f"{_pc(each['highest'])}"
        for name, each in told
    ]
    runs = sum(each["runs"] for _, each in told)
    low = sum(each["runs"] - each["above_chance"] for _, each in told)
    verdict: Verdict = _part([*held, *([True] * low), *([False] * (runs - low))])
    where = [*random, *([f"{_runs(low)} of the study"] if low else [])]
    table = _listed(f"{_name(row)} {_pc(row['negative_accuracy'])}" for row in table1["summary"])
    guesses = {
        f"{dataset_name(row['dataset'])} {_pc(row['chance'])}, always the most frequent class {_pc(row['majority'])}"
        for row in table1["summary"]
        if not row["epsilon"]
    }
    return Finding(
        "Accuracy on negatives of training images, against chance: each classifier of Table I, each run of the study.",
        f"Table I: {table}. Chance: {_listed(sorted(guesses))}. Of the study at or below chance: "
        f"{_listed(counted) or 'nothing was run'}.",
        verdict,
        f"in {_listed(where)}" if where and verdict == "holds in part" else "",
    )


def _random_class(table1: Document, sensitivity: Document) -> Finding:
    rows = table1["summary"]
    held = [row["mutual_information_bits"] <= row["mutual_information_null_bits"] for row in rows]
    numbers = _listed(
        f"{_name(row)} {row['mutual_information_bits']:.2f} bits ({row['mutual_information_null_bits']:.3f} permuted)"
        for row in rows
    )
    return Finding("Mutual information of label and prediction on negatives.", numbers, _part(held))


def _robust(table1: Document, sensitivity: Document) -> Finding:
    plain = {row["dataset"]: row["negative_accuracy"] for row in table1["summary"] if not row["epsilon"]}
    rows = [row for row in table1["summary"] if row["epsilon"] and row["dataset"] in plain]
    apart = [(row, row["negative_accuracy"] - plain[row["dataset"]]) for row in rows]
    held = [difference < MATTERS for _, difference in apart]
    helped = [_name(row) for row, difference in apart if difference >= MATTERS]
    return Finding(
        "Accuracy on negatives less the plain network's.",
        _listed(f"{_name(row)} {100 * difference:+.1f} points ({_runs(row['seeds'])})" for row, difference in apart),
        _part(held),
        f"everywhere but at {_listed(helped)}" if helped else "",
    )


def _noise(table1: Document, sensitivity: Document) -> Finding:
    looks = [look for look in sensitivity["looking"] if look["recipe"] == "default" and look["seed"] == 0]
    if not looks:
        return _nothing("Accuracy under random noise of a given L2 size.")
    held, numbers, kept = [], [], []
    for look in looks:
        clean = look["path"][0]["accuracy"]
        keeps = [clean - point["accuracy"] < NOISE_SLACK for point in look["noise"]]
        rates = ", ".join(f"{point['l2']:g}: {_pc(point['accuracy'])}" for point in look["noise"])
        numbers.append(f"{look['study']} {_pc(clean)}, under noise {rates}")
        upto = [point["l2"] for point, keep in zip(look["noise"], keeps, strict=True) if keep]
        kept.append(f"{look['study']}: up to {max(upto):g}" if upto else f"{look['study']}: at none of these sizes")
        held += keeps
    return Finding(
        "Accuracy on 2,000 test images under Gaussian noise of an L2 size; a digit's negative is about 26 away.",
        _listed(numbers),
        _part(held),
        "" if all(held) else f"noise keeps the class on {_listed(kept)}",
    )


def _learned(table1: Document, sensitivity: Document) -> Finding:
    found = _levels(sensitivity, "negatives in training")
    if not found:
        return _nothing("Training with a share of negatives.")
    enough = [f"{study}: {level['value']}" for study, level in found if level["negative_accuracy"] >= LEARNED]
    whole = any(level["value"] == "half" for _, level in found)
    return Finding(
        "Training in which a share of images is shown as negatives.",
        _listed(
            f"{level['value']} {_pc(level['negative_accuracy'])} (test {_pc(level['test_accuracy'])}, "
            f"{_runs(level['seeds'])})"
            for _, level in found
        ),
        "holds" if enough else "does not hold" if whole else "undecided",
        f"with {_listed(enough)}" if enough else "",
    )


def _similar(table1: Document, sensitivity: Document) -> Finding:
    factors = [factor for factor in sensitivity["factors"] if factor["name"] not in _OTHER_IMAGES]
    apart = [(factor, _strongest(factor)) for factor in factors if factor["verdict"] == "decides"]
    near = [
        f"{factor['study']}: {factor['name']}, {level['value']} {_pc(level['negative_accuracy'])} of negatives (test "
        f"{_pc(level['test_accuracy'])}) beside {_pc(factor['levels'][0]['negative_accuracy'])} (test "
        f"{_pc(factor['levels'][0]['test_accuracy'])})"
        for factor, level in apart
        if abs(level["test_accuracy"] - factor["levels"][0]["test_accuracy"]) <= NEAR_TEST
    ]
    open_ones = [factor for factor in factors if factor["verdict"] in _OPEN]
    return Finding(
        "Choices that decide among networks trained on the same images, with a test accuracy within 0.3 points of the "
        "default's.",
        _listed(near) or "none",
        "holds" if near else "undecided" if open_ones or not factors else "does not hold",
    )


def _strongest(factor: Document) -> Document:
    value = str(factor["level"]).removeprefix(f"{factor['name']}: ")
    return next(level for level in factor["levels"] if level["value"] == value)


def _generalises(name: str) -> Callable[[Document, Document], Finding]:
    def judge(table1: Document, sensitivity: Document) -> Finding:
        factors = [factor for factor in sensitivity["factors"] if factor["name"] == name]
        if not factors:
            return _nothing(f"The factor {name!r} of the study.")
        known = [factor for factor in factors if factor["verdict"] not in _OPEN]
        held = [
            factor["verdict"] == "decides" and factor["effect"] > 0 and _strongest(factor)["negative_accuracy"] >= READ
            for factor in known
        ]
        numbers = [
            f"{factor['study']}: "
            + ", ".join(
                f"{level['value']} {_pc(level['negative_accuracy'])} ({_runs(level['seeds'])})"
                for level in factor["levels"]
            )
            + f": {factor['verdict']}"
            for factor in factors
        ]
        left = [f"{factor['study']} ({factor['verdict']})" for factor in factors if factor["verdict"] in _OPEN]
        verdict: Verdict = "undecided" if left and not any(held) else _part(held)
        return Finding(
            f"The factor {name!r} of the study, at the end of training.",
            _listed(numbers),
            verdict,
            f"nothing is said on {_listed(left)}" if left and any(held) else "",
        )

    return judge


def _humans(table1: Document, sensitivity: Document) -> Finding:
    return Finding("None: no person was asked.", "", "not tested", "it would take a study with people")


def _other_transforms(table1: Document, sensitivity: Document) -> Finding:
    return Finding(
        "None here: `negatoscope audit` measures other transforms on any classifier.",
        "",
        "not tested",
        "it waits for later work",
    )


_OTHER_IMAGES = ("negatives in training", "negatives are taken", "equalization", "region of interest")
"""Factors that say nothing of networks trained and measured on the same images."""

_OPEN = ("undecided", "not judged")
"""Verdicts on a factor that say nothing yet."""

_JUDGES: dict[str, Callable[[Document, Document], Finding]] = {
    "training": _training,
    "test": _test,
    "random_level": _random_level,
    "random_class": _random_class,
    "robust": _robust,
    "noise": _noise,
    "learned": _learned,
    "humans": _humans,
    "similar": _similar,
    "initialization": _generalises("initialization"),
    "augmentation": _generalises("negatives in training"),
    "batch_norm": _generalises("batch norm"),
    "other_transforms": _other_transforms,
}


def _levels(sensitivity: Document, name: str) -> list[tuple[str, Document]]:
    """The levels of a factor but its default, of every study that has it."""
    return [
        (factor["study"], level)
        for factor in sensitivity["factors"]
        if factor["name"] == name
        for level in factor["levels"][1:]
    ]


def _nothing(test: str) -> Finding:
    return Finding(test, "", "undecided", "it has not been run")


def _part(held: Sequence[bool]) -> Verdict:
    if not held:
        return "undecided"
    return "holds" if all(held) else "holds in part" if any(held) else "does not hold"


def _name(row: Document) -> str:
    return f"{dataset_name(row['dataset'])} {short_classifier_name(row['epsilon'])}"


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _listed(parts: Iterable[str]) -> str:
    return "; ".join(parts)
