"""The ledger of claims: each is judged by its rule, from the numbers of two documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from negatoscope.errors import DataError
from negatoscope.studies.claims import judge_claims, write_claims

TOP = Path(__file__).parents[2]
TABLE1 = json.loads((TOP / "results" / "table1" / "table1.json").read_text())


def level(value: str, negatives: float, test: float = 0.99) -> dict[str, Any]:
    return {"value": value, "seeds": 3, "negative_accuracy": negatives, "test_accuracy": test}


def factor(name: str, verdict: str, *levels: dict[str, Any]) -> dict[str, Any]:
    effect = levels[-1]["negative_accuracy"] - levels[0]["negative_accuracy"]
    last = f"{name}: {levels[-1]['value']}"
    return {
        "name": name,
        "study": "mnist",
        "verdict": verdict,
        "effect": effect,
        "level": last,
        "levels": list(levels),
    }


def study(**changes: Any) -> dict[str, Any]:
    """A document with one study of few numbers, which `changes` replace by factor."""
    factors = {
        "initialization": factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.4)),
        "batch norm": factor("batch norm", "does not matter", level("no", 0.1), level("yes", 0.12)),
        "negatives in training": factor("negatives in training", "decides", level("none", 0.1), level("half", 0.98)),
        **{name.replace("_", " "): changed for name, changed in changes.items()},
    }
    progress = {"runs": 10, "above_chance": 4, "below_chance": 3, "lowest": 0.02, "highest": 0.5}
    noise = [{"l2": 1.0, "accuracy": 0.99}, {"l2": 16.0, "accuracy": 0.3}]
    look = {"study": "mnist", "recipe": "default", "seed": 0, "path": [{"accuracy": 0.99}], "noise": noise}
    also = [{"value": "50 epochs", "epochs": 50, "train_accuracy": 0.9999, "confidence_train": 0.999}]
    source = {"command": "a study", "commit": "abc", "created": "today", "settings": {"fast": False}}
    return {
        "provenance": source,
        "studies": [
            {"name": "mnist", "epsilon": 0.0, "progress": progress, "also": also, "recipe": {"label_smoothing": 0.0}}
        ],
        "factors": list(factors.values()),
        "looking": [look],
    }


def verdicts(table1: dict[str, Any], sensitivity: dict[str, Any]) -> dict[str, str]:
    return {claim["id"]: claim["verdict"] for claim in judge_claims(table1, sensitivity)}


def test_every_claim_is_judged_and_said_in_one_line() -> None:
    claims = judge_claims(TABLE1, study())
    assert len({claim["id"] for claim in claims}) == len(claims) == 13
    for claim in claims:
        assert "\n" not in claim["text"]
        assert claim["verdict"] in ("holds", "holds in part", "does not hold", "undecided", "not tested")
        assert claim["test"]


def test_what_was_not_tested_says_so() -> None:
    found = verdicts(TABLE1, study())
    assert found["humans"] == found["other_transforms"] == "not tested"


FEW_LEARNED = factor("negatives in training", "decides", level("none", 0.1), level("half", 0.6))
MOST_READ = factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.7))
DOWNWARDS = factor("batch norm", "decides", level("no", 0.6), level("yes", 0.2))
SOME_SHOWN = factor("negatives in training", "decides", level("none", 0.1), level("1 in 100", 0.6))
LESS_ACCURATE = factor("initialization", "decides", level("Glorot", 0.1), level("He", 0.4, test=0.98))


@pytest.mark.parametrize(
    ("name", "changed", "verdict"),
    [
        ("learned", {"negatives_in_training": FEW_LEARNED}, "does not hold"),
        ("learned", {}, "holds"),
        ("augmentation", {}, "holds"),
        ("initialization", {}, "does not hold"),
        ("initialization", {"initialization": MOST_READ}, "holds"),
        ("initialization", {"initialization": {**MOST_READ, "verdict": "undecided"}}, "undecided"),
        ("initialization", {"initialization": {**MOST_READ, "verdict": "not judged"}}, "undecided"),
        ("initialization", {"elsewhere": {**MOST_READ, "verdict": "undecided"}}, "undecided"),
        ("initialization", {"initialization": MOST_READ, "elsewhere": {**MOST_READ, "verdict": "undecided"}}, "holds"),
        ("batch_norm", {}, "does not hold"),
        ("batch_norm", {"batch_norm": DOWNWARDS}, "does not hold"),
        ("learned", {"negatives_in_training": SOME_SHOWN}, "undecided"),
        ("similar", {}, "holds"),
        ("similar", {"initialization": LESS_ACCURATE}, "does not hold"),
        ("similar", {"initialization": {**MOST_READ, "verdict": "undecided"}}, "undecided"),
        ("random_level", {}, "holds in part"),
        ("noise", {}, "holds in part"),
    ],
)
def test_a_verdict_follows_from_the_study(name: str, changed: dict[str, Any], verdict: str) -> None:
    assert verdicts(TABLE1, study(**changed))[name] == verdict


def table1(*, recipe: str = "plain", confidence: float = 0.999, low: float = 0.06, **changes: float) -> dict[str, Any]:
    """One plain and one robust classifier, both as the paper has them but for `changes` of the robust one."""
    row = {
        "dataset": "mnist",
        "epsilon": 0.0,
        "test_accuracy": 0.992,
        "paper_test_accuracy": 0.992,
        "negative_accuracy": 0.07,
        "negative_low": 0.06,
        "chance": 0.1,
        "majority": 0.11,
        "seeds": 1,
        "mutual_information_bits": 0.001,
        "mutual_information_null_bits": 0.002,
    }
    rate = {"accuracy": 0.999, "low": 0.998}
    cell = {
        "dataset": "mnist",
        "epsilon": 0.0,
        "recipe": recipe,
        "train": rate,
        "confidence": {"train": confidence},
        "negative_train": {"low": low},
        "chance": 0.1,
    }
    recipes = {"plain": {"label_smoothing": 0.0}, "smooth": {"label_smoothing": 0.1}}
    return {
        "provenance": {"recipes": recipes},
        "cells": [cell],
        "summary": [row, {**row, "epsilon": 0.1, **changes}],
    }


@pytest.mark.parametrize(
    ("name", "changes", "verdict"),
    [
        ("test", {}, "holds"),
        ("test", {"test_accuracy": 0.98}, "holds in part"),
        ("random_class", {}, "holds"),
        ("random_class", {"mutual_information_bits": 0.5}, "holds in part"),
        ("robust", {}, "holds"),
        ("robust", {"negative_accuracy": 0.13}, "does not hold"),
        ("training", {}, "holds"),
        ("training", {"confidence": 0.9}, "holds in part"),
        ("training", {"confidence": 0.9, "recipe": "smooth"}, "holds"),
    ],
)
def test_a_verdict_follows_from_table1(name: str, changes: dict[str, Any], verdict: str) -> None:
    assert verdicts(table1(**changes), study())[name] == verdict


@pytest.mark.parametrize(("low", "verdict"), [(0.06, "holds"), (0.11, "does not hold")])
def test_a_run_is_at_the_level_of_random_by_its_own_interval(low: float, verdict: str) -> None:
    none = {"studies": [], "factors": [], "looking": []}
    wide = table1(low=low, negative_low=0.01)  # the interval of what another run would give says nothing of this one
    assert verdicts(wide, none)["random_level"] == verdict


def test_a_study_that_was_not_run_leaves_claims_undecided() -> None:
    empty = {"studies": [], "factors": [], "looking": []}
    found = verdicts(TABLE1, empty)
    for name in ("learned", "augmentation", "initialization", "batch_norm", "similar", "noise"):
        assert found[name] == "undecided"


def test_the_page_has_every_claim_with_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "sensitivity.json").write_text(json.dumps(study()))
    out = tmp_path / "claims.md"
    page = write_claims(TOP / "results" / "table1", tmp_path, out=out, command="a command").read_text()
    for claim in judge_claims(TABLE1, study()):
        assert claim["text"].rstrip(".") in page
        assert claim["numbers"].rstrip(".") in page
    assert "`a command`" in page
    assert "`a study`, put together at commit abc, today" in page
    assert "smoke run" not in page
    smoke = {**study(), "provenance": {**study()["provenance"], "settings": {"fast": True}}}
    (tmp_path / "sensitivity.json").write_text(json.dumps(smoke))
    write_claims(TOP / "results" / "table1", tmp_path, out=out, command="a command")
    assert "**NO RESULTS: `a study` was a smoke run.**" in out.read_text()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_a_folder_without_its_document_is_one_sentence(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "sensitivity.json").write_text(content)
    with pytest.raises(DataError, match="expected"):
        write_claims(TOP / "results" / "table1", tmp_path, out=tmp_path / "claims.md", command="a command")
    assert not (tmp_path / "claims.md").exists()
