"""A ledger of what two papers claim: our test of each, its numbers, a verdict by rule, and when it holds.

**The rules.** Accuracy counts as *nearly 100 %* from 99.5 %, confidence as *very high* from 99 %. A test accuracy
agrees within 0.5 points or where ours is higher. Accuracy on negatives is *at the level of random* where its interval
holds chance, or lies below it. Predictions are *random* where they carry no more information on the label than
permuted labels do. Adversarial training *helps* where accuracy on negatives is 5 points or more above the plain
network's. Noise *keeps the class* where accuracy falls by less than a point. Images are *learned* from 95 % on. A
choice makes networks *generalise* where it decides (`reproduce.effects`) upwards, and half or more of the negatives
are read.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from negatoscope.errors import DataError
from negatoscope.files import write_whole
from negatoscope.reports.claims_page import claims_page
from negatoscope.reproduce.effects import MATTERS, NEAR_TEST

Document = Mapping[str, Any]
Verdict = Literal["holds", "holds in part", "does not hold", "undecided", "not tested"]

NEARLY_ALL, SURE, TEST_SLACK, NOISE_SLACK, LEARNED, READ = 0.995, 0.99, 0.005, 0.01, 0.95, 0.5


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
    text = files("negatoscope.reproduce").joinpath("claims.toml").read_text(encoding="utf-8")
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
    write_whole(out, claims_page(claims, command=command, sources=sources).encode())
    return out


def _read(file: Path) -> Document:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"expected {file.name} in {file.parent}, but it cannot be read; make it first") from error


def _training(table1: Document, sensitivity: Document) -> Finding:
    rows = [(_name(cell), cell["train"]["accuracy"], cell["confidence"]["train"]) for cell in table1["cells"]]
    long = [
        (f"{each['value']} ({study['name']})", each["train_accuracy"], each["confidence_train"])
        for study in sensitivity["studies"]
        for each in study["also"]
        if each["epochs"] >= 50
    ]
    held = [accuracy >= NEARLY_ALL and sure >= SURE for _, accuracy, sure in [*rows, *long]]
    numbers = _listed(f"{name} {_pc(accuracy)}, confidence {_pc(sure)}" for name, accuracy, sure in [*rows, *long])
    condition = "" if all(held) else f"in {sum(held)} of {len(held)} classifiers"
    return Finding(
        "Accuracy and mean confidence on all training images (Table I) or 5,000 of them (50 epochs).",
        numbers,
        _part(held),
        condition,
    )


def _test(table1: Document, sensitivity: Document) -> Finding:
    rows = [row for row in table1["summary"] if row["paper_test_accuracy"] is not None]
    held = [row["test_accuracy"] >= row["paper_test_accuracy"] - TEST_SLACK for row in rows]
    numbers = _listed(
        f"{_name(row)} {_pc(row['test_accuracy'])} (paper {_pc(row['paper_test_accuracy'])})" for row in rows
    )
    return Finding("Accuracy on all test images.", numbers, _part(held), f"in {sum(held)} of {len(held)} rows")


def _random_level(table1: Document, sensitivity: Document) -> Finding:
    rows = table1["summary"]
    held = [row["negative_low"] <= row["chance"] for row in rows]
    random = [_name(row) for row, holds in zip(rows, held, strict=True) if holds]
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
    table = _listed(f"{_name(row)} {_pc(row['negative_accuracy'])}" for row in rows)
    return Finding(
        "Accuracy on negatives of training images, against chance: Table I's classifiers, and every run of the study.",
        f"Table I: {table}. At or below chance in {_listed(counted)}.",
        verdict,
        f"at or below chance, or with an interval that holds it: {_listed(random)}" if random and not all(held) else "",
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
        _listed(f"{_name(row)} {100 * difference:+.1f} points" for row, difference in apart),
        _part(held),
        f"not at {_listed(helped)}" if helped else "",
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
            f"{level['value']} {_pc(level['negative_accuracy'])} (test {_pc(level['test_accuracy'])})"
            for _, level in found
        ),
        "holds" if enough else "does not hold" if whole else "undecided",
        f"with {_listed(enough)}" if enough else "",
    )


def _similar(table1: Document, sensitivity: Document) -> Finding:
    told, held = [], []
    for study in sensitivity["studies"]:
        factors = [factor for factor in sensitivity["factors"] if factor["study"] == study["name"]]
        default = factors[0]["levels"][0] if factors else None
        if default is None:
            continue
        others = [factor for factor in factors if factor["name"] not in _SAME_IMAGES]
        levels = [default, *(level for factor in others for level in factor["levels"][1:])]
        near = [level for level in levels if abs(level["test_accuracy"] - default["test_accuracy"]) <= NEAR_TEST]
        rates = [level["negative_accuracy"] for level in near]
        held.append(max(rates) - min(rates) >= MATTERS)
        told.append(f"{study['name']}: {_pc(min(rates))} to {_pc(max(rates))} of negatives among {len(near)} recipes")
    if not told:
        return _nothing("Recipes of equal accuracy.")
    return Finding("Recipes whose test accuracies lie within 0.3 points of the default's.", _listed(told), _part(held))


def _generalises(name: str) -> Callable[[Document, Document], Finding]:
    def judge(table1: Document, sensitivity: Document) -> Finding:
        factors = [factor for factor in sensitivity["factors"] if factor["name"] == name]
        if not factors:
            return _nothing(f"The factor {name!r} of the study.")
        held = []
        for factor in factors:
            most = max(level["negative_accuracy"] for level in factor["levels"][1:])
            held.append(factor["verdict"] == "decides" and factor["effect"] > 0 and most >= READ)
        numbers = [
            f"{factor['study']}: "
            + ", ".join(f"{level['value']} {_pc(level['negative_accuracy'])}" for level in factor["levels"])
            + f" ({factor['verdict']})"
            for factor in factors
        ]
        decided = all(factor["verdict"] != "undecided" for factor in factors)
        verdict: Verdict = _part(held) if decided or any(held) else "undecided"
        return Finding(f"The factor {name!r} of the study, at the end of training.", _listed(numbers), verdict)

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


_SAME_IMAGES = ("negatives in training", "negatives are taken")
"""Factors that say nothing of networks trained on the same images: one shows negatives, one measures others."""

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
    kind = f"ε = {row['epsilon']:g}" if row["epsilon"] else "DNN"
    return f"{row['dataset']} {kind}"


def _pc(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _listed(parts: Iterable[str]) -> str:
    return "; ".join(parts)
